import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { lingerBytesMax, ownWaitsMax, packFromBytes, pushMaxMs } from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Peer } from '../domain/peer.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import { pack, unpack } from './chunk-stream.ts'
import { meshRoute } from './mesh-routes.ts'
import { refusalStatuses } from './refusal-statuses.ts'

type Bytes = AsyncIterable<Uint8Array>
type Answer = { readonly status: number; readonly body: object }

/**
 * What is done for a peer. Refusals are thrown; `push` need not read its body to the end. A stream of `entries` may
 * refuse until its first piece.
 */
export type MeshHandlers = {
  heads(peer: Peer, full: boolean): Promise<object>
  push(peer: Peer, body: Bytes): Promise<Answer>
  entries(
    peer: Peer,
    log: LogId,
    from: number,
  ): Promise<{ readonly status: 200; readonly stream: Bytes } | Answer>
}

export type ExchangePorts = {
  readonly handlers: MeshHandlers
  readonly nowMs: () => number
  readonly peerIdleMs: number
  readonly isStopping: () => boolean
  readonly onFault: (error: unknown) => void
}

const packed = promisify(gzip)

/** One request of a caller, known or not, up to the last byte of its answer. */
export class MeshExchange {
  readonly #ports: ExchangePorts
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #pieces: AsyncIterator<Uint8Array>
  #waitsForPeer = false
  #ownWaits = 0
  #isStreaming = false

  constructor(ports: ExchangePorts, request: IncomingMessage, response: ServerResponse) {
    this.#ports = ports
    this.#request = request
    this.#response = response
    this.#pieces = request[Symbol.asyncIterator]()
    response.on('timeout', () => this.#nothingMoved())
  }

  /** An answer that can be cut off at once when the node stops: the peer asks again elsewhere. */
  get isStreaming(): boolean {
    return this.#isStreaming
  }

  async serve(peer: Peer): Promise<void> {
    try {
      await this.#dispatch(peer)
    } catch (error) {
      await this.#answerFailure(error)
    }
  }

  /** Refuses before anything was looked at, and closes the connection. */
  async refuse(refusal: RefusalError): Promise<void> {
    this.#response.setHeader('connection', 'close')
    await this.#answerFailure(refusal)
  }

  async #dispatch(peer: Peer): Promise<void> {
    const { handlers, isStopping } = this.#ports
    const { method = '', url = '', headers } = this.#request
    if (isStopping()) throw new RefusalError('node-stopping', 'this node is stopping')
    const route = meshRoute(method, url)
    switch (route.call) {
      case 'heads':
        return await this.#answer({ status: 200, body: await handlers.heads(peer, route.full) })
      case 'push': {
        const chunk = unpack(this.#body(), headers['content-encoding'])
        return await this.#answer(await handlers.push(peer, chunk))
      }
      case 'entries': {
        const found = await handlers.entries(peer, route.log, route.from)
        return 'stream' in found ? await this.#stream(found.stream) : await this.#answer(found)
      }
    }
  }

  async #answer({ status, body }: Answer, retryAfterS?: number): Promise<void> {
    const response = this.#response
    if (response.destroyed) return
    const text = Buffer.from(JSON.stringify(body))
    const isPacked = text.length >= packFromBytes && acceptsGzip(this.#request)
    const bytes = isPacked ? await packed(text, { level: constants.Z_BEST_SPEED }) : text
    if (this.#ports.isStopping()) response.setHeader('connection', 'close')
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': bytes.length,
      'cache-control': 'no-store',
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
    })
    if (this.#request.complete) {
      response.end(bytes)
      return
    }
    // A connection closed with bytes unread is reset, and the reset may overtake the answer.
    response.write(bytes)
    if (await this.#readsToEnd()) response.end()
    else this.#request.socket.destroy()
  }

  async #answerFailure(error: unknown): Promise<void> {
    if (this.#response.headersSent) {
      this.#ports.onFault(error)
      // What was written still goes out; the missing last chunk of the encoding tells that the rest is not.
      this.#request.socket.destroySoon()
      return
    }
    if (!isRefusal(error)) {
      this.#ports.onFault(error)
      return await this.#answer({ status: 500, body: { code: 'fault', message: 'internal fault' } })
    }
    const { code, message, details } = error
    const { status, retryAfterS } = refusalStatuses[code]
    if (typeof details.allow === 'string') this.#response.setHeader('allow', details.allow)
    await this.#answer({ status, body: { ...details, code, message } }, retryAfterS)
  }

  async #stream(stream: Bytes): Promise<void> {
    const response = this.#response
    const isPacked = acceptsGzip(this.#request)
    const pieces = (isPacked ? pack(stream) : stream)[Symbol.asyncIterator]()
    try {
      let next = await pieces.next()
      if (this.#ports.isStopping()) throw new RefusalError('node-stopping', 'this node is stopping')
      this.#isStreaming = true
      response.writeHead(200, {
        'content-type': 'application/x-ndjson',
        'cache-control': 'no-store',
        ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      })
      for (; next.done !== true && !response.destroyed; next = await pieces.next()) {
        this.#ownWaits = 0
        if (!response.write(next.value)) await this.#forPeer(drained(response))
      }
      response.end()
    } finally {
      await pieces.return?.()
    }
  }

  /**
   * Without `return`: a handler that stops reading would end the request's iterator, and with it the connection, before
   * the refusal is out.
   */
  #body(): Bytes {
    const endMs = this.#ports.nowMs() + pushMaxMs
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      const piece = await this.#forPeer(this.#pieces.next())
      this.#ownWaits = 0
      if (this.#ports.nowMs() <= endMs) return piece
      throw new RefusalError('chunk-truncated', `a push took longer than ${pushMaxMs} ms`)
    }
    return { [Symbol.asyncIterator]: () => ({ next }) }
  }

  async #readsToEnd(): Promise<boolean> {
    try {
      for (let left = lingerBytesMax; left > 0;) {
        const { value, done } = await this.#forPeer(this.#pieces.next())
        if (done === true) return true
        left -= value.length
      }
    } catch {
      // The caller has its answer and left.
    }
    return false
  }

  async #forPeer<T>(step: Promise<T>): Promise<T> {
    this.#waitsForPeer = true
    try {
      return await step
    } finally {
      this.#waitsForPeer = false
    }
  }

  /** The socket was idle for `peerIdleMs`: a peer's fault while we wait for it, ours while it waits for us. */
  #nothingMoved(): void {
    const { socket } = this.#request
    if (this.#waitsForPeer || this.#ownWaits++ >= ownWaitsMax) socket.destroy()
    else socket.setTimeout(this.#ports.peerIdleMs)
  }
}

function acceptsGzip(request: IncomingMessage): boolean {
  const accepted = request.headers['accept-encoding']
  const list = (Array.isArray(accepted) ? accepted.join() : (accepted ?? ''))
    .toLowerCase()
    .split(',')
  return list.some((item) => /^\s*gzip\s*(;\s*q=(1|0\.0*[1-9]).*)?$/.test(item))
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    response.on('drain', settle)
    response.on('close', settle)
  })
}
