import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import {
  headsBytesMax,
  ownWaitsMax,
  packFromBytes,
  packFromRttMs,
  peerIdleMs,
  peersMax,
} from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import { isRefusal } from '../domain/refusal.ts'
import { certificateExpiryMs } from '../platform/certificate.ts'
import { pack, unpack } from './chunk-stream.ts'
import { entriesPath, headsPath, pushPath } from './mesh-routes.ts'
import type { PeerConnections } from './peer-connections.ts'
import type { MeshTls } from './tls-identity.ts'
import {
  TransportFault,
  type PeerAddress,
  type Transport,
  type TransportAnswer,
} from './transport.ts'

type Bytes = AsyncIterable<Uint8Array>

export type MtlsTransportOptions = {
  /** This node's name, under which its own certificate stands in `certificateExpiriesMs`. */
  readonly name: string
  readonly tls: MeshTls
  readonly nowMs: () => number
  readonly peerIdleMs?: number
  /** gzip for what is long; 'auto', the default: where the network is slower than gzip (`packFromRttMs`). */
  readonly packing?: 'auto' | 'always' | 'never'
}

export type MtlsTransport = Transport & {
  /** A renewed certificate (the same one changes nothing): calls under way end on the connections they have, later ones make new ones. */
  changeTls(tls: MeshTls): void
}

/** Throws when the TLS files do not fit together. */
export function createMtlsTransport(options: MtlsTransportOptions): MtlsTransport {
  return new Mtls(options)
}

class Mtls implements MtlsTransport {
  readonly #options: MtlsTransportOptions
  readonly #idleMs: number
  readonly #peers = new Map<string, PeerConnections>()
  /** Replaced, with calls still under way. */
  readonly #leaving = new Set<PeerConnections>()
  #tls: MeshTls
  #ownExpiryMs: number
  #isClosed = false

  constructor(options: MtlsTransportOptions) {
    this.#options = options
    this.#idleMs = options.peerIdleMs ?? peerIdleMs
    this.#tls = options.tls
    this.#ownExpiryMs = certificateExpiryMs(options.tls.certPem)
  }

  async heads(
    peer: PeerAddress,
    { full, signal }: { readonly full: boolean; readonly signal: AbortSignal },
  ): Promise<TransportAnswer> {
    const connections = await this.#connectionsTo(peer)
    const path = headsPath(full)
    const headers = this.#acceptedBy(connections)
    const answerMaxMs = this.#idleMs
    const answer = await connections.request({ method: 'GET', path, headers, signal, answerMaxMs })
    return { status: answer.statusCode, body: await readJson(answer, { connections, signal }) }
  }

  async push(
    peer: PeerAddress,
    chunk: Bytes,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<TransportAnswer> {
    const connections = await this.#connectionsTo(peer)
    const sent = new OutgoingChunk(chunk)
    try {
      const whole = await sent.wholeIfShort()
      const isPacked = whole === null && this.#packs(connections)
      const call = {
        method: 'POST',
        path: pushPath,
        headers: { ...chunkType, ...(isPacked ? { 'content-encoding': 'gzip' } : {}) },
        body: whole ?? sent.stream(isPacked),
        signal,
        // The peer commits before it answers, and may be busy with others' chunks.
        answerMaxMs: this.#idleMs * ownWaitsMax,
      } as const
      const answer = await connections.request(call)
      return { status: answer.statusCode, body: await readJson(answer, { connections, signal }) }
    } catch (error) {
      throw sent.fault ?? error
    } finally {
      await sent.end()
    }
  }

  async entries(
    peer: PeerAddress,
    range: { readonly log: LogId; readonly from: number; readonly signal: AbortSignal },
  ): ReturnType<Transport['entries']> {
    const { log, from, signal } = range
    const connections = await this.#connectionsTo(peer)
    const answer = await connections.request({
      method: 'GET',
      path: entriesPath(log, from),
      headers: this.#acceptedBy(connections),
      signal,
      answerMaxMs: this.#idleMs,
    })
    const { statusCode: status } = answer
    if (status !== 200) return { status, refusal: await readJson(answer, { connections, signal }) }
    return { status: 200, body: unpackedBody(answer) }
  }

  certificateExpiriesMs(): ReadonlyMap<string, number> {
    const expiries = new Map([[this.#options.name, this.#ownExpiryMs]])
    for (const [name, { expiryMs }] of this.#peers) {
      if (expiryMs !== null) expiries.set(name, expiryMs)
    }
    return expiries
  }

  changeTls(tls: MeshTls): void {
    const { keyPem, certPem, caPem, mode } = this.#tls
    const isSame = tls.keyPem === keyPem && tls.certPem === certPem && tls.mode === mode
    if (isSame && tls.caPem === caPem) return
    this.#ownExpiryMs = certificateExpiryMs(tls.certPem)
    this.#tls = tls
    for (const name of this.#peers.keys()) this.#letGo(name)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const why = new TransportFault('this node is stopping')
    const all = [...this.#peers.values(), ...this.#leaving]
    await Promise.all(all.map((connections) => connections.cut(why)))
    this.#peers.clear()
  }

  async #connectionsTo(peer: PeerAddress): Promise<PeerConnections> {
    // Read with the first call: undici behind it would be a tenth of a start.
    const { PeerConnections } = await import('./peer-connections.ts')
    if (this.#isClosed) throw new TransportFault('this node is stopping')
    const known = this.#peers.get(peer.name)
    if (known?.serves(peer) === true) return known
    if (known !== undefined) {
      this.#peers.delete(peer.name)
      void known.cut(new TransportFault('its address, pins or certificate changed'))
    }
    const [oldest] = this.#peers.keys()
    if (oldest !== undefined && this.#peers.size >= peersMax) this.#letGo(oldest)
    const { nowMs } = this.#options
    const ports = { tls: this.#tls, nowMs, peerIdleMs: this.#idleMs }
    const connections = new PeerConnections(peer, ports)
    this.#peers.set(peer.name, connections)
    return connections
  }

  #letGo(name: string): void {
    const connections = this.#peers.get(name)
    if (connections === undefined) return
    this.#peers.delete(name)
    this.#leaving.add(connections)
    // Closing waits for calls under way, which end by their own bounds.
    void connections.close().finally(() => this.#leaving.delete(connections))
  }

  #packs(connections: PeerConnections): boolean {
    const { packing = 'auto' } = this.#options
    if (packing !== 'auto') return packing === 'always'
    return connections.rttMs >= packFromRttMs && connections.rttMs !== Number.POSITIVE_INFINITY
  }

  #acceptedBy(connections: PeerConnections): Record<string, string> {
    return this.#packs(connections) ? { 'accept-encoding': 'gzip' } : {}
  }
}

const chunkType = { 'content-type': 'application/x-ndjson' }

/** A push's body. What breaks in the making of it is a fault of ours, not of the connection. */
class OutgoingChunk {
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #first: Uint8Array[] = []
  #fault: unknown = null

  constructor(chunk: Bytes) {
    this.#pieces = chunk[Symbol.asyncIterator]()
  }

  get fault(): unknown {
    return this.#fault
  }

  /** Short chunks, nearly every push, go in one piece with their length. null: this one is longer. */
  async wholeIfShort(): Promise<Buffer | null> {
    for (let length = 0; length < packFromBytes;) {
      const { value, done } = await this.#next()
      if (done === true) return Buffer.concat(this.#first)
      this.#first.push(value)
      length += value.length
    }
    return null
  }

  stream(isPacked: boolean): Readable {
    const bytes = this.#all()
    return Readable.from(isPacked ? pack(bytes) : bytes, { objectMode: false })
  }

  async end(): Promise<void> {
    await this.#pieces.return?.()
  }

  async *#all(): AsyncGenerator<Uint8Array> {
    yield* this.#first
    for (let next = await this.#next(); next.done !== true; next = await this.#next()) {
      yield next.value
    }
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#pieces.next()
    } catch (error) {
      this.#fault = error
      throw error
    }
  }
}

function unpackedBody({ body, headers }: Dispatcher.ResponseData): Bytes {
  try {
    return unpack(body, encodingOf(headers))
  } catch (error) {
    body.on('error', () => undefined).destroy()
    throw error
  }
}

/** The JSON of an answer; null where a refusal has none, as a proxy's would. Reads the body to its end, or ends it. */
async function readJson(
  answer: Dispatcher.ResponseData,
  call: { readonly connections: PeerConnections; readonly signal: AbortSignal },
): Promise<unknown> {
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for await (const piece of unpackedBody(answer)) {
      length += piece.length
      if (length > headsBytesMax) {
        throw new TransportFault(`its answer is longer than ${headsBytesMax} bytes`)
      }
      pieces.push(piece)
    }
  } catch (error) {
    if (isRefusal(error) && error.cause === undefined) {
      throw new TransportFault(`its answer is unreadable: ${error.message}`, { cause: error })
    }
    throw call.connections.faultOf(isRefusal(error) ? error.cause : error, call.signal)
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString()) as unknown
  } catch (error) {
    if (answer.statusCode !== 200) return null
    throw new TransportFault('its answer is not JSON', { cause: error })
  }
}

function encodingOf(headers: Dispatcher.ResponseData['headers']): string | undefined {
  const encoding = headers['content-encoding']
  return Array.isArray(encoding) ? encoding.join() : encoding
}
