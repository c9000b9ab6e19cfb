import type { ParsedMail } from 'mailparser'
import { IdentitySite, linkIn } from '../real/identity-site.ts'
import { until } from '../real/mesh-parties.ts'
import { launchChromium, type Browser } from './chromium.ts'

/** What people write into their browsers; the browser of these tests knows where it leads. */
export const host = 'id.example.org'
/** A node whose sessions end while one waits. */
export const briefHost = 'brief.example.org'
const briefMs = 3_000

const at = (name: string): NodeJS.ProcessEnv => ({
  MYCELID_NODE__PUBLIC_BASE_URL: `http://${name}`,
})

/** A site and a browser that reaches it under the names its mails bear. */
export class BrowserSite {
  readonly site = new IdentitySite()
  alice = ''
  #browser: Browser | null = null

  get browser(): Browser {
    if (this.#browser === null) throw new Error('not started')
    return this.#browser
  }

  async start({ hasBriefNode = false } = {}): Promise<void> {
    await this.site.start({}, () => at(host))
    if (hasBriefNode) {
      const validation = { session_ttl: `${briefMs}ms` }
      await this.site.startNode('brief', { validation }, () => at(briefHost))
    }
    const names = [host, briefHost]
    const places = this.site.nodes.map(({ ports }, index) => [
      names[index] ?? '',
      `127.0.0.1:${ports.public}`,
    ])
    this.#browser = await launchChromium(Object.fromEntries(places) as Record<string, string>)
    this.alice = await this.site.register('alice')
  }

  async end(): Promise<string[]> {
    await this.#browser?.close()
    return this.site.end()
  }

  /** The newest mail to the address. */
  async mailTo(address: string): Promise<ParsedMail> {
    const find = (): ParsedMail | undefined =>
      this.site.mailServer.mails.findLast(({ to }) => [to].flat()[0]?.text === address)
    await until('the mail', () => find() !== undefined, 15_000)
    return find() as ParsedMail
  }

  /** The link of a mail that was asked for, and the session it is of. */
  async mailedLink(
    name: string,
    given: { readonly nextLink?: string; readonly headers?: Record<string, string> } = {},
  ): Promise<{ link: URL; html: string; session: { sid: string; client_secret: string } }> {
    const { site, alice } = this
    const email = site.mesh.address(name)
    const client_secret = `secret-of-${name}`
    const asked = await site.call('POST', '/v2/validate/email/requestToken', {
      body: {
        email,
        client_secret,
        send_attempt: 1,
        ...(given.nextLink === undefined ? {} : { next_link: given.nextLink }),
      },
      token: alice,
      headers: given.headers ?? {},
    })
    if (asked.status !== 200) throw new Error(`requestToken: ${asked.status} ${asked.text}`)
    const mail = await this.mailTo(email)
    const html = mail.html === false ? '' : mail.html
    return { link: linkIn(mail), html, session: { sid: String(asked.json['sid']), client_secret } }
  }

  /** A link of the node whose sessions are brief, once it has expired. */
  async expiredLink(): Promise<URL> {
    const { site } = this
    const node = site.nodes[1]
    if (node === undefined) throw new Error('started without the brief node')
    const email = site.mesh.address('late')
    const body = { email, client_secret: 'secret-of-late', send_attempt: 1 }
    const asked = await site.call('POST', '/api/v1/validate/email/requestToken', { body, node })
    const link = linkIn(await this.mailTo(email))
    const query = new URLSearchParams({
      sid: String(asked.json['sid']),
      client_secret: 'secret-of-late',
    })
    const path = `/api/v1/3pid/getValidated3pid?${query.toString()}`
    for (let tries = 0; tries < 200; tries++) {
      const { json } = await site.call('GET', path, { node })
      if (json['errcode'] === 'M_SESSION_EXPIRED') return link
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('the session did not expire')
  }
}
