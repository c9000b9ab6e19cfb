import { aliveIntervalMs, clockDriftMaxMs, storageProbeAfterMs } from '../domain/limits.ts'
import { RefusalError } from '../domain/refusal.ts'
import {
  answerExchange,
  endChunk,
  loadedLeaves,
  nextSegment,
  openChunk,
  refuseUnreadable,
  verifiedCheckpoint,
} from './admission.ts'
import { appendOperations, closeWhatIsComplete, endLife } from './append.ts'
import type { Effect, MeshEvent, Now } from './events.ts'
import { refuseExchange } from './exchange.ts'
import {
  commitGroup,
  dropGroup,
  type Group,
  isBulk,
  settleGroup,
  stageLog,
  wantCommit,
} from './group.ts'
import { answerHeads, hearCosigned, hearHeads, noticeAlive, serveEntries } from './heads.ts'
import { changePeers } from './peers.ts'
import { becomeReadyWhenReached, startReadiness } from './readiness.ts'
import { endPull, endPush, failHeads, schedule } from './sending.ts'
import type { MeshState } from './state.ts'

/** Name of the stored value that says when this node last lived, wall milliseconds. */
export const aliveMetaName = 'last_alive_ms'

/**
 * The mesh core: one event in, effects out. Pure but for the state it is handed, which it changes in place; clock and
 * chance come in with events, disk and net leave as effects. The executor performs effects in order and brings the
 * result of `commit`, `verify-checkpoint`, `load-leaves` and `draw-life` before any other event.
 */
export function step(state: MeshState, event: MeshEvent): Effect[] {
  const jumped = watchClock(state, event.now)
  const effects = react(state, event)
  return [
    ...jumped,
    ...effects,
    ...becomeReadyWhenReachedAfter(state, event),
    ...schedule(state, event.now),
  ]
}

/** Wall and monotonic clock drifting apart: the machine slept, was cloned or set; our current logs are left behind. */
function watchClock(state: MeshState, now: Now): Effect[] {
  const offset = now.wallMs - now.monoMs
  const before = state.clockOffsetMs
  state.clockOffsetMs = offset
  if (before === null || Math.abs(offset - before) <= clockDriftMaxMs) return []
  // What is staged stays staged: committing here would let this very event build on heads that are not settled yet.
  for (const audience of state.own.keys()) endLife(state, audience)
  for (const peer of state.peers.values()) {
    // Whose clock is right is known when it answers; until then ours is held to what was heard before the jump.
    if (peer.clockDifferenceMs !== null) peer.clockDifferenceMs -= offset - before
    peer.lastHeardMs = null
    peer.headsDueMs = now.monoMs
  }
  // A resumed snapshot remembers a life that its former self may have begun since.
  state.nextLife = null
  const notice = { type: 'clock-jumped', driftMs: offset - before } as const
  return [{ type: 'notice', notice }, { type: 'draw-life' }]
}

function becomeReadyWhenReachedAfter(state: MeshState, event: MeshEvent): Effect[] {
  if (event.type === 'segment' || event.type === 'life-drawn') return []
  return becomeReadyWhenReached(state, event.now)
}

function react(state: MeshState, event: MeshEvent): Effect[] {
  const { now } = event
  switch (event.type) {
    case 'started':
      return [{ type: 'draw-life' }, ...startReadiness(state, event.isAway, now)]
    case 'tick':
      return [...wantPending(state), ...keepAlive(state, now), ...closeWhatIsComplete(state, now)]
    case 'stopping':
      state.isStopping = true
      return wantCommit(state)
    case 'life-drawn':
      state.nextLife = event.life
      return []
    case 'peers-changed':
      return changePeers(state, event.peers, now)
    case 'append':
      return append(state, event)
    case 'side':
      state.group.sides.push({ request: event.request, change: event.change })
      return wantCommit(state)
    case 'chunk-opened':
      noticeAlive(state, event.peer, now)
      return openChunk(state, event)
    case 'chunk-unreadable':
      return refuseUnreadable(state, event)
    case 'checkpoint-verified':
      return verifiedCheckpoint(state, event.exchange, event.isValid, now)
    case 'segment':
      return nextSegment(state, event.exchange, event.segment, now)
    case 'leaves-loaded':
      return loadedLeaves(state, event.exchange, event.leaves, now)
    case 'chunk-ended':
      return endChunk(state, event)
    case 'commit-due':
      return state.committing === null ? commitGroup(state) : []
    case 'committed':
      return committed(state, event)
    case 'commit-failed':
      return commitFailed(state, event)
    case 'heads-asked':
      return answerHeads(state, event)
    case 'entries-asked':
      return serveEntries(state, event)
    case 'heads-heard':
      return hearHeads(state, event)
    case 'heads-failed':
      return failHeads(state, event)
    case 'push-ended':
      return endPush(state, event)
    case 'pull-ended':
      return endPull(state, event)
    case 'serving':
      return serve(state, event)
    case 'cosignature-verified':
      return hearCosigned(state, event)
    case 'blank-found':
      return findBlank(state, event)
  }
}

/** Lines staged by a chunk whose sender pauses become durable by the next tick. */
function wantPending(state: MeshState): Effect[] {
  return state.group.lineCount > 0 ? wantCommit(state) : []
}

/** Once a minute the store learns that this node lives; while it refuses writes, each tick is also the probe. */
function keepAlive(state: MeshState, now: Now): Effect[] {
  const problem = state.storageProblem
  if (now.monoMs < state.aliveDueMs && problem === null) return []
  // A small write may still fit where the next large one does not: the problem stands for a while before it is tried.
  const ageMs = problem === null ? null : now.wallMs - problem.sinceMs
  if (ageMs !== null && ageMs >= 0 && ageMs < storageProbeAfterMs) return []
  state.aliveDueMs = now.monoMs + aliveIntervalMs
  const change = { accounts: [], meta: { [aliveMetaName]: String(now.wallMs) } }
  state.group.sides.push({ request: null, change })
  return wantCommit(state)
}

function append(state: MeshState, event: Extract<MeshEvent, { type: 'append' }>): Effect[] {
  const { request, operations, now } = event
  try {
    return appendOperations(state, request, operations, now)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return [{ type: 'refused', request, code: error.code, message: error.message }]
  }
}

function committed(state: MeshState, event: Extract<MeshEvent, { type: 'committed' }>): Effect[] {
  const hadProblem = state.storageProblem !== null
  const hasBegun = [...(state.committing?.logs.values() ?? [])].some(
    (staged) => staged.begin !== staged.state.begin,
  )
  const group = settleGroup(state, event.notes)
  if (isBulk(group)) for (const log of group.logs.keys()) state.unsynced.add(log)
  else state.unsynced.clear()
  const effects: Effect[] = hadProblem
    ? [{ type: 'notice', notice: { type: 'storage-recovered' } }]
    : []
  for (const { request, entries } of group.appended)
    effects.push({ type: 'appended', request, entries })
  for (const [place, { request }] of group.sides.entries()) {
    if (request === null) continue
    effects.push({ type: 'side-done', request, isApplied: !event.conflicts.includes(place) })
  }
  for (const exchange of group.exchanges)
    effects.push(...answerExchange(state, exchange, event.now))
  for (const { fills, state: log } of group.logs.values()) {
    if (fills.length > 0) effects.push({ type: 'find-blank', log: log.log, from: log.blankAt ?? 0 })
  }
  if (hasBegun) effects.push({ type: 'notice', notice: { type: 'keys-changed' } })
  return effects
}

/** Nothing of the group stands: everybody in it hears so, and chunks that were building on it end. */
function commitFailed(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'commit-failed' }>,
): Effect[] {
  const { code, now } = event
  const isNews = state.storageProblem === null
  const group: Group = dropGroup(state, code, now.wallMs)
  const message = 'this node cannot write now'
  const effects: Effect[] = isNews
    ? [{ type: 'notice', notice: { type: 'storage-failed', code } }]
    : []
  if (state.nextLife === null) effects.push({ type: 'draw-life' })
  for (const { state: log, isOwn, lines } of group.logs.values()) {
    // Its head was signed. Another head of that size must never be, so the next write begins another life.
    if (isOwn && lines.length > 0 && state.own.get(log.audience)?.current === log.log)
      endLife(state, log.audience)
  }
  for (const { request } of group.appended)
    effects.push({ type: 'refused', request, code, message })
  for (const { request } of group.sides)
    if (request !== null) effects.push({ type: 'refused', request, code, message })
  for (const exchange of [...state.exchanges.values()]) {
    if (!group.logs.has(exchange.log) && !group.exchanges.includes(exchange.id)) continue
    effects.push(...refuseExchange(state, exchange, new RefusalError(code, message), now.wallMs))
  }
  return effects
}

function serve(
  state: MeshState,
  { peer: name, log, isOn }: Extract<MeshEvent, { type: 'serving' }>,
): Effect[] {
  const peer = state.peers.get(name)
  if (peer === undefined) return []
  const count = (peer.serving.get(log) ?? 0) + (isOn ? 1 : -1)
  if (count > 0) peer.serving.set(log, count)
  else peer.serving.delete(log)
  return []
}

function findBlank(
  state: MeshState,
  { log, index }: Extract<MeshEvent, { type: 'blank-found' }>,
): Effect[] {
  const stands = state.logs.get(log)
  if (stands === undefined || stands.blankAt === index) return []
  // Stored too: a start that believed the former place would ask for lines it holds, for ever.
  stands.blankAt = index
  stageLog(state, log).blankAt = index
  return wantCommit(state)
}
