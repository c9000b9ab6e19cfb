import type { IncomingMessage } from 'node:http'
import { startPlain } from './homeserver-fixture.ts'
import type { IdentitySite } from './identity-site.ts'

/** Who was let into a room by an invitation, with what the identity server signed. */
export type Join = { readonly mxid: string; readonly signed: Record<string, unknown> | undefined }

/**
 * The side of a homeserver that clients see, as far as it leads to the identity server: it asks there what a
 * homeserver asks, and passes on what it is told. A client's token is `client-` and its user's name.
 */
export class ClientServerApi {
  readonly joins: Join[] = []
  url = ''
  readonly #site: IdentitySite
  #stop: () => Promise<void> = async () => {}

  constructor(site: IdentitySite) {
    this.#site = site
  }

  async start(): Promise<void> {
    const { port, stop } = await startPlain((request, response) => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'Content-Type': 'application/json' })
        response.end(JSON.stringify(body))
      }
      this.#answer(request).then(
        ({ status, json }) => answer(status, json),
        (error: unknown) => answer(500, { errcode: 'M_UNKNOWN', error: String(error) }),
      )
    })
    this.url = `http://127.0.0.1:${port}`
    this.#stop = stop
  }

  stop(): Promise<void> {
    return this.#stop()
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; json: object }> {
    const user = /^Bearer client-(\w+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (user === undefined)
      return { status: 401, json: { errcode: 'M_UNKNOWN_TOKEN', error: 'no' } }
    const path = decodeURIComponent((request.url ?? '').replace(/^\/_matrix\/client\/v3/, ''))
    const sent = await bodyOf(request)
    const mxid = this.#site.homeserver.mxid(user)
    if (path.endsWith('/openid/request_token')) {
      const matrix_server_name = this.#site.homeserver.name
      const json = { access_token: `open-${user}`, token_type: 'Bearer', expires_in: 3600 }
      return { status: 200, json: { ...json, matrix_server_name } }
    }
    if (path === '/account/3pid/bind') return this.#bind(mxid, sent)
    if (path === '/account/3pid/unbind') return this.#unbind(mxid, sent)
    if (path.endsWith('/invite')) return this.#invite(mxid, path.split('/')[2] ?? '', sent)
    if (path.startsWith('/join/')) {
      const signed = sent['third_party_signed'] as Join['signed']
      this.joins.push({ mxid, signed })
      return { status: 200, json: { room_id: path.split('/')[2] ?? '' } }
    }
    return { status: 404, json: { errcode: 'M_UNRECOGNIZED', error: path } }
  }

  #bind(mxid: string, { sid, client_secret, id_access_token }: Record<string, unknown>) {
    return this.#site.post('/v2/3pid/bind', { sid, client_secret, mxid }, String(id_access_token))
  }

  async #unbind(mxid: string, { medium, address, id_server }: Record<string, unknown>) {
    const { homeserver } = this.#site
    const body = { mxid, threepid: { medium, address } }
    const uri = '/_matrix/identity/v2/3pid/unbind'
    const authorization = homeserver.sign(uri, body, String(id_server))
    const { status, json } = await this.#site.call('POST', '/v2/3pid/unbind', {
      body,
      authorization,
    })
    if (status !== 200) return { status, json }
    return { status, json: { id_server_unbind_result: 'success' } }
  }

  #invite(sender: string, room_id: string, sent: Record<string, unknown>) {
    const { medium, address, id_access_token } = sent
    const told = { room_alias: '', room_avatar_url: '', room_join_rules: 'invite' }
    const shown = { room_name: 'Tea party', sender_display_name: 'Alice', sender_avatar_url: '' }
    const body = { medium, address, room_id, sender, ...told, ...shown }
    return this.#site.post('/v2/store-invite', body, String(id_access_token))
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  request.setEncoding('utf8')
  for await (const part of request) text += String(part)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}
