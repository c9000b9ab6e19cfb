import { toBase64 } from '../domain/base64.ts'
import { beginLine, bindLine, closeLine, unbindLine } from '../domain/entry-line.ts'
import { formatLogId, type LogId } from '../domain/log-id.ts'
import { hashLeaf } from '../domain/merkle-tree.ts'
import { RefusalError } from '../domain/refusal.ts'
import { aheadMs, nextStamp, stampOfMs, type Stamp } from '../domain/stamp.ts'
import type { Threepid } from '../domain/threepid.ts'
import type { AppendedEntry, Effect, KnownOperation, Now } from './events.ts'
import { stageLog, stagedSize, wantCommit, type StagedLog } from './group.ts'
import type { LogState, MeshState } from './state.ts'

/** Our own lines: stamps, lives, and the lines that open and close them (DESIGN 2.2). */

export const siteAudience = 'site'

/** Stages operations on the current life of our site log, beginning one if this run has not written yet. */
export function appendOperations(
  state: MeshState,
  request: number,
  operations: readonly KnownOperation[],
  now: Now,
): Effect[] {
  if (state.isStopping) throw new RefusalError('node-stopping', 'this node is stopping')
  refuseWhenAhead(state, operations, now)
  const { staged, effects } = currentLife(state, siteAudience, now)
  const entries = operations.map((operation) => stageOperation(state, staged, operation, now))
  state.group.appended.push({ request, entries })
  return [...effects, ...wantCommit(state)]
}

/**
 * Our stamps must not run ahead of what our peers would take: they hold lines stamped over the skew bound ahead of
 * their clocks, and we never answer from a line they would hold.
 */
function refuseWhenAhead(state: MeshState, operations: readonly KnownOperation[], now: Now): void {
  let stamp = nextStamp({ lastOwn: 0, newestSeen: state.newest, wallMs: now.wallMs })
  for (const operation of operations) {
    if (operation.kind === 'bind') stamp = Math.max(stamp, pairOf(state, operation).coveredTo + 1)
  }
  const ahead = aheadMs(stamp, now.wallMs + medianClockDifferenceMs(state))
  if (ahead <= state.limits.skewMaxMs) return
  throw new RefusalError(
    'clock-ahead-of-peers',
    `the next stamp would lie ${Math.round(ahead / 1000)} s ahead of the clocks heard; set this machine's clock`,
  )
}

/** Median of siblings' clocks less ours, our own difference of 0 included: partners have no say in our writes. */
export function medianClockDifferenceMs(state: MeshState): number {
  const differences = [0]
  for (const { clockDifferenceMs, peer } of state.peers.values()) {
    if (clockDifferenceMs !== null && peer.role.type === 'sibling')
      differences.push(clockDifferenceMs)
  }
  differences.sort((a, b) => a - b)
  return differences[Math.floor((differences.length - 1) / 2)] ?? 0
}

function pairKeyOf({ medium, address, mxid }: KnownOperation): string {
  return `${medium}\u0000${address}\u0000${mxid}`
}

/** What is known of an operation's pair: what this group says of it, else what the store did. */
function pairOf(
  state: MeshState,
  operation: KnownOperation,
): { isBound: boolean; coveredTo: Stamp } {
  return state.group.pairs.get(pairKeyOf(operation)) ?? { ...operation.known }
}

function stageOperation(
  state: MeshState,
  staged: StagedLog,
  operation: KnownOperation,
  now: Now,
): AppendedEntry {
  const pair = pairOf(state, operation)
  state.group.pairs.set(pairKeyOf(operation), pair)
  const index = staged.builder.size
  let stamp = nextStamp({ lastOwn: staged.lastStamp, newestSeen: state.newest, wallMs: now.wallMs })
  let line: string
  if (operation.kind === 'bind') {
    stamp = Math.max(stamp, pair.coveredTo + 1)
    line = bindLine(operation, stamp)
    pair.isBound = true
  } else {
    const covers = pair.isBound ? null : stampOfMs(now.wallMs + state.limits.skewMaxMs)
    line = unbindLine(operation, stamp, covers)
    pair.isBound = false
    pair.coveredTo = Math.max(pair.coveredTo, covers ?? stamp)
  }
  stageOwnLine(state, staged, line, stamp)
  const threepid = { medium: operation.medium as Threepid['medium'], address: operation.address }
  state.group.lookups.push({ threepid, log: staged.state.log, index })
  return { log: staged.state.log, index, stamp }
}

function stageOwnLine(state: MeshState, staged: StagedLog, line: string, stamp: Stamp): void {
  const bytes = Buffer.from(line)
  staged.lines.push(bytes)
  staged.builder.add(hashLeaf(bytes))
  staged.lastStamp = stamp
  state.newest = Math.max(state.newest, stamp)
  state.group.lineCount++
  state.group.byteCount += bytes.length
}

/** The staged current life of an audience; begins one, with its begin line, where there is none. */
export function currentLife(
  state: MeshState,
  audience: string,
  now: Now,
): { staged: StagedLog; effects: Effect[] } {
  const own = ownLogs(state, audience)
  if (own.current !== null) return { staged: stageLog(state, own.current), effects: [] }
  const life = state.nextLife
  if (life === null) throw new RefusalError('writer-busy', 'a new log is being opened; try again')
  state.nextLife = null
  const { self } = state
  const log = formatLogId({ node: self.name, audience, life })
  own.current = log
  const staged = stageLog(state, log)
  const stamp = nextStamp({ lastOwn: 0, newestSeen: state.newest, wallMs: now.wallMs })
  const prev = newestFormer(state, own.former)
  const begin = {
    node: self.name,
    serverName: self.serverName,
    audience,
    meshKey: self.meshKey,
    matrixKeys: self.matrixKeys,
    recoveryKey: self.recoveryKey,
    prev: prev === null ? null : headOf(prev),
  }
  stageOwnLine(state, staged, beginLine(begin, stamp), stamp)
  staged.begin = { serverName: self.serverName, matrixKeys: self.matrixKeys }
  const closed = closeFormerLogs(state, staged, own.former, now)
  const notice = {
    type: 'life-begun',
    log,
    reason: prev === null ? 'first write' : 'first write of this run',
  } as const
  return { staged, effects: [{ type: 'draw-life' }, { type: 'notice', notice }, ...closed] }
}

export function ownLogs(
  state: MeshState,
  audience: string,
): { current: LogId | null; former: Set<LogId> } {
  let own = state.own.get(audience)
  if (own === undefined) {
    own = { current: null, former: new Set() }
    state.own.set(audience, own)
  }
  return own
}

/**
 * Ends the current life, because something else may be writing it: the next write begins another. Before the ended one
 * is closed every sibling must speak again: what it held before may be less than it holds now.
 */
export function endLife(state: MeshState, audience: string): void {
  const own = ownLogs(state, audience)
  if (own.current === null) return
  own.former.add(own.current)
  own.current = null
  for (const peer of state.peers.values()) peer.lastHeardMs = null
}

function newestFormer(state: MeshState, former: ReadonlySet<LogId>): LogState | null {
  let newest: LogState | null = null
  for (const log of former) {
    const stands = state.logs.get(log)
    if (stands !== undefined && (newest === null || stands.lastStamp > newest.lastStamp))
      newest = stands
  }
  return newest
}

function headOf({ log, size, root }: LogState): { log: LogId; size: number; root: string } {
  return { log, size, root: toBase64(root) }
}

/**
 * Closes former logs of ours once every sibling has said how much of them it holds and nobody holds more than we do.
 * Only siblings are waited for, never partners.
 */
function closeFormerLogs(
  state: MeshState,
  staged: StagedLog,
  former: Set<LogId>,
  now: Now,
): Effect[] {
  const effects: Effect[] = []
  for (const log of former) {
    const stands = state.logs.get(log)
    if (stands === undefined || !isComplete(state, stands)) continue
    const stamp = nextStamp({
      lastOwn: staged.lastStamp,
      newestSeen: state.newest,
      wallMs: now.wallMs,
    })
    stageOwnLine(state, staged, closeLine(headOf(stands), stamp), stamp)
    stageLog(state, log).closedAt = stands.size
    former.delete(log)
    effects.push({ type: 'notice', notice: { type: 'log-closed', log, size: stands.size } })
  }
  return effects
}

function isComplete(state: MeshState, former: LogState): boolean {
  if (former.blankAt !== null || former.size === 0) return false
  if (stagedSize(state, former.log) !== former.size) return false
  for (const sibling of state.peers.values()) {
    if (sibling.peer.role.type !== 'sibling') continue
    if (sibling.lastHeardMs === null) return false
    if ((sibling.have.get(former.log) ?? 0) > former.size) return false
    if ((sibling.offers.get(former.log) ?? 0) > former.size) return false
  }
  return true
}

/** Closes what can be closed by now; only in a life this run has begun already. */
export function closeWhatIsComplete(state: MeshState, now: Now): Effect[] {
  const effects: Effect[] = []
  if (state.isStopping || state.storageProblem !== null) return effects
  for (const own of state.own.values()) {
    if (own.current === null || own.former.size === 0) continue
    const isAnyComplete = [...own.former].some((log) => {
      const stands = state.logs.get(log)
      return stands !== undefined && isComplete(state, stands)
    })
    if (!isAnyComplete) continue
    const staged = stageLog(state, own.current)
    effects.push(...closeFormerLogs(state, staged, own.former, now), ...wantCommit(state))
  }
  return effects
}
