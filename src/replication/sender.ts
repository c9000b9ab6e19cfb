import PQueue from 'p-queue'
import type { Peer } from '../domain/peer.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { ChunkAcceptor } from '../log/accept.ts'
import type { Outward } from '../log/driver.ts'
import { readChunk } from '../log/read-chunk.ts'
import type { Writer } from '../log/writer-port.ts'
import type { PushOutcome } from '../mesh/events.ts'
import type { Storage } from '../storage/storage.ts'
import { readHeads, type SharedMarks } from './heads-shape.ts'
import { isRecord, readInteger, readString } from './shapes.ts'
import {
  TransportFault,
  type PeerAddress,
  type Transport,
  type TransportAnswer,
} from './transport.ts'

export type SenderPorts = {
  readonly writer: Writer
  readonly acceptor: ChunkAcceptor
  readonly storage: Pick<Storage, 'readLines' | 'readSubtrees'>
  readonly transport: Transport
  readonly peerNamed: (name: string) => Peer | null
  readonly shared: () => SharedMarks
  /** A signal that fires after this many milliseconds; cleared by `done`. */
  readonly deadline: (ms: number) => { readonly signal: AbortSignal; readonly done: () => void }
}

type Call = Extract<Outward, { type: 'ask-heads' | 'push' | 'pull' }>

/** How long heads or a push may take as a whole; pulls are bounded by their silence alone. */
const callMaxMs = 60_000

/**
 * Performs the calls the machine asks for, and tells it how they ended. One queue per peer and lane: pushes and heads
 * go one at a time, a pull beside them, so that a long catch-up never delays a withdrawal. The queues hold no
 * entries: the log is the queue.
 */
export class Sender {
  readonly #ports: SenderPorts
  readonly #lanes = new Map<string, PQueue>()
  readonly #stopping = new AbortController()

  constructor(ports: SenderPorts) {
    this.#ports = ports
    ports.writer.onOutward((outward) => {
      if (outward.type === 'ask-heads' || outward.type === 'push' || outward.type === 'pull')
        this.#enqueue(outward)
    })
  }

  /** Calls under way are cut off; what they carried is sent again after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort(new TransportFault('this node is stopping'))
    await Promise.all([...this.#lanes.values()].map((lane) => lane.onIdle()))
  }

  #enqueue(call: Call): void {
    const name = `${call.peer} ${call.type === 'pull' ? 'pull' : 'call'}`
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new PQueue({ concurrency: 1 })
      this.#lanes.set(name, lane)
    }
    void lane.add(() => this.#perform(call))
  }

  async #perform(call: Call): Promise<void> {
    const peer = this.#ports.peerNamed(call.peer)
    const address = peer === null ? null : addressOf(peer)
    if (call.type === 'ask-heads') return this.#askHeads(call, address)
    if (call.type === 'push') return this.#push(call, address)
    return this.#pull(call, address)
  }

  async #askHeads(
    { peer, full }: Extract<Call, { type: 'ask-heads' }>,
    address: PeerAddress | null,
  ): Promise<void> {
    const { writer, transport, shared } = this.#ports
    const call = this.#bounded(callMaxMs)
    try {
      const answer = await transport.heads(known(address), { full, signal: call.signal })
      if (answer.status !== 200)
        throw new TransportFault(`it refused heads: ${refusalText(answer)}`)
      const heads = readHeads(answer.body, shared())
      if (heads === null) throw new TransportFault('its heads are not of this protocol')
      writer.send({ type: 'heads-heard', peer, heads })
    } catch (error) {
      writer.send({ type: 'heads-failed', peer, reason: reasonOf(error) })
    } finally {
      call.done()
    }
  }

  async #push(
    { peer, log, from, to, note }: Extract<Call, { type: 'push' }>,
    address: PeerAddress | null,
  ): Promise<void> {
    const { writer, transport, storage } = this.#ports
    const call = this.#bounded(callMaxMs)
    let outcome: PushOutcome
    try {
      const chunk = readChunk(storage, { log, from, to, note })
      outcome = readPushAnswer(
        await transport.push(known(address), chunk, { signal: call.signal }),
        log,
      )
    } catch (error) {
      outcome = { type: 'failed', reason: reasonOf(error) }
    } finally {
      call.done()
    }
    writer.send({ type: 'push-ended', peer, log, outcome })
  }

  async #pull(
    { peer, log, from }: Extract<Call, { type: 'pull' }>,
    address: PeerAddress | null,
  ): Promise<void> {
    const { writer, transport, acceptor } = this.#ports
    let failure: string | null = null
    try {
      const signal = this.#stopping.signal
      const answer = await transport.entries(known(address), { log, from, signal })
      if (answer.status !== 200) {
        failure = `it refused ${log}: ${refusalText({ status: answer.status, body: 'refusal' in answer ? answer.refusal : null })}`
      } else if ('body' in answer) {
        await acceptor.accept(answer.body, { peer, via: 'pull', log })
      }
    } catch (error) {
      failure = reasonOf(error)
    }
    writer.send({ type: 'pull-ended', peer, log, failure })
  }

  #bounded(ms: number): { signal: AbortSignal; done: () => void } {
    const { signal, done } = this.#ports.deadline(ms)
    return { signal: AbortSignal.any([signal, this.#stopping.signal]), done }
  }
}

function addressOf(peer: Peer): PeerAddress | null {
  return peer.url === null ? null : { name: peer.name, url: peer.url, tlsPins: peer.tlsPins }
}

function known(address: PeerAddress | null): PeerAddress {
  if (address === null) throw new TransportFault('it has no URL in the peers file')
  return address
}

function reasonOf(error: unknown): string {
  if (error instanceof TransportFault) return error.reason
  if (isRefusal(error)) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

function refusalText({ status, body }: TransportAnswer): string {
  if (!isRecord(body)) return `status ${status}`
  const code = readString(body['code'], 64) ?? 'no code'
  return `status ${status}, ${code}: ${readString(body['message'], 500) ?? ''}`
}

/** `{"have": {log: n}, "cosignatures": […]}`, or a refusal `{code, message, log, have}`. */
export function readPushAnswer({ status, body }: TransportAnswer, log: string): PushOutcome {
  if (!isRecord(body))
    return { type: 'failed', reason: `it answered a push with status ${status} and no JSON object` }
  if (status !== 200) {
    const code = readString(body['code'], 64) ?? `status-${status}`
    const message = readString(body['message'], 500) ?? ''
    return { type: 'refused', code, message, have: readInteger(body['have']) }
  }
  const have = isRecord(body['have']) ? readInteger(body['have'][log]) : null
  if (have === null)
    return { type: 'failed', reason: 'it answered a push without saying what it has' }
  const lines = Array.isArray(body['cosignatures']) ? body['cosignatures'] : []
  const cosignatures = lines
    .slice(0, 8)
    .filter((line): line is string => readString(line, 1_000) !== null)
  return { type: 'taken', have, cosignatures }
}
