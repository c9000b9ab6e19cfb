import { closedDigest } from '../domain/heads-digest.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Peer } from '../domain/peer.ts'
import { RefusalError } from '../domain/refusal.ts'
import type { ChunkAcceptor } from '../log/accept.ts'
import { readChunk } from '../log/read-chunk.ts'
import type { Writer } from '../log/writer-port.ts'
import type { Storage } from '../storage/storage.ts'
import type { HeadsBody, SharedMarks } from './heads-shape.ts'

export type ReceiverPorts = {
  readonly writer: Writer
  readonly acceptor: ChunkAcceptor
  readonly storage: Pick<Storage, 'readLines' | 'readSubtrees'>
  readonly node: string
  readonly shared: () => SharedMarks
  readonly nowMs: () => number
}

type Answer = { readonly status: number; readonly body: object }

/** What this node answers its peers; the listener has told who calls. Refusals are thrown. */
export class Receiver {
  readonly #ports: ReceiverPorts

  constructor(ports: ReceiverPorts) {
    this.#ports = ports
  }

  async heads(peer: Peer, full: boolean): Promise<HeadsBody> {
    const { writer, node, nowMs, shared } = this.#ports
    const heads = await writer.ask((request) => ({
      type: 'heads-asked',
      request,
      peer: peer.name,
      full,
    }))
    if (heads.type !== 'heads') throw new Error(`heads were answered with ${heads.type}`)
    const { count, logs } = heads.closed
    return {
      v: 1,
      node,
      now: nowMs(),
      logs: heads.logs.map(({ log, have, note }) => ({ log, have, checkpoint: note })),
      closed: { count, digest: closedDigest(logs) },
      ...(peer.role.type === 'sibling' ? { shared: shared() } : {}),
    }
  }

  async push(peer: Peer, body: AsyncIterable<Uint8Array>): Promise<Answer> {
    let log: LogId | null = null
    const { acceptor } = this.#ports
    const accepted = await acceptor.accept(body, {
      peer: peer.name,
      via: 'push',
      onHeader: (header) => {
        log = header.log
      },
    })
    if (log === null) throw new RefusalError('chunk-truncated', 'the chunk ended before its header')
    const { have, cosignature } = accepted
    return {
      status: 200,
      body: {
        have: { [log as LogId]: have },
        cosignatures: cosignature === null ? [] : [cosignature],
      },
    }
  }

  async entries(
    peer: Peer,
    log: LogId,
    from: number,
  ): Promise<{ status: 200; stream: AsyncIterable<Uint8Array> }> {
    const { writer, storage } = this.#ports
    const served = await writer.ask((request) => ({
      type: 'entries-asked',
      request,
      peer: peer.name,
      log,
      from,
    }))
    if (served.type !== 'served') throw new Error(`entries were answered with ${served.type}`)
    const { to, note } = served
    return {
      status: 200,
      stream: this.#serve(peer.name, log, readChunk(storage, { log, from, to, note })),
    }
  }

  /** While a log is being read by a peer, it is not pushed to it too. */
  async *#serve(
    peer: string,
    log: LogId,
    chunk: AsyncGenerator<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const { writer } = this.#ports
    writer.send({ type: 'serving', peer, log, isOn: true })
    try {
      yield* chunk
    } finally {
      writer.send({ type: 'serving', peer, log, isOn: false })
    }
  }
}
