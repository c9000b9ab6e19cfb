import { Buffer } from 'node:buffer'
import { isIP, type LookupFunction } from 'node:net'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { callbackify } from 'node:util'
import type { buildConnector, Client } from 'undici'
import type { NameResolver } from './name-resolver.ts'

export type HttpCall = {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Where to connect, and path and query; https or http, a port if it is not the usual one. */
  readonly url: URL
  /** Value of the Host header, and the name the certificate must bear; absent: those of the URL. */
  readonly hostHeader?: string
  readonly tlsName?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly answerBytesMax: number
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export type HttpReply = {
  readonly status: number
  /** Names in lower case; the first of several values. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

/** No answer, or none we take. `reason` is for logs alone: who asked learns nothing about networks he cannot see. */
export class HttpFault extends Error {
  readonly reason: 'blocked' | 'busy' | 'too-large' | 'timeout' | 'unreachable'

  constructor(reason: HttpFault['reason'], message: string, options?: { cause: unknown }) {
    super(message, options)
    this.name = 'HttpFault'
    this.reason = reason
  }
}

/** The one way out. Never follows a redirect, never unpacks a body; rejects with HttpFault. */
export interface HttpClient {
  call(call: HttpCall): Promise<HttpReply>
}

export type HttpClientOptions = {
  readonly resolver: NameResolver
  /** Whether a connection to this IP address may be opened (domain/network-address). */
  readonly mayConnect: (address: string) => boolean
  readonly verifyTls: boolean
  /** PEM of authorities trusted besides the usual ones. */
  readonly caPem?: string
  readonly callsMax: number
  /** Opens sockets; tests put their own ports in the place of the well-known ones. */
  readonly makeConnector?: typeof buildConnector
}

/**
 * The rule for calls to what the operator's configuration names, such as an SMS provider: they get a client of their
 * own. Where it leads nobody else has chosen, and as no redirect is followed nobody can choose, so a gateway in a
 * private network will do. Certificates are always verified, whatever holds for homeservers: these calls bear
 * passwords. And homeservers that are slow take none of its calls away (test/real/http-client.test.ts).
 */
export const configuredDestinations = { mayConnect: () => true, verifyTls: true } as const

/**
 * Names are looked up when the socket is opened and the connection goes to the very addresses that were checked, so a
 * second answer of the name server changes nothing (test/real/openid.test.ts, "rebinding"). One address out of
 * bounds condemns the name.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  // Made once: reading the usual authorities anew for each connection would hold everybody up for a tenth of a second.
  const trust = trustedAuthorities(options.caPem)
  let callsCount = 0
  return {
    call: async (call) => {
      if (callsCount >= options.callsMax) throw new HttpFault('busy', 'too many calls under way')
      callsCount++
      try {
        return await callOnce(options, trust, call)
      } finally {
        callsCount--
      }
    },
  }
}

function trustedAuthorities(caPem: string | undefined): SecureContext {
  return createSecureContext(caPem === undefined ? {} : { ca: [...rootCertificates, caPem] })
}

async function callOnce(
  options: HttpClientOptions,
  trust: SecureContext,
  call: HttpCall,
): Promise<HttpReply> {
  const timeout = AbortSignal.timeout(call.timeoutMs)
  const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal])
  // Read with the first call: it would be a tenth of a start.
  const undici = await import('undici')
  const makeConnector = options.makeConnector ?? undici.buildConnector
  const client = new undici.Client(call.url.origin, {
    connect: guardedConnector({ ...options, makeConnector }, trust, call),
    pipelining: 1,
    headersTimeout: call.timeoutMs,
    bodyTimeout: call.timeoutMs,
    maxResponseSize: call.answerBytesMax,
  })
  try {
    return await abortable(exchange(client, call, signal), signal)
  } catch (cause) {
    throw faultOf(cause, call, signal)
  } finally {
    // Destroyed, not closed: closing waits for whoever is slow.
    client.destroy().catch(() => {})
  }
}

async function exchange(client: Client, call: HttpCall, signal: AbortSignal): Promise<HttpReply> {
  const { statusCode, headers, body } = await client.request({
    method: call.method,
    path: call.url.pathname + call.url.search,
    headers: {
      ...call.headers,
      ...(call.hostHeader === undefined ? {} : { host: call.hostHeader }),
    },
    body: call.body ?? null,
    signal,
  })
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return { status: statusCode, headers: firstValues(headers), body: Buffer.concat(chunks) }
}

/** Looking up a name cannot be interrupted; waiting for it can. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function guardedConnector(
  {
    resolver,
    mayConnect,
    verifyTls,
    makeConnector,
  }: HttpClientOptions & { readonly makeConnector: typeof buildConnector },
  trust: SecureContext,
  { tlsName, timeoutMs }: HttpCall,
): buildConnector.connector {
  const connect = makeConnector({
    lookup: checkedLookup({ resolver, mayConnect }),
    timeout: timeoutMs,
    maxCachedSessions: 0,
    rejectUnauthorized: verifyTls,
    secureContext: trust,
  })
  return (opts, callback) => {
    if (isIP(opts.hostname) !== 0 && !mayConnect(opts.hostname)) {
      callback(blocked(opts.hostname), null)
      return
    }
    // An address is no name to announce: with none, the certificate must bear the address itself.
    const servername = tlsName === undefined || isIP(tlsName) !== 0 ? '' : tlsName
    connect({ ...opts, ...(tlsName === undefined ? {} : { servername }) }, callback)
  }
}

type AddressCheck = Pick<HttpClientOptions, 'resolver' | 'mayConnect'>

function checkedLookup(check: AddressCheck): LookupFunction {
  const find = callbackify((host: string) => checkedAddresses(check, host))
  return (host, { all, family }, callback) => {
    find(host, (error, addresses) => {
      if (error !== null) {
        callback(error, '')
        return
      }
      const found = addresses
        .map((address) => ({ address, family: isIP(address) }))
        .filter((one) => family === undefined || family === 0 || one.family === family)
      const [first] = found
      if (first === undefined) callback(new HttpFault('unreachable', `no address for ${host}`), '')
      else if (all === true) callback(null, found)
      else callback(null, first.address, first.family)
    })
  }
}

async function checkedAddresses(
  { resolver, mayConnect }: AddressCheck,
  host: string,
): Promise<readonly string[]> {
  const addresses = await resolver.addresses(host)
  const bad = addresses.find((address) => !mayConnect(address))
  if (bad !== undefined) throw blocked(bad)
  return addresses
}

function blocked(address: string): HttpFault {
  return new HttpFault('blocked', `connections to ${address} are not allowed`)
}

function faultOf(cause: unknown, { url }: HttpCall, signal: AbortSignal): HttpFault {
  if (cause instanceof HttpFault) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new HttpFault('too-large', `the answer of ${url.host} is too large`, { cause })
  }
  if (signal.aborted || code?.endsWith('_TIMEOUT') === true) {
    return new HttpFault('timeout', `${url.host} took too long`, { cause })
  }
  return new HttpFault('unreachable', `${url.host}: ${message}`, { cause })
}

function firstValues(headers: NodeJS.Dict<string | string[]>): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) values.set(name.toLowerCase(), first)
  }
  return values
}
