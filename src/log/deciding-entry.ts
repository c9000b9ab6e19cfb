import { answerOf, compareMarks, foldClaims, statementOf, type Statement } from '../domain/claim.ts'
import { threepidOf } from '../domain/entry.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Threepid } from '../domain/threepid.ts'
import type { StoredEntry } from '../storage/storage.ts'
import type { Standing } from './associations.ts'
import { readStored } from './known-pairs.ts'

/**
 * The entry that decides what a 3PID is bound to: the bind that answers, else the newest entry about it (a withdrawal,
 * say); null when nothing is known of it.
 */
export function decidingEntry(
  entries: readonly StoredEntry[],
  threepid: Threepid,
  standing: Standing,
  nowMs: number,
): { readonly log: LogId; readonly index: number } | null {
  const statements: Statement[] = []
  for (const stored of entries) {
    const entry = readStored(stored)
    const named = threepidOf(entry)
    if (named?.medium !== threepid.medium || named.address !== threepid.address) continue
    const via = entry.kind === 'bind' || entry.kind === 'unbind' ? entry.via : null
    const { log, index } = stored
    const statement = statementOf(entry, { log, index, group: standing.groupOf(log, via) })
    if (statement !== null) statements.push(statement)
  }
  const answer = answerOf(foldClaims(statements), (group) => standing.rankOf(group), nowMs)
  if (answer !== null) return answer.bound
  const [newest] = statements.map(({ mark }) => mark).sort((a, b) => compareMarks(b, a))
  return newest ?? null
}
