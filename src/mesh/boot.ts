import type { Peer } from '../domain/peer.ts'
import { emptyGroup } from './group.ts'
import type { Now } from './events.ts'
import { newPeer } from './peers.ts'
import type { Limits, LogState, MeshState, Self } from './state.ts'

/**
 * The state a run begins with: what stands in the store, and nothing else. No own log is current: a log belongs to
 * one run, so a restored disk, a clone or a crash cannot fork one (DESIGN 1.7).
 */
export function bootState(given: {
  readonly self: Self
  readonly limits: Limits
  readonly peers: readonly Peer[]
  readonly logs: readonly LogState[]
  readonly now: Now
}): MeshState {
  const { self, limits, now } = given
  const state: MeshState = {
    self,
    limits,
    peers: new Map(),
    logs: new Map(given.logs.map((log) => [log.log, log])),
    own: new Map(),
    newest: 0,
    clockOffsetMs: null,
    nextLife: null,
    exchanges: new Map(),
    group: emptyGroup(),
    committing: null,
    unsynced: new Set(),
    nextCommit: 1,
    storageProblem: null,
    readiness: { waiting: new Map(), deadlineMs: now.monoMs, isReady: false },
    aliveDueMs: now.monoMs,
    isStopping: false,
  }
  for (const peer of given.peers) {
    if (peer.name !== self.name) state.peers.set(peer.name, newPeer(peer, now))
  }
  for (const log of given.logs) {
    state.newest = Math.max(state.newest, log.lastStamp)
    if (log.origin === self.name && log.closedAt === null) keepFormer(state, log)
  }
  return state
}

function keepFormer(state: MeshState, log: LogState): void {
  const own = state.own.get(log.audience) ?? { current: null, former: new Set() }
  own.former.add(log.log)
  state.own.set(log.audience, own)
}
