import { callTimeoutMs, homeserverTimeoutMs } from '../domain/api-limits.ts'
import { parseNetworkAddress } from '../domain/network-address.ts'
import { parseServerName, type ServerName } from '../domain/server-name.ts'
import type { Clock } from '../platform/clock.ts'
import {
  HttpFault,
  type HttpCall,
  type HttpClient,
  type HttpReply,
} from '../platform/http-client.ts'
import type { Logger } from '../platform/logger.ts'
import { findHomeserver, type DiscoveryDeps, type HomeserverTarget } from './discovery.ts'

export type HomeserverDeps = DiscoveryDeps & {
  readonly http: HttpClient
  readonly clock: Pick<Clock, 'setTimer'>
  readonly logger: Pick<Logger, 'debug'>
  /** Whether a connection to this IP address may be opened (domain/network-address). */
  readonly mayConnect: (address: string) => boolean
}

/** A request to the federation API of a homeserver. */
export type HomeserverCall = {
  readonly method: HttpCall['method']
  /** Path and query, percent-encoded. */
  readonly path: string
  /** JSON text. */
  readonly body?: string
  readonly answerBytesMax: number
}

/**
 * Reads the name of a homeserver that may be called. An address that may not be connected to is no server name here:
 * it is refused like any other odd one. Null when the text is none.
 */
export function callableServerName(
  { mayConnect }: Pick<HomeserverDeps, 'mayConnect'>,
  text: string,
): ServerName | null {
  const server = parseServerName(text)
  const isAddress = server !== null && parseNetworkAddress(server.host) !== null
  return server === null || (isAddress && !mayConnect(server.host)) ? null : server
}

/**
 * Finds a homeserver and calls it; the first target that answers counts, whatever it says. A redirect is an answer like
 * any other, never followed. Rejects with HttpFault, all within homeserverTimeoutMs.
 */
export async function callHomeserver(
  deps: HomeserverDeps,
  server: ServerName,
  call: HomeserverCall,
): Promise<HttpReply> {
  const ending = new AbortController()
  const timer = deps.clock.setTimer(homeserverTimeoutMs, () => ending.abort())
  try {
    const targets = await findHomeserver(deps, server, ending.signal)
    return await callFirst(deps, { targets, call, signal: ending.signal })
  } finally {
    timer.cancel()
  }
}

async function callFirst(
  { http, logger }: HomeserverDeps,
  given: {
    readonly targets: readonly HomeserverTarget[]
    readonly call: HomeserverCall
    readonly signal: AbortSignal
  },
): Promise<HttpReply> {
  let fault = new HttpFault('unreachable', 'no target was found')
  for (const target of given.targets) {
    try {
      return await http.call(httpCall(target, given.call, given.signal))
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error
      fault = error
      const { reason, message } = error
      logger.debug({ target: target.hostHeader, reason, message }, 'homeserver not reached')
    }
  }
  throw fault
}

function httpCall(
  { host, port, hostHeader, tlsName }: HomeserverTarget,
  { method, path, body, answerBytesMax }: HomeserverCall,
  signal: AbortSignal,
): HttpCall {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    method,
    url: new URL(`https://${authority}${path}`),
    hostHeader,
    tlsName,
    ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    answerBytesMax,
    timeoutMs: callTimeoutMs,
    signal,
  }
}
