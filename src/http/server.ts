/**
 * Owns: listening, the two lanes to the pipeline, and the end of connections.
 * Relies on: express for routing, domain and platform.
 * Never: knows what an endpoint does, or answers anything past the pipeline.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import {
  connectionsMax,
  drainMaxMs,
  headersTimeoutMs,
  headerSizeMax,
  keepAliveTimeoutMs,
  requestTimeoutMs,
} from '../domain/api-limits.ts'
import type { Network } from '../domain/network-address.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import { answerMalformed } from './client-error.ts'
import { corsHeaders } from './cors.ts'
import type { Caller, Endpoint, RateLimits } from './endpoint.ts'
import { createFastLane } from './fast-lane.ts'
import { serve, type PipelineDeps, type RequestRecord } from './pipeline.ts'
import { noRateLimits } from './rate-limit.ts'
import { createRequestIds } from './request-id.ts'
import { createRouter, preflight } from './router.ts'

export type HttpServerOptions = {
  readonly listen: { readonly host: string; readonly port: number }
  readonly endpoints: readonly Endpoint[]
  readonly authenticate: (token: string) => Caller | null | Promise<Caller | null>
  /** CORS headers on every answer, and OPTIONS answered for every path: the public listener. */
  readonly isPublic: boolean
  /** Whether hot endpoints are served in front of express; the answers are the same. */
  readonly hasFastLane: boolean
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly trustedProxies: readonly Network[]
  /** Absent: nothing is limited. */
  readonly rateLimits?: RateLimits
  readonly logger: Pick<Logger, 'debug' | 'error'>
  readonly clock: Pick<Clock, 'monoMs' | 'setTimer'>
  readonly random: Pick<Random, 'bytes'>
  readonly onRequest?: (record: RequestRecord) => void
}

export type HttpServer = {
  readonly port: number
  /** New connections get this certificate (PEM); those that stand keep theirs. Throws when it does not fit its key. */
  changeTls(tls: { readonly cert: string; readonly key: string }): void
  /** Takes no more connections, lets requests in flight finish for drainMaxMs, then cuts what is left. */
  stop(): Promise<void>
}

/** Resolves when the listener accepts; rejects with the system's error when it cannot. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let isStopping = false
  const deps = pipelineDeps(options, () => isStopping)
  const server = createListener(options, createHandler(deps, options))
  await listen(server, options.listen)
  return {
    port: (server.address() as AddressInfo).port,
    changeTls: (tls) => {
      if (server instanceof TlsServer) server.setSecureContext({ ...tls, minVersion })
    },
    stop: () => {
      isStopping = true
      return close(server, options.clock)
    },
  }
}

const minVersion = 'TLSv1.2'

const noStore = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']

function pipelineDeps(options: HttpServerOptions, isStopping: () => boolean): PipelineDeps {
  const { logger, clock, authenticate, trustedProxies, random, isPublic, onRequest } = options
  return {
    logger,
    clock,
    authenticate,
    trustedProxies,
    rateLimits: options.rateLimits ?? noRateLimits,
    headers: isPublic ? [...corsHeaders, ...noStore] : noStore,
    requestId: createRequestIds(random.bytes(8)),
    isStopping,
    ...(onRequest === undefined ? {} : { onRequest }),
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

function createHandler(
  deps: PipelineDeps,
  { endpoints, isPublic, hasFastLane }: HttpServerOptions,
): Handler {
  const router = createRouter(deps, endpoints)
  const findHot = hasFastLane ? createFastLane(endpoints) : () => null
  return (request, response) => {
    const hot = findHot(request.method ?? '', request.url ?? '')
    if (hot !== null) serve(deps, { ...hot, request, response })
    else if (isPublic && request.method === 'OPTIONS') {
      serve(deps, { endpoint: preflight, params: {}, request, response })
    } else router(request, response)
  }
}

function createListener({ tls }: HttpServerOptions, handler: Handler): Server {
  const bounds = {
    maxHeaderSize: headerSizeMax,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    noDelay: true,
  }
  const server =
    tls === undefined
      ? createServer(bounds, handler)
      : createTlsServer({ ...bounds, ...tls, minVersion }, handler)
  server.maxConnections = connectionsMax
  server.on('clientError', answerMalformed)
  // Without this node answers an Expect it does not know by itself: no JSON, no CORS headers.
  server.on('checkExpectation', handler)
  return server
}

function listen(server: Server, { host, port }: HttpServerOptions['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function close(server: Server, clock: Pick<Clock, 'setTimer'>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(drainMaxMs, () => server.closeAllConnections())
    server.close(() => {
      timer.cancel()
      resolve()
    })
    server.closeIdleConnections()
  })
}
