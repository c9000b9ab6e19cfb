import { userinfoBytesMax } from '../domain/api-limits.ts'
import { parseMxid } from '../domain/mxid.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import type { ServerName } from '../domain/server-name.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import { HttpFault, type HttpReply } from '../platform/http-client.ts'
import { callableServerName, callHomeserver, type HomeserverDeps } from './homeserver-call.ts'

export type OpenidDeps = HomeserverDeps

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
  const server = callableServerName(deps, serverName)
  if (server === null) {
    throw new RefusalError('server-name-invalid', 'expected the name of a homeserver')
  }
  return readUserinfo(await askUserinfo(deps, server, openidToken), server)
}

async function askUserinfo(
  deps: OpenidDeps,
  server: ServerName,
  openidToken: string,
): Promise<HttpReply> {
  const query = new URLSearchParams({ access_token: openidToken }).toString()
  try {
    return await callHomeserver(deps, server, {
      method: 'GET',
      path: `/_matrix/federation/v1/openid/userinfo?${query}`,
      answerBytesMax: userinfoBytesMax,
    })
  } catch (error) {
    if (error instanceof HttpFault) throw unreachable()
    throw error
  }
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
