import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { drainBytesMax } from '../domain/limits.ts'
import type { Network } from '../domain/network-address.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import { readAcceptLanguage } from './accept-language.ts'
import { readBearerToken } from './bearer.ts'
import { isAnnouncedTooLarge, parseBody, readBody, RequestAborted } from './body.ts'
import { clientAddress, clientNetwork } from './client-address.ts'
import type { Logger } from '../platform/logger.ts'
import { html, type Answer, type Caller, type JsonObject, type RateLimits } from './endpoint.ts'
import { parseQuery } from './query.ts'
import { readSentParameters } from './sent-parameters.ts'
import { nothingSent, ServedRequest, type Exchange } from './served-request.ts'
import { answerTo, isFault } from './refusal-responses.ts'

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
  readonly rateLimits: RateLimits
  /** Headers of every answer, name and value in turn. */
  readonly headers: readonly string[]
  readonly trustedProxies: readonly Network[]
  readonly requestId: (request: IncomingMessage) => string
  readonly isStopping: () => boolean
  readonly onRequest?: (record: RequestRecord) => void
}

/** Status of a request whose sender went away; it stands in figures only, nobody receives it. */
const abortedStatus = 499

/**
 * The steps all endpoints share, in their only order: address limit, authentication, accepted terms, parsing, caller
 * limit, handling, rendering. The token is looked at before the body, so that nobody without one learns what a body
 * should look like. Never throws.
 */
export function serve(deps: PipelineDeps, exchange: Exchange): void {
  new Serving(deps, exchange).begin()
}

/**
 * One request on its way through the steps. Steps call the next one themselves, and wait only where there is something
 * to wait for: a chain of promises would cost a lookup more than the lookup.
 */
class Serving {
  readonly #deps: PipelineDeps
  readonly #exchange: Exchange
  readonly #requestId: string
  readonly #startMs: number

  constructor(deps: PipelineDeps, exchange: Exchange) {
    this.#deps = deps
    this.#exchange = exchange
    this.#requestId = deps.requestId(exchange.request)
    this.#startMs = deps.clock.monoMs()
  }

  begin(): void {
    const { endpoint, request } = this.#exchange
    const { rateLimits, authenticate } = this.#deps
    try {
      if (endpoint.limits.client === true) rateLimits.spend('client', this.#clientKey())
      if (endpoint.auth === 'none') {
        this.#read(null)
        return
      }
      const found = authenticate(readBearerToken(request))
      if (found instanceof Promise) {
        found.then(
          (caller) => this.#admit(caller),
          (error: unknown) => this.#fail(error),
        )
      } else this.#admit(found)
    } catch (error) {
      this.#fail(error)
    }
  }

  #admit(caller: Caller | null): void {
    if (caller === null) {
      this.#fail(new RefusalError('token-unknown', 'the access token is not known'))
    } else if (this.#exchange.endpoint.needsTerms && !caller.hasAcceptedTerms) {
      this.#fail(
        new RefusalError('terms-not-signed', 'the terms of service are to be accepted first'),
      )
    } else this.#read(caller)
  }

  #read(caller: Caller | null): void {
    const { endpoint, request } = this.#exchange
    if (endpoint.readBody === null) this.#handle(caller, null)
    else {
      readBody(
        request,
        (bytes) => this.#handle(caller, bytes),
        (error) => this.#fail(error),
      )
    }
  }

  #handle(caller: Caller | null, bytes: Buffer | null): void {
    const { endpoint, request } = this.#exchange
    try {
      const query = endpoint.readQuery?.(parseQuery(request.url ?? ''))
      const sent = bytes === null ? nothingSent : this.#sent(bytes)
      const body = endpoint.readBody?.(sent)
      const { caller: scope, cost } = endpoint.limits
      if (scope !== undefined) {
        this.#deps.rateLimits.spend(scope, caller?.mxid ?? this.#clientKey(), cost?.(body))
      }
      const answer = endpoint.handle(
        new ServedRequest(this.#exchange, this.#deps.trustedProxies, {
          query,
          body,
          bodyJson: sent,
          caller,
          requestId: this.#requestId,
        }),
      )
      if (answer instanceof Promise) {
        answer.then(
          (settled) => this.#answer(settled),
          (error: unknown) => this.#fail(error),
        )
      } else this.#answer(answer)
    } catch (error) {
      this.#fail(error)
    }
  }

  #sent(bytes: Buffer): JsonObject {
    const { endpoint, request } = this.#exchange
    return endpoint.sent === 'any' ? readSentParameters(request, bytes) : parseBody(bytes)
  }

  #clientKey(): string {
    return clientNetwork(clientAddress(this.#exchange.request, this.#deps.trustedProxies))
  }

  #fail(error: unknown): void {
    if (error instanceof RequestAborted) {
      this.#record(abortedStatus)
      return
    }
    if (isFault(error)) {
      const fields = { requestId: this.#requestId, route: this.#exchange.endpoint.path, err: error }
      this.#deps.logger.error(fields, 'request failed')
    }
    this.#answer(this.#render(error))
  }

  #render(error: unknown): Answer {
    const { endpoint, request } = this.#exchange
    const answer = answerTo(error)
    if (endpoint.renderRefusal === null || !isRefusal(error) || isFault(error)) return answer
    const languages = readAcceptLanguage(request.headers['accept-language'])
    const page = html(endpoint.renderRefusal(error, languages), answer.status)
    return { ...page, headers: [...(page.headers ?? []), ...(answer.headers ?? [])] }
  }

  #answer(answer: Answer): void {
    try {
      this.#send(answer)
      this.#record(answer.status)
    } catch (error) {
      // A header that cannot be written, say: whoever waits must not wait for ever.
      this.#deps.logger.error({ requestId: this.#requestId, err: error }, 'answer not sent')
      this.#exchange.response.destroy()
    }
  }

  #send(answer: Answer): void {
    const { request, response } = this.#exchange
    const { text } = answer
    const isLingering = answer.status === 413 || isAnnouncedTooLarge(request)
    const byteCount = Buffer.byteLength(text)
    const headers = this.#deps.headers.slice()
    headers.push('Content-Type', answer.contentType, 'Content-Length', String(byteCount))
    headers.push('X-Request-Id', this.#requestId)
    if (answer.headers !== undefined) headers.push(...answer.headers)
    if (isLingering || this.#deps.isStopping()) headers.push('Connection', 'close')
    response.writeHead(answer.status, headers)
    if (isLingering) endAfterBody(request, response, text)
    // Of ASCII both encodings are the same bytes, and this one is a plain copy.
    else response.end(text, byteCount === text.length ? 'latin1' : 'utf8')
  }

  #record(status: number): void {
    const { clock, onRequest, logger, trustedProxies } = this.#deps
    const { endpoint, request } = this.#exchange
    const record = {
      route: endpoint.path,
      method: request.method ?? '',
      status,
      seconds: (clock.monoMs() - this.#startMs) / 1000,
    }
    onRequest?.(record)
    // The client is looked up only when the line is written, which it seldom is.
    const client = { toJSON: () => clientAddress(request, trustedProxies) }
    logger.debug({ requestId: this.#requestId, client, ...record }, 'request answered')
  }
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
