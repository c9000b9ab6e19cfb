import {
  backoffFirstMs,
  backoffMaxMs,
  headsIntervalMs,
  pushLinesMax,
  pushQuietMs,
} from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import { parseNote } from '../domain/checkpoint.ts'
import { mayRead } from './access.ts'
import type { Effect, MeshEvent, Now, PushOutcome } from './events.ts'
import { lacks, positionOf, rememberRefusal } from './exchange.ts'
import { checkCosignature, servableSize } from './heads.ts'
import { giveUpSibling } from './readiness.ts'
import type { LogState, MeshState, PeerState } from './state.ts'

/**
 * Whom to call and what to send. A push goes at once when no call to that peer is under way; what gathers meanwhile
 * goes in the next. The log is the queue: nothing is held here. Pulls run beside calls, one per peer and one per log,
 * so that a long catch-up never delays a push, and one bad peer never delays another.
 */
export function schedule(state: MeshState, now: Now): Effect[] {
  if (state.isStopping) return []
  const effects: Effect[] = []
  for (const peer of state.peers.values()) {
    if (peer.peer.url === null || peer.callAfterMs > now.monoMs) continue
    if (!peer.isCalling) effects.push(...nextCall(state, peer, now))
    if (peer.isPulling === null) effects.push(...nextPull(state, peer, now))
  }
  return effects
}

function nextCall(state: MeshState, peer: PeerState, now: Now): Effect[] {
  const name = peer.peer.name
  if (peer.headsDueMs <= now.monoMs) {
    peer.isCalling = true
    return [{ type: 'ask-heads', peer: name, full: peer.wantsFull }]
  }
  if (peer.isReachable !== true) return []
  for (const log of state.logs.values()) {
    const from = peer.have.get(log.log) ?? 0
    const size = servableSize(log)
    if (from >= size || !isPushable(state, peer, log, now)) continue
    peer.isCalling = true
    return [
      {
        type: 'push',
        peer: name,
        log: log.log,
        from,
        to: Math.min(size, from + pushLinesMax),
        note: log.note,
      },
    ]
  }
  return []
}

function isPushable(state: MeshState, peer: PeerState, log: LogState, now: Now): boolean {
  if (peer.serving.has(log.log) || peer.isPulling === log.log) return false
  if ((peer.logAfterMs.get(log.log) ?? 0) > now.monoMs) return false
  if (log.closedAt !== null && !peer.have.has(log.log)) return false
  return mayRead(state, peer.peer.name, log.log)
}

function nextPull(state: MeshState, peer: PeerState, now: Now): Effect[] {
  for (const [log, offered] of peer.offers) {
    const from = positionOf(state, log)
    if (!lacks(state, log, offered)) {
      peer.offers.delete(log)
      continue
    }
    if ((peer.logAfterMs.get(log) ?? 0) > now.monoMs || isPulled(state, log)) continue
    if (offered - from <= pushLinesMax && isBeingPushed(state, log, now)) continue
    peer.isPulling = log
    return [{ type: 'pull', peer: peer.peer.name, log, from }]
  }
  return []
}

/** Lines of it are arriving by themselves: a pull would only bring them twice. */
function isBeingPushed(state: MeshState, log: LogId, now: Now): boolean {
  return now.monoMs - (state.logs.get(log)?.pushedAtMs ?? -Infinity) < pushQuietMs
}

function isPulled(state: MeshState, log: LogId): boolean {
  for (const peer of state.peers.values()) if (peer.isPulling === log) return true
  return false
}

/** A call got no answer: this peer alone is left alone for a while, longer each time. */
export function failPeer(state: MeshState, peerName: string, reason: string, now: Now): Effect[] {
  const peer = state.peers.get(peerName)
  if (peer === undefined) return []
  const effects: Effect[] =
    peer.isReachable === false
      ? []
      : [{ type: 'notice', notice: { type: 'peer-unreachable', peer: peerName, reason } }]
  peer.isReachable = false
  peer.failures++
  peer.callAfterMs = now.monoMs + backoffMs(peer, now)
  peer.headsDueMs = Math.min(peer.headsDueMs, peer.callAfterMs)
  peer.lastFailure = { reason, atMs: now.wallMs }
  // What it said of its clock before ours jumped is worth nothing once it cannot be asked.
  if (peer.lastHeardMs === null) peer.clockDifferenceMs = null
  giveUpSibling(state, peerName)
  return effects
}

/** Doubling, capped, with up to a quarter taken off so that peers do not call in step. */
function backoffMs(peer: PeerState, now: Now): number {
  const full = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(peer.failures - 1, 20))
  return full * (1 - (Math.floor(now.monoMs) % 97) / 388)
}

export function failHeads(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'heads-failed' }>,
): Effect[] {
  const peer = state.peers.get(event.peer)
  if (peer !== undefined) peer.isCalling = false
  return failPeer(state, event.peer, event.reason, event.now)
}

export function endPush(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'push-ended' }>,
): Effect[] {
  const peer = state.peers.get(event.peer)
  if (peer === undefined) return []
  peer.isCalling = false
  const { outcome, log, now } = event
  if (outcome.type === 'failed') return failPeer(state, event.peer, outcome.reason, now)
  peer.failures = 0
  const before = peer.have.get(log) ?? 0
  if (outcome.have !== null) peer.have.set(log, outcome.have)
  const advanced = outcome.have !== null && outcome.have > before
  if (!advanced) peer.logAfterMs.set(log, now.monoMs + headsIntervalMs)
  if (outcome.type === 'refused') return hearRefusal(state, peer, log, outcome, now)
  return outcome.cosignatures
    .slice(0, 1)
    .flatMap((line) => hearPushed(state, event.peer, log, outcome.have, line))
}

const soonAgain: ReadonlySet<string> = new Set([
  'gap',
  'overlap-too-long',
  'already-pulling',
  'writer-busy',
])

function hearRefusal(
  state: MeshState,
  peer: PeerState,
  log: LogId,
  { code, message }: Extract<PushOutcome, { type: 'refused' }>,
  now: Now,
): Effect[] {
  // It told us where it stands, or is busy: tried again soon, and nobody has to hear of it.
  if (soonAgain.has(code)) {
    peer.logAfterMs.set(log, now.monoMs + backoffFirstMs)
    return []
  }
  rememberRefusal(state, peer.peer.name, {
    log,
    code,
    message,
    atMs: now.wallMs,
    direction: 'theirs',
  })
  return [
    { type: 'notice', notice: { type: 'push-refused', peer: peer.peer.name, log, code, message } },
  ]
}

function hearPushed(
  state: MeshState,
  node: string,
  log: LogId,
  have: number,
  line: string,
): Effect[] {
  const stands = state.logs.get(log)
  if (stands === undefined) return []
  const root =
    stands.size === have ? stands.root : (parseNote(stands.note)?.checkpoint.root ?? null)
  if (root === null || (stands.size !== have && stands.noteSize !== have)) return []
  return checkCosignature(state, node, { log, size: have, root }, line)
}

export function endPull(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'pull-ended' }>,
): Effect[] {
  const { log, failure, now } = event
  const peer = state.peers.get(event.peer)
  if (peer === undefined) return []
  peer.isPulling = null
  const reached = positionOf(state, log)
  const offered = peer.offers.get(log) ?? 0
  const isLacking = lacks(state, log, offered)
  if (!isLacking) peer.offers.delete(log)
  if (failure !== null || isLacking) peer.logAfterMs.set(log, now.monoMs + headsIntervalMs / 2)
  peer.have.set(log, Math.max(peer.have.get(log) ?? 0, Math.min(reached, offered)))
  if (failure !== null) peer.lastFailure = { reason: failure, atMs: now.wallMs }
  return []
}
