import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { drainBytesMax } from '../domain/limits.ts'
import type { Network } from '../domain/network-address.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import { readBearerToken } from './bearer.ts'
import { isAnnouncedTooLarge, readJsonBody, RequestAborted } from './body.ts'
import { clientAddress } from './client-address.ts'
import type { Logger } from '../platform/logger.ts'
import type { Answer, Caller, Endpoint } from './endpoint.ts'
import { parseQuery } from './query.ts'
import { answerTo } from './refusal-responses.ts'

/** One answered request. `route` is the declared path, never the one that was sent. */
export type RequestRecord = {
  readonly route: string
  readonly method: string
  readonly status: number
  readonly seconds: number
}

export type PipelineDeps = {
  readonly logger: Pick<Logger, 'debug' | 'error'>
  readonly clock: { monoMs(): number }
  /** Whose token this is; null when it is not known. Answers at once where it can. */
  readonly authenticate: (token: string) => Caller | null | Promise<Caller | null>
  /** Headers of every answer, name and value in turn. */
  readonly headers: readonly string[]
  readonly trustedProxies: readonly Network[]
  readonly requestId: (request: IncomingMessage) => string
  readonly isStopping: () => boolean
  readonly onRequest?: (record: RequestRecord) => void
}

export type Exchange = {
  readonly endpoint: Endpoint
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly params: Readonly<Record<string, string>>
}

/** Status of a request whose sender went away; it stands in figures only, nobody receives it. */
const abortedStatus = 499

/**
 * The steps all endpoints share, in their only order: authentication, parsing, handling, rendering. The token is
 * looked at before the body, so that nobody without one learns what a body should look like. Never rejects.
 */
export async function serve(deps: PipelineDeps, exchange: Exchange): Promise<void> {
  const startMs = deps.clock.monoMs()
  const requestId = deps.requestId(exchange.request)
  let status: number
  try {
    const answer = await answerOf(deps, exchange, requestId)
    status = answer.status
    send(deps, exchange, answer, requestId)
  } catch (error) {
    status = refuse(deps, exchange, error, requestId)
  }
  const record = {
    route: exchange.endpoint.path,
    method: exchange.request.method ?? '',
    status,
    seconds: (deps.clock.monoMs() - startMs) / 1000,
  }
  deps.onRequest?.(record)
  const { request } = exchange
  deps.logger.debug(
    // Looked up only when the line is written, which it seldom is.
    { requestId, ...record, client: { toJSON: () => clientAddress(request, deps.trustedProxies) } },
    'request answered',
  )
}

async function answerOf(
  { authenticate }: PipelineDeps,
  { endpoint, request, params }: Exchange,
  requestId: string,
): Promise<Answer> {
  let caller: Caller | null = null
  if (endpoint.auth === 'token') {
    const found = authenticate(readBearerToken(request))
    caller = found instanceof Promise ? await found : found
    if (caller === null) throw new RefusalError('token-unknown', 'the access token is not known')
  }
  const query = endpoint.readQuery?.(parseQuery(request.url ?? ''))
  const body = endpoint.readBody?.(await readJsonBody(request))
  return endpoint.handle({ params, query, body, caller, requestId })
}

function refuse(deps: PipelineDeps, exchange: Exchange, error: unknown, requestId: string): number {
  if (error instanceof RequestAborted) return abortedStatus
  const answer = answerTo(error)
  if (answer.status >= 500 && !(isRefusal(error) && answer.status !== 500)) {
    const route = exchange.endpoint.path
    deps.logger.error({ requestId, route, err: error }, 'request failed')
  }
  send(deps, exchange, answer, requestId)
  return answer.status
}

function send(deps: PipelineDeps, exchange: Exchange, answer: Answer, requestId: string): void {
  const { request, response } = exchange
  if (response.headersSent || response.destroyed) return
  const { text } = answer
  const isLingering = answer.status === 413 || isAnnouncedTooLarge(request)
  const headers = [
    ...deps.headers,
    'Content-Type',
    answer.contentType,
    'Content-Length',
    String(Buffer.byteLength(text)),
    'X-Request-Id',
    requestId,
  ]
  if (answer.headers !== undefined) headers.push(...answer.headers)
  if (isLingering || deps.isStopping()) headers.push('Connection', 'close')
  response.writeHead(answer.status, headers)
  if (isLingering) endAfterBody(request, response, text)
  else response.end(text)
}

/**
 * Answers while the sender still sends. Closing at once would reset the connection, and the sender would never read
 * the answer; so its bytes are thrown away for a while. `requestTimeoutMs` bounds the while.
 */
function endAfterBody(request: IncomingMessage, response: ServerResponse, text: string): void {
  response.write(text)
  let left = drainBytesMax
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) response.end()
  })
  request.once('end', () => response.end())
  request.once('close', () => response.end())
  request.once('error', () => response.destroy())
}
