/**
 * Owns: the pure machine of the mesh, step(state, event) → effects: admission, stamps, lives, sending.
 * Relies on: domain.
 * Never: reads a clock, draws chance, touches disk or net; those come in as events and leave as effects.
 */
import type { MatrixKey } from '../domain/entry.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Frontier, Hash } from '../domain/merkle-tree.ts'
import type { Peer } from '../domain/peer.ts'
import type { RefusalCode } from '../domain/refusal.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { Exchange } from './exchange.ts'
import type { Group } from './group.ts'

/** Who this node is; public material only, keys stay with whoever executes effects. */
export type Self = {
  readonly name: string
  readonly serverName: string
  /** Verifier key of the mesh key under the node's name (C2SP vkey, type 0x01). */
  readonly meshKey: string
  readonly matrixKeys: readonly MatrixKey[]
  readonly recoveryKey: string | null
}

export type Limits = {
  readonly skewMaxMs: number
}

/** A replica's dated promise to hold a log up to a size (C2SP timestamped cosignature line). */
export type Cosigned = { readonly size: number; readonly timeS: number; readonly line: string }

export type LogState = {
  readonly log: LogId
  readonly origin: string
  readonly audience: string
  size: number
  root: Hash
  frontier: Frontier
  /** Newest checkpoint reached, with the origin's signature; covers noteSize lines, at most `size`. Empty before. */
  note: string
  noteSize: number
  lastStamp: Stamp
  haltedAt: number | null
  blankAt: number | null
  closedAt: number | null
  /** What its first line says; null until it is held. */
  begin: { readonly serverName: string; readonly matrixKeys: readonly MatrixKey[] } | null
  /** Monotonic time of the last push of it that was taken whole. */
  pushedAtMs: number
  /** Newest cosignature heard per node. */
  cosigned: Map<string, Cosigned>
}

export type PeerRefusal = {
  readonly log: LogId | null
  readonly code: string
  readonly message: string
  readonly atMs: number
  readonly direction: 'theirs' | 'ours'
}

export type PeerState = {
  readonly peer: Peer
  /** What it last said it holds of each log. */
  have: Map<LogId, number>
  isReachable: boolean | null
  failures: number
  /** Monotonic time before which it is not called. */
  callAfterMs: number
  headsDueMs: number
  isCalling: boolean
  isPulling: LogId | null
  /** Logs it offered more of than we hold, with the size offered. */
  offers: Map<LogId, number>
  /** Logs it gave us badly or refused from us: monotonic time before which they are not tried again with it. */
  logAfterMs: Map<LogId, number>
  /** Entries it is being served right now, by log: no pushes of these meanwhile. */
  serving: Map<LogId, number>
  /** Its wall clock less ours, milliseconds; null before the first answer. */
  clockDifferenceMs: number | null
  lastHeardMs: number | null
  lastFailure: { readonly reason: string; readonly atMs: number } | null
  /** Newest refusals, newest last, at most ten. */
  refusals: PeerRefusal[]
  /** Whether a full list of closed logs is wanted with the next heads. */
  wantsFull: boolean
  /** Mismatches it shows with what siblings must share. */
  mismatches: readonly string[]
}

/** Own logs of one audience: the current life, if this run has written, and former ones still open. */
export type OwnLogs = { current: LogId | null; former: Set<LogId> }

export type Readiness = {
  /** Siblings still to be heard and reached: node → the sizes it first told, null before it answered. */
  waiting: Map<string, Map<LogId, number> | null>
  deadlineMs: number
  isReady: boolean
}

export type MeshState = {
  readonly self: Self
  readonly limits: Limits
  peers: Map<string, PeerState>
  logs: Map<LogId, LogState>
  own: Map<string, OwnLogs>
  /** Newest stamp written or seen. */
  newest: Stamp
  /** Wall less monotonic clock at the last event: a jump begins new lives. */
  clockOffsetMs: number | null
  /** Drawn in advance by the executor; null while a draw is under way. */
  nextLife: string | null
  exchanges: Map<number, Exchange>
  group: Group
  /** The group being written, null when none is. */
  committing: Group | null
  /** Logs with lines a power failure may still take: none of their heads is cosigned (DESIGN 2.2). */
  unsynced: Set<LogId>
  nextCommit: number
  /** Why the store refuses writes; null when it does not. */
  storageProblem: { readonly code: RefusalCode; readonly sinceMs: number } | null
  readiness: Readiness
  /** Monotonic time at which the store is next told that this node lives. */
  aliveDueMs: number
  isStopping: boolean
}
