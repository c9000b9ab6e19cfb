import type { Segment } from '../domain/chunk.ts'
import { parseVerifierKey } from '../domain/checkpoint.ts'
import type { BeginEntry, CloseEntry } from '../domain/entry.ts'
import { parseLogId } from '../domain/log-id.ts'
import { verifyConsistency, type Hash } from '../domain/merkle-tree.ts'
import { RefusalError } from '../domain/refusal.ts'
import { isOverLogQuota, isOwnGroup, originKeys } from './access.ts'
import { endLife } from './append.ts'
import type { Effect, Now } from './events.ts'
import type { Exchange } from './exchange.ts'
import { stageLog, type StagedLog } from './group.ts'
import type { MeshState } from './state.ts'

/** One segment being taken: what it reads, where it is staged, and what it has come to. */
export type Stager = {
  readonly state: MeshState
  readonly exchange: Exchange
  readonly staged: StagedLog
  readonly now: Now
  readonly effects: Effect[]
  /** Close lines read, to be applied once the segment is proved. */
  readonly closes: CloseEntry[]
}

/** The first line says who writes: it must be the node its name says, under a key we know that node by. */
export function admitBegin({ state, exchange, staged }: Stager, begin: BeginEntry): void {
  const name = parseLogId(exchange.log)
  if (name === null || begin.node !== name.node || begin.audience !== name.audience) {
    throw new RefusalError('begin-mismatch', 'the begin line names another node or audience')
  }
  if (
    parseVerifierKey(begin.meshKey) === null ||
    !originKeys(state, name.node)?.includes(begin.meshKey)
  ) {
    throw new RefusalError(
      'begin-mismatch',
      'the begin line names a mesh key this node does not know',
    )
  }
  staged.begin = { serverName: begin.serverName, matrixKeys: begin.matrixKeys }
}

/**
 * A close line ends an earlier log of the same writer. It says what its author had heard; lines the log's own key
 * signed beyond it (of a clone that still runs, or late on their way) are lines all the same: then the log is open
 * again, on every node alike, whatever came first.
 */
export function admitClose({ state, exchange, effects }: Stager, { closed }: CloseEntry): void {
  const name = parseLogId(closed.log)
  if (name === null || name.node !== parseLogId(exchange.log)?.node || closed.log === exchange.log)
    return
  const isKnown = state.logs.has(closed.log)
  if (!isKnown && (!isOwnGroup(state, name.node) || isOverLogQuota(state, name.node))) return
  const target = stageLog(state, closed.log)
  if (name.node === state.self.name && state.own.get(name.audience)?.current === closed.log) {
    endLife(state, name.audience)
  }
  if (closed.size < target.builder.size || closed.size <= (target.closedAt ?? -1)) return
  target.closedAt = closed.size
  effects.push({
    type: 'notice',
    notice: { type: 'log-closed', log: closed.log, size: closed.size },
  })
}

export function reopenBeyondClose(staged: StagedLog): void {
  if (staged.closedAt !== null && staged.builder.size > staged.closedAt) staged.closedAt = null
}

export function proveSegment(
  { target, note }: Exchange,
  { to, proof }: Segment,
  staged: StagedLog,
): void {
  const root = staged.builder.root()
  if (to === target.size) {
    if (!sameHash(root, target.root)) {
      throw new RefusalError(
        'root-mismatch',
        `the lines up to ${to} do not make the root that was signed`,
      )
    }
    staged.reached = { note, size: to }
    return
  }
  const isPrefix = verifyConsistency({
    oldSize: to,
    oldRoot: root,
    newSize: target.size,
    newRoot: target.root,
    proof,
  })
  if (!isPrefix) {
    throw new RefusalError(
      'proof-bad',
      `the lines up to ${to} are not proved to belong to the checkpoint`,
    )
  }
}

export function sameHash(a: Hash, b: Hash): boolean {
  for (let i = 0; i < 32; i++) if (a[i] !== b[i]) return false
  return true
}
