import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import {
  connectionsFromPeerMax,
  handshakeMaxMs,
  meshCheckIntervalMs,
  meshHeaderBytesMax,
  meshKeepAliveMs,
  peerIdleMs,
  requestsFromPeerMax,
} from '../domain/limits.ts'
import type { Peer } from '../domain/peer.ts'
import { RefusalError } from '../domain/refusal.ts'
import { ListenerGate, type GateLimits } from './listener-gate.ts'
import { MeshConnections, type MeshConnection } from './mesh-connections.ts'
import { MeshExchange, type ExchangePorts, type MeshHandlers } from './mesh-exchange.ts'
import { identifyCaller, tlsOptions, type MeshTls, type Presented } from './tls-identity.ts'

/** Somebody who got nowhere near a handler. `cause` has few values and suits a metric; `address` is its IP address. */
export type ListenerRefusal = {
  readonly cause: 'gate' | 'handshake' | 'caller-unknown' | 'peer-limit'
  readonly problem: string
  readonly address: string
}

export type MeshListenerOptions = {
  readonly host: string
  readonly port: number
  readonly tls: MeshTls
  /** Asked on every request. */
  readonly livePeers: () => readonly Peer[]
  readonly handlers: MeshHandlers
  readonly nowMs: () => number
  readonly onRefused: (refusal: ListenerRefusal) => void
  readonly onFault: (error: unknown) => void
  readonly peerIdleMs?: number
  readonly gateLimits?: Partial<GateLimits>
}

export type MeshListener = {
  /** As bound: the configured one, or what the system chose for 0. */
  readonly port: number
  /** The peers changed, or our certificate did: connections of whoever is no peer any more are cut at once. */
  reload(tls?: MeshTls): void
  /** Cuts idle connections and pulls, lets pushes end; `cut` ends them too. */
  stop(cut?: AbortSignal): Promise<void>
}

/** Throws when the port is taken or the TLS files do not fit. */
export async function startMeshListener(options: MeshListenerOptions): Promise<MeshListener> {
  const server = createServer({
    ...tlsOptions(options.tls),
    // The caller is judged by us, on every request: then it can be told why it is refused.
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeMaxMs,
    headersTimeout: handshakeMaxMs,
    // Bodies stream as long as they move: `timeout` below, and `pushMaxMs`, bound them.
    requestTimeout: 0,
    keepAliveTimeout: meshKeepAliveMs,
    connectionsCheckingInterval: meshCheckIntervalMs,
    maxHeaderSize: meshHeaderBytesMax,
    noDelay: true,
  })
  server.timeout = options.peerIdleMs ?? peerIdleMs
  const listener = new Listener(server, options)
  return {
    port: await listener.listen(),
    reload: (tls) => listener.reload(tls),
    stop: (cut) => listener.stop(cut),
  }
}

class Listener {
  readonly #server: Server
  readonly #options: MeshListenerOptions
  readonly #ports: ExchangePorts
  readonly #gate: ListenerGate
  readonly #connections = new MeshConnections()
  #tls: MeshTls
  #isStopping = false

  constructor(server: Server, options: MeshListenerOptions) {
    this.#server = server
    this.#options = options
    this.#tls = options.tls
    const { handlers, nowMs, onFault } = options
    this.#gate = new ListenerGate(nowMs, options.gateLimits)
    const idleMs = options.peerIdleMs ?? peerIdleMs
    const isStopping = (): boolean => this.#isStopping
    this.#ports = { handlers, nowMs, onFault, peerIdleMs: idleMs, isStopping }
    this.#standBefore(server)
    server.on('secureConnection', (socket) => this.#connections.secured(socket))
    server.on('tlsClientError', (error, socket) => this.#handshakeFailed(error, socket))
    server.on('request', (request, response) => void this.#serve(request, response))
  }

  /** The port. */
  async listen(): Promise<number> {
    const { host, port } = this.#options
    const listening = once(this.#server, 'listening')
    this.#server.listen({ host, port })
    await listening
    this.#server.on('error', this.#options.onFault)
    return (this.#server.address() as AddressInfo).port
  }

  reload(tls?: MeshTls): void {
    if (tls !== undefined) {
      this.#server.setSecureContext(tlsOptions(tls))
      this.#tls = tls
    }
    this.#connections.cutWhere(
      ({ presented }) => presented !== null && 'problem' in this.#callerBehind(presented),
    )
  }

  async stop(cut?: AbortSignal): Promise<void> {
    this.#isStopping = true
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#connections.cutWhere(({ exchanges }) =>
      [...exchanges].every(({ isStreaming }) => isStreaming),
    )
    const cutAll = (): void => this.#connections.cutWhere(() => true)
    if (cut?.aborted === true) cutAll()
    cut?.addEventListener('abort', cutAll)
    await closed
    cut?.removeEventListener('abort', cutAll)
  }

  /** Puts the gate before the TLS server's own listener, which begins the handshake. */
  #standBefore(server: Server): void {
    const begin = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      const address = socket.remoteAddress ?? ''
      const admission = this.#gate.admit(address)
      if ('problem' in admission) {
        socket.destroy()
        this.#options.onRefused({ cause: 'gate', problem: admission.problem, address })
        return
      }
      this.#connections.opened(socket, admission)
      for (const listener of begin) listener.call(server, socket)
    })
  }

  #handshakeFailed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const problem = handshakeProblem(error)
    const address = socket.remoteAddress ?? ''
    socket.destroy()
    this.#options.onRefused({ cause: 'handshake', problem, address })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.of(request.socket)
    if (connection === null) {
      request.socket.destroy()
      return
    }
    const exchange = new MeshExchange(this.#ports, request, response)
    connection.exchanges.add(exchange)
    try {
      await this.#admitAndServe(connection, exchange)
    } catch (error) {
      this.#options.onFault(error)
      request.socket.destroy()
    } finally {
      connection.exchanges.delete(exchange)
    }
  }

  async #admitAndServe(connection: MeshConnection, exchange: MeshExchange): Promise<void> {
    const caller = this.#callerBehind(connection.presented)
    const { address } = connection
    if ('problem' in caller) {
      const { problem } = caller
      this.#options.onRefused({ cause: 'caller-unknown', problem, address })
      return await exchange.refuse(new RefusalError('caller-unknown', problem))
    }
    const { peer } = caller
    connection.peerName = peer.name
    const { connections, exchanges } = this.#connections.countOf(peer.name)
    if (connections > connectionsFromPeerMax || exchanges > requestsFromPeerMax) {
      const problem = `${peer.name} has too many connections or requests open`
      this.#options.onRefused({ cause: 'peer-limit', problem, address })
      return await exchange.refuse(new RefusalError('limit-exceeded', problem))
    }
    await exchange.serve(peer)
  }

  #callerBehind(presented: Presented | null): ReturnType<typeof identifyCaller> {
    const { livePeers, nowMs } = this.#options
    const against = { peers: livePeers(), mode: this.#tls.mode, nowMs: nowMs() }
    return identifyCaller(presented ?? { facts: null, isChainTrusted: false }, against)
  }
}

function handshakeProblem(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
      return 'the caller does not speak TLS 1.3'
    case 'ERR_SSL_HTTP_REQUEST':
      return 'the caller speaks HTTP without TLS'
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return 'the caller did not finish the handshake in time'
    case 'ECONNRESET':
      return 'the caller left during the handshake'
    default:
      return `the handshake failed: ${error.code ?? error.message}`
  }
}
