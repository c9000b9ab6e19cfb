import type { Segment } from '../domain/chunk.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Checkpoint } from '../domain/checkpoint.ts'
import type { RefusalError } from '../domain/refusal.ts'
import { mayRead } from './access.ts'
import type { Effect } from './events.ts'
import type { MeshState, PeerRefusal } from './state.ts'

/** One chunk on its way in. */
export type Exchange = {
  readonly id: number
  readonly peer: string
  readonly via: 'push' | 'pull'
  readonly log: LogId
  /** What the header's checkpoint promises; believed once verified. */
  readonly target: Checkpoint
  readonly note: string
  isVerified: boolean
  /** Index of the next line to come. */
  next: number
  /** A segment that waits for the leaves it overlaps. */
  held: Segment | null
  /** Segments and an end that came while the checkpoint was being verified or leaves loaded. */
  isEnded: boolean
}

const refusalsKept = 10

/** Refusals that say "not now": nobody did anything wrong, and nobody has to hear of them. */
const ordinaryRefusals: ReadonlySet<string> = new Set([
  'already-pulling',
  'writer-busy',
  'node-stopping',
])

export function rememberRefusal(state: MeshState, peerName: string, refusal: PeerRefusal): void {
  const refusals = state.peers.get(peerName)?.refusals
  if (refusals === undefined) return
  refusals.push(refusal)
  if (refusals.length > refusalsKept) refusals.shift()
}

/** Ends an exchange with a named reason, which status shows; what was committed of it stays. */
export function refuseExchange(
  state: MeshState,
  exchange: { readonly id: number; readonly peer: string; readonly log: LogId | null },
  refusal: RefusalError,
  wallMs: number,
): Effect[] {
  state.exchanges.delete(exchange.id)
  const { code, message } = refusal
  const { log, peer } = exchange
  // Who may not read a log is not told how long it is.
  const have = log === null || !mayRead(state, peer, log) ? null : positionOf(state, log)
  const answer: Effect = {
    type: 'exchange-refused',
    exchange: exchange.id,
    refused: { code, message, log, have },
  }
  if (ordinaryRefusals.has(code)) return [answer]
  rememberRefusal(state, peer, { log, code, message, atMs: wallMs, direction: 'ours' })
  return [answer, { type: 'notice', notice: { type: 'chunk-refused', peer, log, code, message } }]
}

/** Where we want the next line of a log: the first unexplained blank, or its size. */
export function positionOf(state: MeshState, log: LogId): number {
  const stands = state.logs.get(log)
  return stands === undefined ? 0 : (stands.blankAt ?? stands.size)
}

/** Whether a peer that offers so many lines can add to what we hold: lines, or the checkpoint that covers ours. */
export function lacks(state: MeshState, log: LogId, offered: number): boolean {
  if (offered > positionOf(state, log)) return true
  const stands = state.logs.get(log)
  if (stands === undefined || stands.blankAt !== null) return false
  return stands.noteSize < stands.size && offered === stands.size
}
