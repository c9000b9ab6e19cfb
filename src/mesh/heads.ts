import { parseNote } from '../domain/checkpoint.ts'
import { closedDigest } from '../domain/heads-digest.ts'
import { headsIntervalMs, headsJitter } from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import type { RefusalCode } from '../domain/refusal.ts'
import { mayGive, mayRead, originKeys } from './access.ts'
import { closeWhatIsComplete } from './append.ts'
import type { Effect, HeadsOffer, HeadToCosign, MeshEvent, Now } from './events.ts'
import { lacks, positionOf } from './exchange.ts'
import { hearSibling } from './readiness.ts'
import type { LogState, MeshState, PeerState } from './state.ts'

/** Heads: at once "what do you have", gossip of checkpoints, and the acknowledgements of replicas (replication.md 3.5). */

/** How much of a log may be served: up to the newest checkpoint reached, never past an unexplained blank. */
export function servableSize(log: LogState): number {
  return Math.min(log.noteSize, log.blankAt ?? log.noteSize)
}

function isFullyClosed(log: LogState): boolean {
  return (
    log.closedAt !== null &&
    log.size === log.closedAt &&
    log.noteSize === log.size &&
    log.blankAt === null
  )
}

function headOf({ log, size, root }: LogState): HeadToCosign {
  return { log, size, root }
}

function closedLogs(state: MeshState, peer: string): HeadToCosign[] {
  const closed: HeadToCosign[] = []
  for (const log of state.logs.values()) {
    if (isFullyClosed(log) && mayRead(state, peer, log.log)) closed.push(headOf(log))
  }
  return closed
}

/** A peer asks what we hold. */
export function answerHeads(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'heads-asked' }>,
): Effect[] {
  const { request, peer, full } = event
  const logs = []
  for (const log of state.logs.values()) {
    if (!mayRead(state, peer, log.log) || (isFullyClosed(log) && !full)) continue
    const isWhole = log.blankAt === null && log.noteSize === log.size && log.size > 0
    logs.push({
      log: log.log,
      have: positionOf(state, log.log),
      note: log.note,
      cosigned: [...log.cosigned.values()]
        .filter(({ size }) => size === log.noteSize)
        .map(({ line }) => line),
      cosign: isWhole && !state.unsynced.has(log.log) ? headOf(log) : null,
    })
  }
  const closed = closedLogs(state, peer)
  noticeAlive(state, peer, event.now)
  return [{ type: 'heads', request, logs, closed: { count: closed.length, logs: closed, full } }]
}

/** A peer asks for the lines of a log from an index on: what may be served, proved against the newest checkpoint. */
export function serveEntries(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'entries-asked' }>,
): Effect[] {
  const { request, peer, log, from } = event
  const refuse = (code: RefusalCode, message: string): Effect[] => [
    { type: 'refused', request, code, message },
  ]
  if (!mayRead(state, peer, log)) return refuse('log-not-readable', `${peer} may not read ${log}`)
  const stands = state.logs.get(log)
  if (stands === undefined) return refuse('log-unknown', `this node does not hold ${log}`)
  const to = servableSize(stands)
  if (from > to || stands.note === '')
    return refuse('gap', `this node serves ${to} lines of ${log}`)
  return [{ type: 'served', request, to, note: stands.note }]
}

/** A peer that calls us is alive: what it missed is tried at once. */
export function noticeAlive(state: MeshState, peerName: string, now: Now): void {
  const peer = state.peers.get(peerName)
  if (peer === undefined) return
  if (peer.failures > 0) {
    peer.callAfterMs = now.monoMs
    peer.headsDueMs = now.monoMs
  }
}

/** What a peer says it holds: offers to pull, gaps to push, acknowledgements of our logs. */
export function hearHeads(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'heads-heard' }>,
): Effect[] {
  const { heads, now } = event
  const peer = state.peers.get(event.peer)
  if (peer === undefined) return []
  const effects: Effect[] =
    peer.isReachable === true
      ? []
      : [{ type: 'notice', notice: { type: 'peer-reachable', peer: event.peer } }]
  peer.isCalling = false
  peer.isReachable = true
  peer.failures = 0
  peer.callAfterMs = now.monoMs
  peer.headsDueMs = now.monoMs + headsDelayMs(peer, now)
  peer.lastHeardMs = now.wallMs
  peer.lastFailure = null
  peer.clockDifferenceMs = heads.nowMs - now.wallMs
  peer.mismatches = heads.mismatches
  if (!peer.wantsFull) forgetOpen(state, peer)
  peer.offers.clear()
  for (const offer of heads.logs) effects.push(...hearOffer(state, peer, offer))
  const ours = closedLogs(state, event.peer)
  peer.wantsFull = closedDigest(ours) !== heads.closed.digest && !peer.wantsFull
  if (peer.wantsFull) peer.headsDueMs = Math.min(peer.headsDueMs, now.monoMs)
  hearSibling(state, peer, now)
  return [...effects, ...closeWhatIsComplete(state, now)]
}

/** Open logs it does not list it does not hold; of closed ones, which it need not list, nothing is forgotten. */
function forgetOpen(state: MeshState, peer: PeerState): void {
  for (const log of peer.have.keys()) {
    if ((state.logs.get(log)?.closedAt ?? null) === null) peer.have.delete(log)
  }
}

/** The interval with its jitter, drawn from the peer's name and the clock so that the machine stays pure. */
function headsDelayMs(peer: PeerState, now: Now): number {
  let seed = Math.floor(now.monoMs)
  for (const char of peer.peer.name) seed = (seed * 31 + char.charCodeAt(0)) % 1_000_003
  return headsIntervalMs * (1 - headsJitter + (2 * headsJitter * (seed % 1000)) / 1000)
}

function hearOffer(state: MeshState, peer: PeerState, offer: HeadsOffer): Effect[] {
  const { log, have, checkpoint } = offer
  const name = peer.peer.name
  if (!mayGive(state, name, log) && !mayRead(state, name, log)) return []
  peer.have.set(log, have)
  const note = checkpoint === null ? null : parseNote(checkpoint)
  if (note === null || note.checkpoint.log !== log) return []
  const offered = Math.min(have, note.checkpoint.size)
  if (mayGive(state, name, log) && lacks(state, log, offered)) peer.offers.set(log, offered)
  return hearCosignature(state, peer, log, note)
}

function hearCosignature(
  state: MeshState,
  peer: PeerState,
  log: LogId,
  note: NonNullable<ReturnType<typeof parseNote>>,
): Effect[] {
  const stands = state.logs.get(log)
  const { size, root } = note.checkpoint
  if (stands === undefined || stands.noteSize !== size || stands.size !== size) return []
  if (!Buffer.from(root).equals(stands.root)) return []
  return note.signatures
    .filter(({ name }) => name === peer.peer.name)
    .slice(0, 1)
    .flatMap(({ line }) => checkCosignature(state, peer.peer.name, headOf(stands), line))
}

/** Asks for a replica's cosignature to be checked, when it says more than what is known already. */
export function checkCosignature(
  state: MeshState,
  node: string,
  head: HeadToCosign,
  line: string,
): Effect[] {
  const keys = originKeys(state, node)
  const known = state.logs.get(head.log)?.cosigned.get(node)
  if (keys === null || (known !== undefined && known.size >= head.size)) return []
  return [{ type: 'verify-cosignature', log: head.log, node, keys, head, line }]
}

export function hearCosigned(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'cosignature-verified' }>,
): Effect[] {
  const { log, node, size, timeS, line } = event
  const stands = state.logs.get(log)
  if (stands === undefined || timeS === null) return []
  const known = stands.cosigned.get(node)
  if (known === undefined || known.size < size) stands.cosigned.set(node, { size, timeS, line })
  return []
}
