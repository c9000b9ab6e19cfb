import type { Association } from '../domain/association.ts'
import { isFields } from '../domain/entry-shapes.ts'
import { isHomeserverCovered } from '../domain/homeserver-pattern.ts'
import { onbindAnswerBytesMax, onbindWaitMaxMs } from '../domain/api-limits.ts'
import { parseMxid } from '../domain/mxid.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { ServerName } from '../domain/server-name.ts'
import type { SignedInvite } from '../domain/signed-invite.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import { HttpFault, type HttpReply } from '../platform/http-client.ts'
import { callableServerName, callHomeserver, type HomeserverDeps } from './homeserver-call.ts'

export type OnbindDeps = HomeserverDeps & {
  /** Homeservers that are told of associations: names, `*.example.org`, or `*` for all. */
  readonly homeserversAllowed: readonly string[]
}

export type OnbindNotice = {
  readonly association: Association
  /** Those of this very address; sent as an empty list when there are none. */
  readonly invites: readonly SignedInvite[]
}

/**
 * What became of telling a homeserver. `temporary`: try again, not before `waitMs`. `refused`: it read the request and
 * said no. A homeserver says no to the whole when one invite of several fails, perhaps for a while only (its room is
 * not joined yet), so a few more tries are worth it. `permanent`: trying again is pointless. `reason` is for logs and
 * counters, of a closed list.
 */
export type OnbindOutcome =
  | { readonly result: 'done' }
  | {
      readonly result: 'temporary'
      readonly reason: HttpFault['reason'] | 'busy-there' | 'fault-there' | 'odd-answer'
      /** Milliseconds the homeserver asks us to wait; 0 when it does not say. */
      readonly waitMs: number
    }
  | { readonly result: 'refused'; readonly reason: 'refused' }
  | {
      readonly result: 'permanent'
      readonly reason: 'not-allowed' | 'no-homeserver' | 'not-served' | 'refused'
    }

const path = '/_matrix/federation/v1/3pid/onbind'

/**
 * Tells the homeserver of the Matrix ID about a new association and hands it the invites of the address. POST is what
 * homeservers serve; the federation chapter of the specification says PUT, so that is tried once where POST is
 * unknown. Idempotent for them; never rejects for what a homeserver does.
 */
export async function tellHomeserver(
  deps: OnbindDeps,
  { association, invites }: OnbindNotice,
): Promise<OnbindOutcome> {
  const name = parseMxid(association.mxid)?.serverName ?? ''
  const server = callableServerName(deps, name)
  if (server === null) return { result: 'permanent', reason: 'no-homeserver' }
  if (!isHomeserverCovered(deps.homeserversAllowed, name)) {
    return { result: 'permanent', reason: 'not-allowed' }
  }
  const body = JSON.stringify({ ...association, invites })
  try {
    const posted = await send(deps, server, 'POST', body)
    const reply = isUnserved(posted) ? await send(deps, server, 'PUT', body) : posted
    return classifyOnbind(reply, invites.length > 0)
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return { result: 'temporary', reason: error.reason, waitMs: 0 }
  }
}

function send(
  deps: OnbindDeps,
  server: ServerName,
  method: 'POST' | 'PUT',
  body: string,
): Promise<HttpReply> {
  return callHomeserver(deps, server, { method, path, body, answerBytesMax: onbindAnswerBytesMax })
}

/** What the answer of a homeserver to `3pid/onbind` means. */
export function classifyOnbind(reply: HttpReply, hasInvites: boolean): OnbindOutcome {
  const { status } = reply
  if (status >= 200 && status < 300) return { result: 'done' }
  if (status === 408 || status === 429) {
    return { result: 'temporary', reason: 'busy-there', waitMs: waitMs(reply) }
  }
  if (status >= 500) return { result: 'temporary', reason: 'fault-there', waitMs: waitMs(reply) }
  if (status < 400) return { result: 'temporary', reason: 'odd-answer', waitMs: 0 }
  if (isUnserved(reply)) return { result: 'permanent', reason: 'not-served' }
  return hasInvites
    ? { result: 'refused', reason: 'refused' }
    : { result: 'permanent', reason: 'refused' }
}

/** 405, or a 404 that says the path itself is unknown; another 404 may be about a room. */
function isUnserved({ status, body }: HttpReply): boolean {
  return status === 405 || (status === 404 && errcodeOf(body) === 'M_UNRECOGNIZED')
}

function errcodeOf(body: Uint8Array): unknown {
  return readFields(body)?.['errcode']
}

function readFields(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value = parseStrictJson(body)
    return isFields(value) ? value : null
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/** `Retry-After` in seconds, else `retry_after_ms` of the body (Client-Server API, "Rate limiting"), bounded. */
function waitMs({ headers, body }: HttpReply): number {
  const seconds = /^[0-9]{1,9}$/.exec(headers.get('retry-after') ?? '')?.[0]
  const given =
    seconds === undefined ? readFields(body)?.['retry_after_ms'] : Number(seconds) * 1_000
  return typeof given === 'number' && given > 0 ? Math.min(given, onbindWaitMaxMs) : 0
}
