import { statementOf, type Statement } from '../../domain/claim.ts'
import { parseEntry, threepidOf, type Entry } from '../../domain/entry.ts'
import { bindLineBytesMax } from '../../domain/limits.ts'
import { parseLogId, type LogId } from '../../domain/log-id.ts'
import { isRefusal } from '../../domain/refusal.ts'
import { findSuperseded } from '../../domain/superseded.ts'
import type { Threepid } from '../../domain/threepid.ts'
import type { StoredEntry } from '../storage.ts'

/**
 * The group whose maxima an entry competes with: siblings form one, each partner its own, what came in by a bridge or
 * an import (`via`) another. Must not change without a refold.
 */
export type GroupOf = (log: LogId, via: string | null) => string

/** Every origin and every `via` by itself: supersedes less than it could, never too much. */
export function groupPerOrigin(log: LogId, via: string | null): string {
  return via === null ? `origin ${parseLogId(log)?.node ?? log}` : `via ${via}`
}

/** What a stored line says; null for what this version cannot read. */
function readEntry(bytes: Uint8Array): Entry | null {
  try {
    return parseEntry(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(),
      bytes.length,
    )
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/** SQL for the bytes of a line that can name a 3PID; a longer one is not even read, so a batch stays small. */
export const shortBytes = `CASE WHEN length(bytes) <= ${bindLineBytesMax} THEN bytes END`

/** The 3PID a stored line names; null where it names none. */
export function threepidOfLine(bytes: Uint8Array | null): Threepid | null {
  const entry = bytes === null ? null : readEntry(bytes)
  return entry === null ? null : threepidOf(entry)
}

/** Which of the entries of one bucket are superseded. Two 3PIDs that share the bucket do not touch each other. */
export function supersededInBucket(entries: readonly StoredEntry[], groupOf: GroupOf): boolean[] {
  const verdicts = entries.map(() => false)
  for (const places of placesByThreepid(entries, groupOf).values()) {
    const found = findSuperseded(places.map(({ statement }) => statement))
    for (const [i, { at }] of places.entries()) verdicts[at] = found[i] === true
  }
  return verdicts
}

type Place = { readonly at: number; readonly statement: Statement }

function placesByThreepid(entries: readonly StoredEntry[], groupOf: GroupOf): Map<string, Place[]> {
  const byThreepid = new Map<string, Place[]>()
  for (const [at, { log, index, bytes }] of entries.entries()) {
    const entry = readEntry(bytes)
    const threepid = entry === null ? null : threepidOf(entry)
    if (entry === null || threepid === null) continue
    const via = 'via' in entry ? entry.via : null
    const statement = statementOf(entry, { log, index, group: groupOf(log, via) })
    if (statement === null) continue
    const key = `${threepid.medium} ${threepid.address}`
    const places = byThreepid.get(key)
    if (places === undefined) byThreepid.set(key, [{ at, statement }])
    else places.push({ at, statement })
  }
  return byThreepid
}
