import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import { request } from 'undici'
import { toBase64Unpadded } from '../../src/domain/base64.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { signJson } from '../../src/domain/matrix-json.ts'
import { FakeHomeserver, makeCertificate } from './homeserver-fixture.ts'
import { until } from './mesh-parties.ts'
import { TestMesh, type RunningNode, type TestNode } from './node-processes.ts'

/**
 * A whole site as its users meet it: a node of its own process, a real mail server that keeps what it is given, and a
 * homeserver over TLS that vouches for users, signs requests and hears of bindings.
 */

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: Record<string, unknown>
}

export type Told = { readonly method: string; readonly body: Record<string, unknown> }

/** Vouches for whoever has a token like `open-alice`. */
export class Homeserver {
  readonly told: Told[] = []
  /** Status of each answer to onbind; 200 when there is none left. */
  readonly onbindStatuses: number[] = []
  readonly signingSeed = Buffer.alloc(32, 5)
  ca = ''
  readonly #server = new FakeHomeserver(() => {})

  get name(): string {
    return `127.0.0.1:${this.#server.port}`
  }

  mxid(user: string): string {
    return `@${user}:${this.name}`
  }

  async start(): Promise<void> {
    const pair = await makeCertificate(['hs.example'], ['127.0.0.1'])
    this.ca = pair.cert
    this.#server.answer = (incoming, response) => {
      const url = new URL(incoming.url ?? '', 'https://hs.example')
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'Content-Type': 'application/json' })
        response.end(JSON.stringify(body))
      }
      if (url.pathname.endsWith('/openid/userinfo')) {
        const user = /^open-([a-z]+)$/.exec(url.searchParams.get('access_token') ?? '')?.[1]
        if (user === undefined) answer(401, { errcode: 'M_UNKNOWN_TOKEN', error: 'no' })
        else answer(200, { sub: this.mxid(user) })
      } else if (url.pathname === '/_matrix/key/v2/server') answer(200, this.#keys())
      else if (url.pathname.endsWith('/3pid/onbind')) {
        let text = ''
        incoming.on('data', (chunk: Buffer) => (text += chunk.toString()))
        incoming.on('end', () => {
          this.told.push({ method: incoming.method ?? '', body: JSON.parse(text) as Told['body'] })
          answer(this.onbindStatuses.shift() ?? 200, {})
        })
      } else answer(404, { errcode: 'M_UNRECOGNIZED', error: 'unknown' })
    }
    await this.#server.start({ '': pair })
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  /** The Authorization header of a request as homeservers sign them. */
  sign(uri: string, content: object, destination: string): string {
    const unsigned = {
      method: 'POST',
      uri,
      origin: this.name,
      destination_is: destination,
      content,
    }
    const signed = signJson(unsigned, this.name, 'ed25519:1', this.signingSeed)
    const { signatures } = signed as { signatures: Record<string, Record<string, string>> }
    const sig = signatures[this.name]?.['ed25519:1'] ?? ''
    return `X-Matrix origin="${this.name}",key="ed25519:1",sig="${sig}",destination="${destination}"`
  }

  #keys(): object {
    const key = toBase64Unpadded(publicKeyFromSeed(this.signingSeed))
    const keys = {
      server_name: this.name,
      verify_keys: { 'ed25519:1': { key } },
      old_verify_keys: {},
      valid_until_ts: Date.now() + 3_600_000,
    }
    return signJson(keys, this.name, 'ed25519:1', this.signingSeed)
  }
}

/** A mail server on loopback: every mail as a mail client shows it. */
export class MailServer {
  readonly mails: ParsedMail[] = []
  /** SMTP reply code for the next recipients; empty takes all. */
  readonly refusals: number[] = []
  port = 0
  readonly #server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: (_address, _session, done) => {
      const code = this.refusals.shift()
      if (code === undefined) done()
      else done(Object.assign(new Error('not here'), { responseCode: code }))
    },
    onData: (stream, _session, done) => void this.#keep(stream).finally(done),
  })

  start(): Promise<void> {
    return this.startAt(0)
  }

  startAt(port: number): Promise<void> {
    return new Promise((resolve) => {
      const listener = this.#server.listen(port, '127.0.0.1', () => {
        this.port = (listener.address() as { port: number }).port
        resolve()
      })
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #keep(stream: Readable): Promise<void> {
    this.mails.push(await simpleParser(stream))
  }

  /** The newest mail once there are `count`. */
  async mail(count: number): Promise<ParsedMail> {
    await until(`${count} mails`, () => this.mails.length >= count, 15_000)
    return this.mails[count - 1] as ParsedMail
  }

  /** The newest mail that holds a text, of those after the first `after`: others may arrive meanwhile. */
  async mailWith(text: string, after = 0): Promise<ParsedMail> {
    const found = (): ParsedMail | undefined =>
      this.mails.slice(after).findLast((mail) => mail.text?.includes(text))
    await until('the mail', () => found() !== undefined, 15_000)
    return found() as ParsedMail
  }
}

/** The link a person would follow: the first of ours in the text part. */
export function linkIn(mail: ParsedMail): URL {
  const found = /https?:\/\/\S+submitToken\S+/.exec(mail.text ?? '')?.[0]
  if (found === undefined) throw new Error(`no link in: ${mail.text}`)
  return new URL(found)
}

/** Environment of a node's process, where it depends on its ports. */
export type EnvironmentOf = (node: TestNode) => NodeJS.ProcessEnv

export class IdentitySite {
  readonly mesh = new TestMesh()
  readonly homeserver = new Homeserver()
  readonly mailServer = new MailServer()
  readonly nodes: TestNode[] = []

  /** `settings` are sections of the configuration in place of these. */
  async start(settings: object = {}, environmentOf?: EnvironmentOf): Promise<RunningNode> {
    await Promise.all([this.homeserver.start(), this.mailServer.start()])
    return this.startNode('paris', settings, environmentOf)
  }

  async startNode(
    label: string,
    settings: object = {},
    environmentOf: EnvironmentOf = () => ({}),
  ): Promise<RunningNode> {
    const caFile = join(this.mesh.folder, 'homeserver.pem')
    writeFileSync(caFile, this.homeserver.ca)
    const node = await this.mesh.make(label, {
      settings: {
        homeservers: { ca_file: caFile },
        outbound: { allow_networks: ['127.0.0.1/32'] },
        email: {
          smtp: { host: '127.0.0.1', port: this.mailServer.port, tls: 'none' },
          from: 'Identity <no-reply@id.example.org>',
        },
        rate_limits: { enabled: false },
        ...settings,
      },
    })
    this.nodes.push(node)
    return this.mesh.start(node, environmentOf(node))
  }

  /** Answers what leaked into logs, metrics or the status page. */
  async end(): Promise<string[]> {
    for (const { name, ports } of this.nodes) {
      for (const path of ['/metrics', '/', '/health/ready']) {
        const answer = await fetch(`http://127.0.0.1:${ports.admin}${path}`).catch(() => null)
        if (answer !== null) this.mesh.outputs.set(`${name}${path}`, await answer.text())
      }
    }
    const leaks = await this.mesh.end()
    await Promise.all([this.homeserver.stop(), this.mailServer.stop()])
    return leaks
  }

  url(path: string, node = this.nodes[0]): string {
    return `http://127.0.0.1:${node?.ports.public ?? 0}/_matrix/identity${path}`
  }

  async call(
    method: 'GET' | 'POST' | 'HEAD' | 'PUT' | 'DELETE' | 'PATCH' | 'OPTIONS',
    path: string,
    given: {
      readonly body?: unknown
      readonly token?: string
      readonly authorization?: string
      readonly headers?: Readonly<Record<string, string>>
      readonly node?: TestNode
    } = {},
  ): Promise<Answer> {
    const { body, token, node } = given
    const authorization = given.authorization ?? (token === undefined ? null : `Bearer ${token}`)
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(this.url(path, node), {
      method,
      headers: { ...(authorization === null ? {} : { authorization }), ...given.headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' || isBytes(body) ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: statusCode, headers, text, json: text.startsWith('{') ? parse(text) : {} }
  }

  post(path: string, body: unknown, token?: string): Promise<Answer> {
    return this.call('POST', path, { body, ...(token === undefined ? {} : { token }) })
  }

  get(path: string, token?: string): Promise<Answer> {
    return this.call('GET', path, token === undefined ? {} : { token })
  }

  async register(user: string): Promise<string> {
    const answer = await this.post('/v2/account/register', {
      access_token: `open-${user}`,
      token_type: 'Bearer',
      matrix_server_name: this.homeserver.name,
      expires_in: 3600,
    })
    const token = String(answer.json['token'])
    if (answer.status !== 200) throw new Error(`register: ${answer.status} ${answer.text}`)
    this.mesh.secrets.add(token)
    return token
  }

  /** Asks for a mail, follows its link, answers the session. */
  async validate(
    token: string,
    address: string,
    clientSecret = `secret-${address.length}`,
  ): Promise<{ sid: string; client_secret: string }> {
    const before = this.mailServer.mails.length
    const asked = await this.post(
      '/v2/validate/email/requestToken',
      { email: address, client_secret: clientSecret, send_attempt: 1 },
      token,
    )
    if (asked.status !== 200) throw new Error(`requestToken: ${asked.status} ${asked.text}`)
    const { search } = linkIn(await this.mailServer.mail(before + 1))
    const opened = await this.get(`/v2/validate/email/submitToken${search}`)
    if (opened.status !== 200) throw new Error(`link: ${opened.status} ${opened.text}`)
    return { sid: String(asked.json['sid']), client_secret: clientSecret }
  }
}

function isBytes(body: unknown): body is Buffer {
  return Buffer.isBuffer(body)
}

function parse(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>
}
