import { parseNote } from '../domain/checkpoint.ts'
import type { Segment } from '../domain/chunk.ts'
import { exchangesMax, logsPerOriginMax, overlapLinesMax } from '../domain/limits.ts'
import { parseLogId } from '../domain/log-id.ts'
import { RefusalError } from '../domain/refusal.ts'
import { endLife } from './append.ts'
import { isOverLogQuota, mayGive, originKeys } from './access.ts'
import type { Effect, KnownLeaf, MeshEvent, Now } from './events.ts'
import { positionOf, refuseExchange, type Exchange } from './exchange.ts'
import { commitGroup, stageLog, stagedSize, wantCommit } from './group.ts'
import { takeSegment } from './segment.ts'
import type { MeshState } from './state.ts'

/**
 * Admission of a chunk, one path for push, pull and relay (replication.md 3.5): origin known and caller allowed;
 * checkpoint signature; sizes; then segment by segment. A chunk below the own size is a comparison, at it an append,
 * beyond it a refusal. There is no other case.
 */
export function openChunk(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'chunk-opened' }>,
): Effect[] {
  const { exchange: id, peer, via, header, now } = event
  const { log, from } = header
  try {
    if (state.isStopping) throw new RefusalError('node-stopping', 'this node is stopping')
    if (state.exchanges.size >= exchangesMax)
      throw new RefusalError('writer-busy', 'too many chunks at once')
    const keys = admitCaller(state, peer, log)
    refusePulled(state, event)
    const note = parseNote(header.checkpoint)
    if (note === null || note.checkpoint.log !== log) {
      throw new RefusalError(
        'checkpoint-malformed',
        'the checkpoint is not a signed note of this log',
      )
    }
    admitRange(state, log, from)
    if (from > note.checkpoint.size) {
      throw new RefusalError('header-malformed', 'the chunk begins beyond its own checkpoint')
    }
    const target = note.checkpoint
    const exchange: Exchange = {
      id,
      peer,
      via,
      log,
      target,
      note: header.checkpoint,
      isVerified: false,
      next: from,
      held: null,
      isEnded: false,
    }
    state.exchanges.set(id, exchange)
    return [{ type: 'verify-checkpoint', exchange: id, note: header.checkpoint, keys }]
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return refuseExchange(state, { id, peer, log }, error, now.wallMs)
  }
}

/** What cannot be read is shown against its sender like any other chunk. */
export function refuseUnreadable(
  state: MeshState,
  { exchange: id, peer, failure, now }: Extract<MeshEvent, { type: 'chunk-unreadable' }>,
): Effect[] {
  const refusal = new RefusalError(failure.code, failure.message)
  return refuseExchange(state, { id, peer, log: null }, refusal, now.wallMs)
}

function admitCaller(state: MeshState, peer: string, log: string): readonly string[] {
  const origin = parseLogId(log)?.node ?? ''
  const keys = originKeys(state, origin)
  if (keys === null) throw new RefusalError('log-unknown', `no peer of ours writes ${log}`)
  if (!mayGive(state, peer, log)) {
    throw new RefusalError('log-not-readable', `${peer} may not hand over ${log}`)
  }
  if (!state.logs.has(log) && isOverLogQuota(state, origin)) {
    throw new RefusalError('quota-exceeded', `${origin} has ${logsPerOriginMax} logs already`)
  }
  return keys
}

/** While a log is being pulled, pushes of it would only be compared with what the pull brings. */
function refusePulled(
  state: MeshState,
  { via, header, peer }: Extract<MeshEvent, { type: 'chunk-opened' }>,
): void {
  if (via !== 'push') return
  for (const other of state.peers.values()) {
    if (other.isPulling === header.log) {
      throw new RefusalError(
        'already-pulling',
        `${header.log} is being pulled${other.peer.name === peer ? '' : ' from another node'}`,
      )
    }
  }
}

function admitRange(state: MeshState, log: string, from: number): void {
  const size = stagedSize(state, log)
  const position = positionOf(state, log)
  if (from > size) {
    throw new RefusalError('gap', `the chunk begins at ${from}, this node holds ${position}`, {
      have: position,
    })
  }
  if (position - from > overlapLinesMax) {
    throw new RefusalError(
      'overlap-too-long',
      `the chunk begins at ${from}, this node holds ${position} already`,
      { have: position },
    )
  }
}

/** The executor has checked the origin's signature on the header's checkpoint. Nothing was done before this. */
export function verifiedCheckpoint(
  state: MeshState,
  id: number,
  isValid: boolean,
  now: Now,
): Effect[] {
  const exchange = state.exchanges.get(id)
  if (exchange === undefined) return []
  if (!isValid) {
    const refusal = new RefusalError(
      'checkpoint-signature-bad',
      'no key of the origin signed this checkpoint',
    )
    return refuseExchange(state, exchange, refusal, now.wallMs)
  }
  exchange.isVerified = true
  const effects = noticeOwnHead(state, exchange)
  const stands = state.logs.get(exchange.log)
  if (stands === undefined || stagedSize(state, exchange.log) !== stands.size) return effects
  if (exchange.target.size !== stands.size) return effects
  if (!Buffer.from(exchange.target.root).equals(stands.root)) {
    const { log, peer } = exchange
    const notice = { type: 'heads-differ', log, size: stands.size, peer } as const
    const refusal = new RefusalError(
      'log-forked',
      `${log} has two signed heads of ${stands.size} lines`,
    )
    return [{ type: 'notice', notice }, ...refuseExchange(state, exchange, refusal, now.wallMs)]
  }
  if (stands.noteSize < stands.size) {
    stageLog(state, exchange.log).reached = { note: exchange.note, size: stands.size }
    effects.push(...wantCommit(state))
  }
  return effects
}

/** A valid head of our current log that we never made: another process writes it too, so this run writes a new one. */
function noticeOwnHead(state: MeshState, exchange: Exchange): Effect[] {
  const name = parseLogId(exchange.log)
  if (name === null || name.node !== state.self.name) return []
  const isCurrent = state.own.get(name.audience)?.current === exchange.log
  const size = stagedSize(state, exchange.log)
  const { target, log, peer } = exchange
  const isStranger =
    target.size > size ||
    (target.size === size &&
      state.logs.get(log)?.size === size &&
      !Buffer.from(target.root).equals(state.logs.get(log)?.root ?? new Uint8Array()))
  if (!isCurrent || !isStranger) return []
  endLife(state, name.audience)
  const notice = { type: 'heads-differ', log, size: target.size, peer } as const
  return [{ type: 'notice', notice }]
}

/** Takes the next segment of a verified chunk, or asks for the stored leaves it overlaps first. */
export function nextSegment(state: MeshState, id: number, segment: Segment, now: Now): Effect[] {
  const exchange = state.exchanges.get(id)
  if (exchange === undefined) return []
  if (!exchange.isVerified) throw new Error('a segment came before its checkpoint was verified')
  const size = stagedSize(state, exchange.log)
  if (exchange.next < size) {
    exchange.held = segment
    const to = Math.min(segment.to, size)
    const load: Effect = {
      type: 'load-leaves',
      exchange: id,
      log: exchange.log,
      from: exchange.next,
      to,
    }
    if (to <= exchange.next) return take(state, exchange, { segment, leaves: [] }, now)
    return state.group.logs.has(exchange.log) ? [...commitGroup(state), load] : [load]
  }
  return take(state, exchange, { segment, leaves: [] }, now)
}

export function loadedLeaves(
  state: MeshState,
  id: number,
  leaves: readonly KnownLeaf[],
  now: Now,
): Effect[] {
  const exchange = state.exchanges.get(id)
  if (exchange === undefined || exchange.held === null) return []
  const segment = exchange.held
  exchange.held = null
  return take(state, exchange, { segment, leaves }, now)
}

function take(
  state: MeshState,
  exchange: Exchange,
  given: { segment: Segment; leaves: readonly KnownLeaf[] },
  now: Now,
): Effect[] {
  try {
    return takeSegment(state, exchange, given, now)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return refuseExchange(state, exchange, error, now.wallMs)
  }
}

/** The chunk has ended, well or badly. What was verified of it is kept either way. */
export function endChunk(
  state: MeshState,
  event: Extract<MeshEvent, { type: 'chunk-ended' }>,
): Effect[] {
  const exchange = state.exchanges.get(event.exchange)
  if (exchange === undefined) return []
  if (event.failure !== null) {
    const { code, message } = event.failure
    return [
      ...wantCommit(state),
      ...refuseExchange(state, exchange, new RefusalError(code, message), event.now.wallMs),
    ]
  }
  exchange.isEnded = true
  state.group.exchanges.push(exchange.id)
  return wantCommit(state)
}

/** Answers an exchange whose lines are durable: how much we hold, and the head we may cosign. */
export function answerExchange(state: MeshState, id: number, now: Now): Effect[] {
  const exchange = state.exchanges.get(id)
  if (exchange === undefined) return []
  state.exchanges.delete(id)
  const stands = state.logs.get(exchange.log)
  if (stands !== undefined && exchange.via === 'push') stands.pushedAtMs = now.monoMs
  const isWhole =
    stands !== undefined &&
    stands.blankAt === null &&
    stands.noteSize === stands.size &&
    stands.size > 0 &&
    !state.unsynced.has(stands.log)
  const cosign = isWhole ? { log: stands.log, size: stands.size, root: stands.root } : null
  return [{ type: 'exchange-ended', exchange: id, have: positionOf(state, exchange.log), cosign }]
}
