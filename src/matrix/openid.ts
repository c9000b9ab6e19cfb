import { callTimeoutMs, userinfoBytesMax, vouchTimeoutMs } from '../domain/limits.ts'
import { parseMxid } from '../domain/mxid.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import { parseServerName, type ServerName } from '../domain/server-name.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import { parseNetworkAddress } from '../domain/network-address.ts'
import type { Clock } from '../platform/clock.ts'
import { HttpFault, type HttpClient, type HttpReply } from '../platform/http-client.ts'
import type { Logger } from '../platform/logger.ts'
import { findHomeserver, type DiscoveryDeps, type HomeserverTarget } from './discovery.ts'

export type OpenidDeps = DiscoveryDeps & {
  readonly http: HttpClient
  readonly clock: Pick<Clock, 'setTimer'>
  readonly logger: Pick<Logger, 'debug'>
  /** Whether a connection to this IP address may be opened (domain/network-address). */
  readonly mayConnect: (address: string) => boolean
}

/**
 * The Matrix ID a homeserver vouches for: the owner of an OpenID token, asked at its federation API (Server-Server API,
 * "OpenID"). Refuses with server-name-invalid, homeserver-refused (it does not know the token, or speaks for others)
 * and homeserver-unreachable, the same for every reason there may be.
 */
export async function askVouch(
  deps: OpenidDeps,
  serverName: string,
  openidToken: string,
): Promise<string> {
  const server = requireServerName(deps, serverName)
  const ending = new AbortController()
  const timer = deps.clock.setTimer(vouchTimeoutMs, () => ending.abort())
  try {
    const targets = await findHomeserver(deps, server, ending.signal)
    const reply = await askFirst(deps, targets, openidToken, ending.signal)
    return readUserinfo(reply, server)
  } finally {
    timer.cancel()
  }
}

/** An address that may not be connected to is no server name here: it is refused like any other odd one. */
function requireServerName({ mayConnect }: OpenidDeps, text: string): ServerName {
  const server = parseServerName(text)
  const isAddress = server !== null && parseNetworkAddress(server.host) !== null
  if (server === null || (isAddress && !mayConnect(server.host))) {
    throw new RefusalError('server-name-invalid', 'expected the name of a homeserver')
  }
  return server
}

async function askFirst(
  deps: OpenidDeps,
  targets: readonly HomeserverTarget[],
  openidToken: string,
  signal: AbortSignal,
): Promise<HttpReply> {
  for (const target of targets) {
    try {
      return await askUserinfo(deps.http, target, openidToken, signal)
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error
      const { reason, message } = error
      deps.logger.debug({ target: target.hostHeader, reason, message }, 'homeserver not reached')
    }
  }
  throw unreachable()
}

function askUserinfo(
  http: HttpClient,
  { host, port, hostHeader, tlsName }: HomeserverTarget,
  openidToken: string,
  signal: AbortSignal,
): Promise<HttpReply> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const query = new URLSearchParams({ access_token: openidToken }).toString()
  return http.call({
    method: 'GET',
    url: new URL(`https://${authority}/_matrix/federation/v1/openid/userinfo?${query}`),
    hostHeader,
    tlsName,
    answerBytesMax: userinfoBytesMax,
    timeoutMs: callTimeoutMs,
    signal,
  })
}

/** `sub` must be a user of exactly the server asked, whatever else it may claim. */
function readUserinfo({ status, body }: HttpReply, server: ServerName): string {
  if (status >= 400 && status < 500) throw refused('the homeserver does not know this token')
  if (status !== 200) throw unreachable()
  const sub = readSub(body)
  if (sub === null || parseMxid(sub)?.serverName !== server.text) {
    throw refused('the homeserver did not vouch for a user of its own')
  }
  return sub
}

function readSub(body: Uint8Array): string | null {
  try {
    const value = parseStrictJson(body)
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'sub')) return null
    const { sub } = value as { sub: unknown }
    return typeof sub === 'string' ? sub : null
  } catch (error) {
    if (isRefusal(error)) throw unreachable()
    throw error
  }
}

function refused(message: string): RefusalError {
  return new RefusalError('homeserver-refused', message)
}

function unreachable(): RefusalError {
  return new RefusalError('homeserver-unreachable', 'the homeserver gave no usable answer')
}
