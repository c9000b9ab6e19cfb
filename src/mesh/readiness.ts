import { readyWaitMaxMs } from '../domain/limits.ts'
import { parseLogId } from '../domain/log-id.ts'
import { siblingNames } from './access.ts'
import type { Effect, Now } from './events.ts'
import { positionOf } from './exchange.ts'
import type { MeshState, PeerState } from './state.ts'

/**
 * A node away for long, new, or restored from an old copy is not ready until it has reached every reachable sibling's
 * heads as first heard, for a minute at most (DESIGN 2.2). It answers reads meanwhile.
 */
export function startReadiness(state: MeshState, isAway: boolean, now: Now): Effect[] {
  state.readiness.deadlineMs = now.monoMs + readyWaitMaxMs
  if (isAway) {
    for (const name of siblingNames(state)) {
      if (state.peers.get(name)?.peer.url !== null) state.readiness.waiting.set(name, null)
    }
  }
  const count = state.readiness.waiting.size
  if (count === 0) return becomeReadyWhenReached(state, now)
  return [
    { type: 'notice', notice: { type: 'not-ready', reason: `waiting for ${count} siblings` } },
  ]
}

/** A sibling told its heads: its first word while we wait for it, or a log of our own that we have lost the end of. */
export function hearSibling(state: MeshState, peer: PeerState, now: Now): void {
  if (peer.peer.role.type !== 'sibling') return
  const { waiting } = state.readiness
  const name = peer.peer.name
  if (waiting.has(name)) {
    if (waiting.get(name) === null) waiting.set(name, new Map(peer.offers))
    return
  }
  const lost = new Map(
    [...peer.offers].filter(([log]) => parseLogId(log)?.node === state.self.name),
  )
  if (lost.size === 0) return
  waiting.set(name, lost)
  if (state.readiness.isReady) state.readiness.deadlineMs = now.monoMs + readyWaitMaxMs
  state.readiness.isReady = false
}

/** A sibling that cannot be reached is not waited for. */
export function giveUpSibling(state: MeshState, name: string): void {
  if (state.readiness.waiting.get(name) === null) state.readiness.waiting.delete(name)
}

export function becomeReadyWhenReached(state: MeshState, now: Now): Effect[] {
  const { readiness } = state
  if (readiness.isReady) return []
  for (const [name, told] of readiness.waiting) {
    const isReached =
      told !== null && [...told].every(([log, size]) => positionOf(state, log) >= size)
    if (isReached) readiness.waiting.delete(name)
  }
  if (readiness.waiting.size > 0 && now.monoMs < readiness.deadlineMs) return []
  readiness.waiting.clear()
  readiness.isReady = true
  return [{ type: 'notice', notice: { type: 'ready' } }]
}
