import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { Pool, type buildConnector, type Dispatcher } from 'undici'
import { connectionsToPeerMax, handshakeMaxMs, meshKeepAliveMs } from '../domain/limits.ts'
import { callFault } from './call-faults.ts'
import { calleeProblem, presentedBy, tlsOptions, type MeshTls } from './tls-identity.ts'
import { TransportFault, type PeerAddress } from './transport.ts'

export type PeerConnectionsPorts = {
  readonly tls: MeshTls
  readonly nowMs: () => number
  readonly peerIdleMs: number
}

export type MeshCall = {
  readonly method: 'GET' | 'POST'
  /** As of the listener; a prefix in the peer's URL is put before it. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: Dispatcher.DispatchOptions['body']
  readonly answerMaxMs: number
  readonly signal: AbortSignal
}

/** The kept-alive connections to one peer at one address under one set of pins. */
export class PeerConnections {
  readonly #peer: PeerAddress
  readonly #ports: PeerConnectionsPorts
  readonly #url: URL
  readonly #pool: Pool
  #hasAnswered = false
  #expiryMs: number | null = null
  #rttMs = Number.POSITIVE_INFINITY

  /** Throws a TransportFault when the peer's URL is none. */
  constructor(peer: PeerAddress, ports: PeerConnectionsPorts) {
    this.#peer = peer
    this.#ports = ports
    this.#url = httpsUrl(peer.url)
    this.#pool = new Pool(this.#url.origin, {
      connections: connectionsToPeerMax,
      pipelining: 1,
      // A little less than the listener's own, so that it is never the listener who closes first.
      keepAliveTimeout: meshKeepAliveMs / 2,
      keepAliveMaxTimeout: meshKeepAliveMs,
      bodyTimeout: ports.peerIdleMs,
      connect: (_options: buildConnector.Options, done: buildConnector.Callback) =>
        this.#connect(done),
    })
  }

  /** Whether these connections are still to whom `peer` names, and not past the certificate they were made under. */
  serves({ url, tlsPins }: PeerAddress): boolean {
    const own = this.#peer
    const isSamePlace = url === own.url && tlsPins.join(' ') === own.tlsPins.join(' ')
    return isSamePlace && (this.#expiryMs === null || this.#ports.nowMs() < this.#expiryMs)
  }

  /** When the certificate seen last ends; null before the first connection. */
  get expiryMs(): number | null {
    return this.#expiryMs
  }

  /** The shortest time anything took there and back, in whole milliseconds; 0 on one machine, infinite before the first. */
  get rttMs(): number {
    return this.#rttMs
  }

  /** The caller reads the body to its end or destroys it. Throws a TransportFault. */
  async request(call: MeshCall): Promise<Dispatcher.ResponseData> {
    const { method, headers, signal, answerMaxMs } = call
    const startedMs = this.#ports.nowMs()
    try {
      const answer = await this.#pool.request({
        method,
        path: this.#url.pathname.replace(/\/+$/, '') + call.path,
        headers,
        body: call.body ?? null,
        headersTimeout: answerMaxMs,
        signal,
      })
      this.#hasAnswered = true
      this.#noteRtt(startedMs)
      return answer
    } catch (error) {
      throw this.faultOf(error, signal)
    }
  }

  faultOf(error: unknown, signal: AbortSignal): TransportFault {
    return callFault(error, { place: this.#url.host, hasAnswered: this.#hasAnswered, signal })
  }

  /** Calls under way end well; no new ones. */
  async close(): Promise<void> {
    await this.#pool.close()
  }

  async cut(why: TransportFault): Promise<void> {
    await this.#pool.destroy(why)
  }

  /**
   * The socket is handed over, and a first byte of a request sent, only once the callee has proved who it is. Guarded by
   * "no byte of a request reaches a server that is not the peer" in test/real/mesh-tls.test.ts.
   */
  #connect(done: buildConnector.Callback): void {
    const { tls, nowMs } = this.#ports
    const { hostname, port } = this.#url
    const host = hostname.replace(/^\[|\]$/g, '')
    const socket = connect({
      ...tlsOptions(tls),
      host,
      port: port === '' ? 443 : Number(port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: tls.mode === 'pki',
      // The URL's host is not who we want to reach: `calleeProblem` looks for the peer's pin or name.
      checkServerIdentity: () => undefined,
    })
    // Not before `connect`, which reads keys and certificates first.
    const startedMs = nowMs()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, meshKeepAliveMs)
    socket.setTimeout(handshakeMaxMs)
    let isDone = false
    const settle = (error: Error | null): void => {
      if (isDone) return
      isDone = true
      socket.setTimeout(0)
      if (error === null) return done(null, socket)
      socket.destroy()
      done(error, null)
    }
    socket.once('connect', () => this.#noteRtt(isLoopback(socket) ? nowMs() : startedMs))
    socket.once('timeout', () => settle(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
    socket.on('error', settle)
    socket.once('secureConnect', () => settle(this.#judge(socket)))
  }

  #noteRtt(startedMs: number): void {
    this.#rttMs = Math.min(this.#rttMs, Math.max(0, this.#ports.nowMs() - startedMs))
  }

  #judge(socket: TLSSocket): TransportFault | null {
    const { tls, nowMs } = this.#ports
    const presented = presentedBy(socket)
    const against = { mode: tls.mode, nowMs: nowMs() }
    const problem = calleeProblem(presented, this.#peer, against)
    if (problem !== null) return new TransportFault(problem)
    this.#expiryMs = presented.facts?.validToMs ?? null
    return null
  }
}

function isLoopback({ remoteAddress = '' }: TLSSocket): boolean {
  return remoteAddress === '::1' || /^(::ffff:)?127\./.test(remoteAddress)
}

function httpsUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'https:') return url
  throw new TransportFault(`its URL is expected to begin with https://, got ${text}`)
}
