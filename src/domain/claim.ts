import type { Entry } from './entry.ts'
import type { LogId } from './log-id.ts'
import type { Stamp } from './stamp.ts'

/**
 * Claims: what the entries about a 3PID amount to. State is a fold of the entries present, two maxima per pair and
 * group: commutative, associative, idempotent, so no order of arrival can make two nodes disagree (DESIGN 2.3).
 */

/** Where and when something was said; (stamp, log, index) is a total order. */
export type Mark = { readonly stamp: Stamp; readonly log: LogId; readonly index: number }

export type BoundMark = Mark & { readonly notBeforeMs: number; readonly notAfterMs: number }

/** What the entries of one group say about one pair. */
export type Claim = {
  readonly mxid: string
  readonly group: string
  readonly bound: BoundMark | null
  readonly unbound: Mark | null
}

/** What one entry about the 3PID says. `group` is its origin's, or that of `via`. */
export type Statement =
  | {
      readonly kind: 'bind'
      readonly mxid: string
      readonly group: string
      readonly mark: BoundMark
    }
  | { readonly kind: 'unbind'; readonly mxid: string; readonly group: string; readonly mark: Mark }

/** The statement of an entry; null for kinds that say nothing about a 3PID. */
export function statementOf(
  entry: Entry,
  place: { log: LogId; index: number; group: string },
): Statement | null {
  const { log, index, group } = place
  if (entry.kind === 'bind') {
    const { mxid, not_before: notBeforeMs, not_after: notAfterMs } = entry.association
    const mark = { stamp: claimStamp(entry), log, index, notBeforeMs, notAfterMs }
    return { kind: 'bind', mxid, group, mark }
  }
  if (entry.kind === 'unbind') {
    return {
      kind: 'unbind',
      mxid: entry.mxid,
      group,
      mark: { stamp: claimStamp(entry), log, index },
    }
  }
  return null
}

/** The stamp claims use: `at` where the proof is older than the line, `covers` where an unbind reaches further. */
export function claimStamp(entry: Extract<Entry, { kind: 'bind' | 'unbind' }>): Stamp {
  const said = entry.at ?? entry.stamp
  return entry.kind === 'unbind' && entry.covers !== null ? Math.max(said, entry.covers) : said
}

/** Negative when a was said before b. Equal stamps are ordered by log id, then by index. */
export function compareMarks(a: Mark, b: Mark): number {
  if (a.stamp !== b.stamp) return a.stamp - b.stamp
  if (a.log !== b.log) return a.log < b.log ? -1 : 1
  return a.index - b.index
}

function later<M extends Mark>(a: M | null, b: M | null): M | null {
  if (a === null) return b
  if (b === null) return a
  return compareMarks(a, b) >= 0 ? a : b
}

/** Merges two claims of one pair and group: the maximum of each side. */
export function mergeClaims(a: Claim, b: Claim): Claim {
  return {
    mxid: a.mxid,
    group: a.group,
    bound: later(a.bound, b.bound),
    unbound: later(a.unbound, b.unbound),
  }
}

/** Folds the statements about one 3PID, in any order and with repetitions. */
export function foldClaims(statements: Iterable<Statement>): Claim[] {
  const claims = new Map<string, Claim>()
  for (const statement of statements) {
    const claim: Claim = {
      mxid: statement.mxid,
      group: statement.group,
      bound: statement.kind === 'bind' ? statement.mark : null,
      unbound: statement.kind === 'unbind' ? statement.mark : null,
    }
    const key = `${statement.group}\u0000${statement.mxid}`
    const known = claims.get(key)
    claims.set(key, known === undefined ? claim : mergeClaims(known, claim))
  }
  return [...claims.values()]
}

/** A bind ends an older bind of its 3PID in its group, whatever the Matrix ID; an unbind only binds of its pair. */
export function dominates(newer: Statement, older: Statement): boolean {
  if (newer.group !== older.group || older.kind !== 'bind') return false
  if (newer.kind === 'bind') return compareMarks(newer.mark, older.mark) > 0
  return newer.mxid === older.mxid && newer.mark.stamp >= older.mark.stamp
}

/** The claim that answers for a 3PID now, with its bind; null when nothing does. */
export type Answer = { readonly mxid: string; readonly group: string; readonly bound: BoundMark }

/**
 * Groups in order of rank, own operator first (0); groups of one rank in order of their names. In a group the newest
 * bind wins; it is live while valid and not withdrawn by its pair's unbind, at or above its stamp, of its own or a
 * group of higher standing (replication.md 3.7). An equal stamp hides: when in doubt do not expose.
 */
export function answerOf(
  claims: readonly Claim[],
  rankOf: (group: string) => number,
  nowMs: number,
): Answer | null {
  const groups =
    claims.length === 1 ? [claims[0]?.group ?? ''] : [...new Set(claims.map(({ group }) => group))]
  groups.sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
  for (const group of groups) {
    const winner = newestBind(claims, group)
    if (winner === null) continue
    const { mxid, bound } = winner
    if (nowMs < bound.notBeforeMs || nowMs >= bound.notAfterMs) continue
    const isWithdrawn = claims.some(
      (claim) =>
        claim.mxid === mxid &&
        claim.unbound !== null &&
        claim.unbound.stamp >= bound.stamp &&
        (claim.group === group || rankOf(claim.group) < rankOf(group)),
    )
    if (!isWithdrawn) return { mxid, group, bound }
  }
  return null
}

function newestBind(
  claims: readonly Claim[],
  group: string,
): { mxid: string; bound: BoundMark } | null {
  let winner: { mxid: string; bound: BoundMark } | null = null
  for (const { mxid, group: of, bound } of claims) {
    if (of !== group || bound === null) continue
    if (winner === null || compareMarks(bound, winner.bound) > 0) winner = { mxid, bound }
  }
  return winner
}
