import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { request } from 'undici'
import { until } from './mesh-parties.ts'

export const program = join(import.meta.dirname, '../../scripts/mail-catcher/main.mjs')

export type Caught = {
  readonly id: number
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string | null
  readonly html: string | null
  readonly links: readonly string[]
  readonly headers: readonly string[]
  readonly attachments: readonly object[]
}

/** The mail catcher as a process, on ports of its own. */
export class CatcherProcess {
  /** Of its page, without a slash at the end. */
  url = ''
  smtpPort = 0
  #child: ChildProcess | null = null

  async start(keep: number): Promise<void> {
    const words = ['--smtp-port', '0', '--http-port', '0', '--keep', String(keep)]
    const child = spawn(process.execPath, [program, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += text.toString()))
    await until('the catcher listening', () => output.includes('http://'), 15_000)
    const [, smtp, url] = /:(\d+), see (\S+)/.exec(output) ?? []
    this.smtpPort = Number(smtp)
    this.url = String(url)
  }

  /** Its exit code and the signal that ended it. */
  async stop(): Promise<unknown[]> {
    if (this.#child === null) return [null, null]
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    return ended
  }

  async send(mail: object): Promise<void> {
    const options = { host: '127.0.0.1', port: this.smtpPort, ignoreTLS: true }
    const transport = createTransport(options)
    try {
      await transport.sendMail({ from: 'Identity <no-reply@id.example.org>', ...mail })
    } finally {
      transport.close()
    }
  }

  async mails(after = 0): Promise<Caught[]> {
    const { body } = await request(`${this.url}/mails.json?after=${after}`)
    return (await body.json()) as Caught[]
  }

  async newest(): Promise<Caught> {
    const [mail] = await this.mails()
    if (mail === undefined) throw new Error('no mail was caught')
    return mail
  }
}
