import { readSegmentLines, type Segment, type SegmentLine } from '../domain/chunk.ts'
import { parseEntry, threepidOf } from '../domain/entry.ts'
import { commitBytesMax, commitLinesMax } from '../domain/limits.ts'
import { readPlainBind } from '../domain/plain-bind.ts'
import { TreeBuilder } from '../domain/merkle-tree.ts'
import { RefusalError } from '../domain/refusal.ts'
import { aheadMs } from '../domain/stamp.ts'
import { isAccepted } from './accept.ts'
import type { Effect, KnownLeaf, Now } from './events.ts'
import {
  admitBegin,
  admitClose,
  proveSegment,
  reopenBeyondClose,
  sameHash,
  type Stager,
} from './stager.ts'
import { rememberRefusal, type Exchange } from './exchange.ts'
import { commitGroup, markStaged, returnTo, stageLog } from './group.ts'
import type { MeshState } from './state.ts'

/**
 * Takes one segment: lines we hold are compared, new ones hashed onto the own frontier, the root compared or proved at
 * `to`, stamps checked; then it is staged. A failing segment leaves no trace.
 */
export function takeSegment(
  state: MeshState,
  exchange: Exchange,
  { segment, leaves }: { segment: Segment; leaves: readonly KnownLeaf[] },
  now: Now,
): Effect[] {
  const lines = readSegmentLines(segment.body)
  checkCount(exchange, segment, lines)
  const wasStaged = state.group.logs.has(exchange.log)
  const staged = stageLog(state, exchange.log)
  const mark = markStaged(state.group, staged)
  const { newest } = state
  try {
    const stager: Stager = { state, exchange, staged, now, effects: [], closes: [] }
    const { blankAt } = staged
    const overlap = compareOverlap(stager, lines, leaves)
    addLines(stager, lines, overlap)
    reopenBeyondClose(staged)
    if (staged.builder.size > mark.frontier.size) proveSegment(exchange, segment, staged)
    if (blankAt === null && staged.blankAt !== null) chargeBlank(stager, staged.blankAt)
    for (const close of stager.closes) admitClose(stager, close)
    exchange.next = segment.to
    const isFull =
      state.group.lineCount >= commitLinesMax || state.group.byteCount >= commitBytesMax
    const commit = isFull ? commitGroup(state) : []
    return [...stager.effects, ...commit, { type: 'segment-taken', exchange: exchange.id }]
  } catch (error) {
    returnTo(state.group, staged, mark)
    if (!wasStaged) state.group.logs.delete(exchange.log)
    state.newest = newest
    throw error
  }
}

function checkCount(
  { next, target }: Exchange,
  { to }: Segment,
  lines: readonly SegmentLine[],
): void {
  let end = next
  for (const line of lines) end += line.type === 'blank-run' ? 2 ** line.level : 1
  if (end !== to) {
    throw new RefusalError('segment-malformed', `lines end at ${end}, the segment says ${to}`)
  }
  if (to > target.size) {
    throw new RefusalError(
      'segment-malformed',
      `the segment ends at ${to}, beyond the checkpoint's ${target.size}`,
    )
  }
}

/** Compares the lines we hold already; answers how many of the given lines that were. */
function compareOverlap(
  stager: Stager,
  lines: readonly SegmentLine[],
  leaves: readonly KnownLeaf[],
): number {
  let known = 0
  let count = 0
  while (known < leaves.length) {
    const line = lines[count] as SegmentLine
    if (line.type === 'blank-run') {
      known += compareRun(line, leaves, known)
    } else {
      const leaf = leaves[known] as KnownLeaf
      if (!sameHash(line.leaf, leaf.hash)) {
        const index = stager.exchange.next + known
        throw new RefusalError('overlap-differs', `line ${index} is not the one this node holds`)
      }
      if (leaf.isBlank && line.type === 'entry')
        fillBlank(stager, line, stager.exchange.next + known)
      known++
    }
    count++
  }
  return count
}

function compareRun(
  run: Extract<SegmentLine, { type: 'blank-run' }>,
  leaves: readonly KnownLeaf[],
  from: number,
): number {
  const span = 2 ** run.level
  if (from + span > leaves.length) {
    throw new RefusalError('blank-misplaced', 'a folded run of blanks crosses what this node holds')
  }
  const builder = new TreeBuilder({ size: 0, hashes: [] })
  for (const leaf of leaves.slice(from, from + span)) builder.add(leaf.hash)
  if (!sameHash(builder.root(), run.hash)) {
    throw new RefusalError('overlap-differs', 'a folded run of blanks is not what this node holds')
  }
  return span
}

/** A line that matches the leaf hash of a blank fills it: the origin signed it with the rest. */
function fillBlank(
  stager: Stager,
  line: Extract<SegmentLine, { type: 'entry' }>,
  index: number,
): void {
  stager.staged.fills.push({ index, bytes: line.bytes })
  stager.state.group.byteCount += line.bytes.length
  readEntry(stager, line, index, false)
}

function addLines(stager: Stager, lines: readonly SegmentLine[], from: number): void {
  const { staged, state, exchange } = stager
  for (let i = from; i < lines.length; i++) {
    const line = lines[i] as SegmentLine
    const index = staged.builder.size
    if (line.type === 'entry') {
      staged.builder.add(line.leaf)
      staged.lines.push(line.bytes)
      state.group.byteCount += line.bytes.length
      readEntry(stager, line, index, true)
    } else {
      if (index === 0)
        throw new RefusalError('blank-misplaced', 'the first line of a log cannot be blank')
      addBlank(stager, line, index)
    }
    state.group.lineCount++
  }
  if (staged.builder.size > 0 && staged.begin === null && exchange.next === 0) {
    throw new RefusalError('begin-mismatch', 'a log must begin with a begin line')
  }
}

/** Unexplained, so provisional: nothing past it is served or cosigned until it is filled. */
function addBlank(
  stager: Stager,
  line: Exclude<SegmentLine, { type: 'entry' }>,
  index: number,
): void {
  const { staged } = stager
  if (line.type === 'blank') {
    staged.builder.add(line.leaf)
    staged.lines.push({ blankHash: line.leaf })
  } else {
    throw new RefusalError('blank-unexplained', 'a folded run of blanks that nothing explains')
  }
  staged.blankAt ??= index
}

/** The sender of an unexplained blank answers for it, once it is proved to be in the log. */
function chargeBlank({ state, exchange, now, effects }: Stager, index: number): void {
  const { log, peer } = exchange
  const message = `line ${index} is blank and nothing explains it`
  rememberRefusal(state, peer, {
    log,
    code: 'blank-unexplained',
    message,
    atMs: now.wallMs,
    direction: 'ours',
  })
  effects.push({ type: 'notice', notice: { type: 'blank-unexplained', log, index, peer } })
}

function readEntry(
  stager: Stager,
  line: Extract<SegmentLine, { type: 'entry' }>,
  index: number,
  isNew: boolean,
): void {
  const { state, staged, exchange } = stager
  const entry = readPlainBind(line.text, line.bytes) ?? parseEntry(line.text, line.bytes.length)
  if (isNew) checkRising(stager, entry.stamp, index)
  followStamp(stager, entry.stamp, index)
  if ((index === 0) !== (entry.kind === 'begin')) {
    throw new RefusalError('begin-mismatch', 'a log has one begin line, and it is the first')
  }
  if (entry.kind === 'begin') admitBegin(stager, entry)
  if (
    entry.kind === 'unknown' &&
    entry.isCritical &&
    (staged.haltedAt === null || index < staged.haltedAt)
  ) {
    staged.haltedAt = index
    const notice = { type: 'upgrade-needed', log: exchange.log, index, kind: entry.name } as const
    stager.effects.push({ type: 'notice', notice })
  }
  if (staged.haltedAt !== null && index >= staged.haltedAt) return
  if (entry.kind === 'close') stager.closes.push(entry)
  const threepid = 'threepid' in entry ? entry.threepid : threepidOf(entry)
  if (threepid !== null && isAccepted(state, staged.state.origin, threepid)) {
    state.group.lookups.push({ threepid, log: exchange.log, index })
  }
}

function checkRising({ staged }: Stager, stamp: number, index: number): void {
  if (stamp <= staged.lastStamp) {
    throw new RefusalError(
      'stamp-not-rising',
      `line ${index} is not stamped above the line before it`,
    )
  }
  staged.lastStamp = stamp
}

/** Our own next line is stamped above every line held, the line that fills a blank included. */
function followStamp({ state, now }: Stager, stamp: number, index: number): void {
  const ahead = aheadMs(stamp, now.wallMs)
  if (ahead > state.limits.skewMaxMs) {
    throw new RefusalError(
      'clock-ahead',
      `line ${index} is stamped ${Math.ceil(ahead / 1000)} s ahead of this node's clock`,
    )
  }
  if (stamp > state.newest) state.newest = stamp
}
