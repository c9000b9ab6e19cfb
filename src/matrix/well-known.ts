import { LRUCache } from 'lru-cache'
import {
  callTimeoutMs,
  wellKnownBytesMax,
  wellKnownCacheMax,
  wellKnownDefaultMs,
  wellKnownFailureMs,
  wellKnownKeptMaxMs,
  wellKnownRedirectsMax,
} from '../domain/api-limits.ts'
import { isRefusal } from '../domain/refusal.ts'
import { parseServerName, type ServerName } from '../domain/server-name.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import type { Clock } from '../platform/clock.ts'
import { HttpFault, type HttpClient, type HttpReply } from '../platform/http-client.ts'

export type WellKnownDeps = {
  readonly http: HttpClient
  readonly clock: Pick<Clock, 'monoMs'>
}

type Kept = { readonly delegated: ServerName | null; readonly untilMs: number }
type Reading = { readonly delegated: ServerName | null; readonly keepMs: number }

const failure: Reading = { delegated: null, keepMs: wellKnownFailureMs }
const redirectStatuses = new Set([301, 302, 303, 307, 308])

/** Whom servers name in `/.well-known/matrix/server`; what was read is kept as long as its sender allows. */
export class WellKnown {
  readonly #deps: WellKnownDeps
  readonly #kept = new LRUCache<string, Kept>({ max: wellKnownCacheMax })

  constructor(deps: WellKnownDeps) {
    this.#deps = deps
  }

  /** `host` in lower case. Null when the server names nobody, or nobody it could name: the next step of discovery counts. */
  async read(host: string, signal: AbortSignal): Promise<ServerName | null> {
    const { http, clock } = this.#deps
    const kept = this.#kept.get(host)
    if (kept !== undefined && clock.monoMs() < kept.untilMs) return kept.delegated
    const { delegated, keepMs } = await readWellKnown(http, host, signal)
    // Giving up early says nothing about the server.
    if (!signal.aborted) this.#kept.set(host, { delegated, untilMs: clock.monoMs() + keepMs })
    return delegated
  }
}

async function readWellKnown(
  http: HttpClient,
  host: string,
  signal: AbortSignal,
): Promise<Reading> {
  let url = new URL(`https://${host}/.well-known/matrix/server`)
  for (let redirects = 0; redirects <= wellKnownRedirectsMax; redirects++) {
    const reply = await getOrNull(http, url, signal)
    if (reply === null) return failure
    if (!redirectStatuses.has(reply.status)) return readReply(reply)
    const next = redirectTarget(url, reply.headers.get('location'))
    if (next === null) return failure
    url = next
  }
  return failure
}

async function getOrNull(
  http: HttpClient,
  url: URL,
  signal: AbortSignal,
): Promise<HttpReply | null> {
  try {
    return await http.call({
      method: 'GET',
      url,
      answerBytesMax: wellKnownBytesMax,
      timeoutMs: callTimeoutMs,
      signal,
    })
  } catch (error) {
    if (error instanceof HttpFault) return null
    throw error
  }
}

/** Only https, and nobody's credentials; where it leads is checked like any other connection. */
function redirectTarget(from: URL, location: string | undefined): URL | null {
  if (location === undefined || !URL.canParse(location, from.href)) return null
  const url = new URL(location, from)
  return url.protocol === 'https:' && url.username === '' && url.password === '' ? url : null
}

function readReply({ status, headers, body }: HttpReply): Reading {
  if (status !== 200) return failure
  const named = memberText(body, 'm.server')
  const delegated = named === null ? null : parseServerName(named)
  return delegated === null ? failure : { delegated, keepMs: keepMs(headers.get('cache-control')) }
}

function memberText(body: Uint8Array, name: string): string | null {
  try {
    const value = parseStrictJson(body)
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
    const member = (value as Record<string, unknown>)[name]
    return typeof member === 'string' ? member : null
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

function keepMs(cacheControl = ''): number {
  if (/\bno-(?:store|cache)\b/i.test(cacheControl)) return wellKnownFailureMs
  const seconds = /\bmax-age=([0-9]{1,9})\b/i.exec(cacheControl)?.[1]
  if (seconds === undefined) return wellKnownDefaultMs
  return Math.min(Math.max(Number(seconds) * 1_000, wellKnownFailureMs), wellKnownKeptMaxMs)
}
