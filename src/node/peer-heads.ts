import type { Config } from '../config/config.ts'
import { loadKeys } from '../config/key-files.ts'
import { peerAnswerMaxMs } from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Peer } from '../domain/peer.ts'
import type { HeadsOffer } from '../mesh/events.ts'
import type { Clock } from '../platform/clock.ts'
import { readHeads } from '../replication/heads-shape.ts'
import { createMtlsTransport } from '../replication/mtls-transport.ts'
import { TransportFault, type PeerAddress, type Transport } from '../replication/transport.ts'
import { meshTls } from './mesh.ts'

/** What one peer says it holds, and a way to read on from there. */
export type PeerHeads =
  | {
      readonly peer: string
      readonly offers: readonly HeadsOffer[]
      readonly entries: (log: LogId, from: number) => Promise<AsyncIterable<Uint8Array>>
    }
  | { readonly peer: string; readonly failure: string }

/**
 * Asks every peer that can be called for its heads, for a command beside the running node, and gives the answers to
 * `work`. It calls as the node does, with its certificate; nothing is stored of what it hears.
 */
export async function withPeerHeads<T>(
  config: Config,
  clock: Clock,
  peers: readonly Peer[],
  work: (answers: readonly PeerHeads[]) => Promise<T>,
): Promise<T> {
  const tls = await meshTls(config, loadKeys(config), clock)
  const { name } = config.node
  const transport = createMtlsTransport({ name, tls, nowMs: clock.wallMs, packing: 'never' })
  try {
    return await work(await Promise.all(peers.map((peer) => ask(transport, clock, peer))))
  } finally {
    await transport.close()
  }
}

async function ask(transport: Transport, clock: Clock, peer: Peer): Promise<PeerHeads> {
  const { name, url, tlsPins } = peer
  if (url === null) return { peer: name, failure: 'it has no URL in the peers file' }
  const address: PeerAddress = { name, url, tlsPins }
  const deadline = deadlineOf(clock)
  try {
    const answer = await transport.heads(address, { full: true, signal: deadline.signal })
    const heads = answer.status === 200 ? readHeads(answer.body, null) : null
    if (heads === null) return { peer: name, failure: `it answered with status ${answer.status}` }
    const entries = (log: LogId, from: number): Promise<AsyncIterable<Uint8Array>> =>
      entriesOf(transport, clock, address, { log, from })
    return { peer: name, offers: heads.logs, entries }
  } catch (error) {
    return { peer: name, failure: error instanceof TransportFault ? error.reason : String(error) }
  } finally {
    deadline.end()
  }
}

async function entriesOf(
  transport: Transport,
  clock: Clock,
  address: PeerAddress,
  range: { readonly log: LogId; readonly from: number },
): Promise<AsyncIterable<Uint8Array>> {
  const deadline = deadlineOf(clock)
  const answer = await transport.entries(address, { ...range, signal: deadline.signal })
  if ('body' in answer) return answer.body
  deadline.end()
  throw new TransportFault(`it refused the lines of ${range.log} with status ${answer.status}`)
}

function deadlineOf(clock: Clock): { readonly signal: AbortSignal; readonly end: () => void } {
  const ending = new AbortController()
  const reason = new TransportFault(`no answer within ${peerAnswerMaxMs / 1_000} s`)
  const timer = clock.setTimer(peerAnswerMaxMs, () => ending.abort(reason))
  return { signal: ending.signal, end: () => timer.cancel() }
}
