import { expect } from 'vitest'
import { linkIn, type Answer, type IdentitySite } from './identity-site.ts'

/** What clients do with validation sessions, against a site. */

export type Session = {
  readonly sid: string
  readonly client_secret: string
  readonly token: string
}
export type Prefix = '/v2' | '/api/v1'
export type Asking = {
  readonly prefix?: Prefix
  readonly as: string
  readonly secret?: string
  readonly attempt?: unknown
  readonly nextLink?: unknown
}

/** Status, and errcode or whole body. */
export const outcome = ({ status, json }: Answer): unknown[] => [status, json['errcode'] ?? json]
export const noSession = [404, 'M_NO_VALID_SESSION']
export const notValidated = [400, 'M_SESSION_NOT_VALIDATED']
export const expired = [400, 'M_SESSION_EXPIRED']
export const incorrect = [400, 'M_TOKEN_INCORRECT']
export const done = [200, { success: true }]

export class SessionCalls {
  readonly #site: IdentitySite
  #secretsCount = 0

  constructor(site: IdentitySite) {
    this.#site = site
  }

  newSecret(): string {
    const secret = `client-secret-${++this.#secretsCount}`
    this.#site.mesh.secrets.add(secret)
    return secret
  }

  ask(email: string, asking: Asking): Promise<Answer> {
    const { prefix = '/v2', as, secret = this.newSecret(), attempt = 1, nextLink } = asking
    const body = { email, client_secret: secret, send_attempt: attempt, next_link: nextLink }
    return this.#site.post(`${prefix}/validate/email/requestToken`, body, as)
  }

  /** A session with the code that was mailed. */
  async begin(email: string, asking: Asking): Promise<Session> {
    const { mailServer, mesh } = this.#site
    const secret = asking.secret ?? this.newSecret()
    const before = mailServer.mails.length
    const asked = await this.ask(email, { ...asking, secret })
    expect(Object.keys(asked.json)).toEqual(['sid'])
    const sid = String(asked.json['sid'])
    const link = linkIn(await mailServer.mailWith(sid, before))
    const token = link.searchParams.get('token') ?? ''
    for (const text of [token, sid, link.search]) mesh.secrets.add(text)
    expect(link.searchParams.get('sid')).toBe(sid)
    expect(link.pathname).toContain(asking.prefix ?? '/v2')
    return { sid, client_secret: secret, token }
  }

  submit(
    session: Session,
    as: string,
    changes: object = {},
    prefix: Prefix = '/v2',
  ): Promise<Answer> {
    const body = { ...session, ...changes }
    return this.#site.post(`${prefix}/validate/email/submitToken`, body, as)
  }

  validated({ sid, client_secret }: Session, as: string, prefix: Prefix = '/v2'): Promise<Answer> {
    const query = new URLSearchParams({ sid, client_secret })
    return this.#site.get(`${prefix}/3pid/getValidated3pid?${query.toString()}`, as)
  }

  bind({ sid, client_secret }: Session, mxid: string, as: string): Promise<Answer> {
    return this.#site.post('/v2/3pid/bind', { sid, client_secret, mxid }, as)
  }
}
