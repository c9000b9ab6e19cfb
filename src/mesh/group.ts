import type { LogId } from '../domain/log-id.ts'
import { emptyFrontier, emptyRoot, TreeBuilder, type Hash } from '../domain/merkle-tree.ts'
import { parseLogId } from '../domain/log-id.ts'
import type { RefusalCode } from '../domain/refusal.ts'
import type { AppendedEntry, Effect, LogWrite, LookupChange, SideChange } from './events.ts'
import type { LogState, MeshState } from './state.ts'

/**
 * The group commit: what arrives together is staged and becomes one durable transaction, before anybody is answered
 * or told (DESIGN 2.2). If we crash before it, nothing was promised; after it, everything is in the store.
 */

type Subtree = LogWrite['subtrees'][number]

/** What is staged of one log, on top of what stands. */
export type StagedLog = {
  readonly state: LogState
  readonly isOwn: boolean
  readonly expectedSize: number
  builder: TreeBuilder
  readonly lines: (Uint8Array | { readonly blankHash: Hash })[]
  readonly fills: { readonly index: number; readonly bytes: Uint8Array }[]
  readonly subtrees: Subtree[]
  lastStamp: number
  haltedAt: number | null
  blankAt: number | null
  closedAt: number | null
  begin: LogState['begin']
  /** Foreign logs: the checkpoint reached. Ours are signed when the group is written. */
  reached: { readonly note: string; readonly size: number } | null
}

export type Group = {
  readonly logs: Map<LogId, StagedLog>
  readonly lookups: LookupChange[]
  /** Nobody waits for a change without a request. */
  readonly sides: { readonly request: number | null; readonly change: SideChange }[]
  readonly appended: { readonly request: number; readonly entries: readonly AppendedEntry[] }[]
  /** Exchanges that have ended and are answered once this group is durable. */
  readonly exchanges: number[]
  /** What this group says of pairs, for the next operation in it. */
  readonly pairs: Map<string, { isBound: boolean; coveredTo: number }>
  lineCount: number
  byteCount: number
  isWanted: boolean
}

export function emptyGroup(): Group {
  return {
    logs: new Map(),
    lookups: [],
    sides: [],
    appended: [],
    exchanges: [],
    pairs: new Map(),
    lineCount: 0,
    byteCount: 0,
    isWanted: false,
  }
}

export function newLog(log: LogId): LogState {
  const name = parseLogId(log)
  if (name === null) throw new Error(`not a log id: ${log}`)
  return {
    log,
    origin: name.node,
    audience: name.audience,
    size: 0,
    root: emptyRoot,
    frontier: emptyFrontier,
    note: '',
    noteSize: 0,
    lastStamp: 0,
    haltedAt: null,
    blankAt: null,
    closedAt: null,
    begin: null,
    pushedAtMs: -Infinity,
    cosigned: new Map(),
  }
}

/** The staged form of a log, begun from what stands when this group has none yet. */
export function stageLog(state: MeshState, log: LogId): StagedLog {
  const present = state.group.logs.get(log)
  if (present !== undefined) return present
  const stands = state.logs.get(log) ?? newLog(log)
  const subtrees: Subtree[] = []
  const staged: StagedLog = {
    state: stands,
    isOwn: stands.origin === state.self.name && isCurrentLife(state, stands),
    expectedSize: stands.size,
    builder: new TreeBuilder(stands.frontier, (level, n, hash) =>
      subtrees.push({ level, n, hash }),
    ),
    lines: [],
    fills: [],
    subtrees,
    lastStamp: stands.lastStamp,
    haltedAt: stands.haltedAt,
    blankAt: stands.blankAt,
    closedAt: stands.closedAt,
    begin: stands.begin,
    reached: null,
  }
  state.group.logs.set(log, staged)
  return staged
}

function isCurrentLife(state: MeshState, log: LogState): boolean {
  return state.own.get(log.audience)?.current === log.log
}

/** Size including what is staged. */
export function stagedSize(state: MeshState, log: LogId): number {
  return state.group.logs.get(log)?.builder.size ?? state.logs.get(log)?.size ?? 0
}

/** A point to return to: a failing segment leaves no trace. */
export type StagedMark = Pick<
  StagedLog,
  'lastStamp' | 'haltedAt' | 'blankAt' | 'closedAt' | 'begin' | 'reached'
> & {
  readonly frontier: ReturnType<TreeBuilder['frontier']>
  readonly counts: {
    lines: number
    fills: number
    subtrees: number
    lookups: number
    lineCount: number
    byteCount: number
  }
}

export function markStaged(group: Group, staged: StagedLog): StagedMark {
  const { lastStamp, haltedAt, blankAt, closedAt, begin, reached } = staged
  return {
    lastStamp,
    haltedAt,
    blankAt,
    closedAt,
    begin,
    reached,
    frontier: staged.builder.frontier(),
    counts: {
      lines: staged.lines.length,
      fills: staged.fills.length,
      subtrees: staged.subtrees.length,
      lookups: group.lookups.length,
      lineCount: group.lineCount,
      byteCount: group.byteCount,
    },
  }
}

export function returnTo(group: Group, staged: StagedLog, mark: StagedMark): void {
  const { frontier, counts, ...fields } = mark
  Object.assign(staged, fields)
  staged.lines.length = counts.lines
  staged.fills.length = counts.fills
  staged.subtrees.length = counts.subtrees
  group.lookups.length = counts.lookups
  group.lineCount = counts.lineCount
  group.byteCount = counts.byteCount
  const { subtrees } = staged
  staged.builder = new TreeBuilder(frontier, (level, n, hash) => subtrees.push({ level, n, hash }))
}

function isEmpty(group: Group): boolean {
  return (
    group.logs.size === 0 &&
    group.sides.length === 0 &&
    group.appended.length === 0 &&
    group.exchanges.length === 0
  )
}

/** Asks once per group for a commit when nothing else waits. */
export function wantCommit(state: MeshState): Effect[] {
  if (state.group.isWanted) return []
  state.group.isWanted = true
  return [{ type: 'want-commit' }]
}

/** Hands the staged group to the store. The executor answers it before it brings any other event. */
export function commitGroup(state: MeshState): Effect[] {
  if (state.committing !== null) throw new Error('a group is being written already')
  if (isEmpty(state.group)) {
    state.group.isWanted = false
    return []
  }
  const group = state.group
  state.committing = group
  state.group = emptyGroup()
  const commit = state.nextCommit++
  const logs = [...group.logs.values()].map(writeOf)
  const side = group.sides.map(({ change }) => change)
  return [{ type: 'commit', commit, logs, lookups: group.lookups, side, isBulk: isBulk(group) }]
}

/** A long catch-up syncs at its end: its groups hold lines of others, and nobody waits for them to be durable. */
export function isBulk(group: Group): boolean {
  return (
    group.sides.length === 0 &&
    group.appended.length === 0 &&
    group.exchanges.length === 0 &&
    [...group.logs.values()].every(({ isOwn }) => !isOwn)
  )
}

function writeOf(staged: StagedLog): LogWrite {
  const { state, builder } = staged
  const note = staged.isOwn && staged.lines.length > 0 ? null : (staged.reached?.note ?? state.note)
  return {
    log: state.log,
    origin: state.origin,
    expectedSize: staged.expectedSize,
    size: builder.size,
    root: builder.root(),
    note,
    lastStamp: staged.lastStamp,
    haltedAt: staged.haltedAt,
    blankAt: staged.blankAt,
    closedAt: staged.closedAt,
    lines: staged.lines,
    fills: staged.fills,
    subtrees: staged.subtrees,
  }
}

/** The group is durable: what was staged now stands. Answers the group, for its requests to be answered. */
export function settleGroup(state: MeshState, notes: Readonly<Record<LogId, string>>): Group {
  const group = state.committing
  if (group === null) throw new Error('no group is being written')
  state.committing = null
  for (const staged of group.logs.values()) {
    const stands = staged.state
    const grew = staged.builder.size > stands.size
    stands.size = staged.builder.size
    stands.root = staged.builder.root()
    stands.frontier = staged.builder.frontier()
    stands.lastStamp = staged.lastStamp
    stands.haltedAt = staged.haltedAt
    stands.blankAt = staged.blankAt
    stands.closedAt = staged.closedAt
    stands.begin = staged.begin
    if (staged.isOwn && grew) {
      stands.note = notes[stands.log] ?? stands.note
      stands.noteSize = stands.size
    } else if (staged.reached !== null) {
      stands.note = staged.reached.note
      stands.noteSize = staged.reached.size
    }
    state.logs.set(stands.log, stands)
  }
  state.storageProblem = null
  return group
}

/** The group was not written: nothing of it stands. Answers the group, for its requests to be refused. */
export function dropGroup(state: MeshState, code: RefusalCode, nowMs: number): Group {
  const group = state.committing
  if (group === null) throw new Error('no group is being written')
  state.committing = null
  state.storageProblem ??= { code, sinceMs: nowMs }
  for (const own of state.own.values()) {
    if (own.current !== null && !state.logs.has(own.current)) own.current = null
  }
  for (const { state: log, closedAt } of group.logs.values()) {
    const isStillOpen = log.origin === state.self.name && closedAt !== log.closedAt
    if (isStillOpen) state.own.get(log.audience)?.former.add(log.log)
  }
  return group
}
