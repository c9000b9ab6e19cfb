import { claimStamp } from '../domain/claim.ts'
import { parseEntry, threepidOf, type Entry } from '../domain/entry.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { StoredEntry } from '../storage/storage.ts'

/**
 * What the own group's entries say of one pair: is it bound, and how far do its unbinds reach. What partners say of it
 * neither delays our binds nor stands in for them.
 */
export function answerOfPair(
  entries: readonly StoredEntry[],
  isOwnWord: (log: LogId, via: string | null) => boolean,
  pair: { readonly medium: string; readonly address: string; readonly mxid: string },
): { isBound: boolean; coveredTo: Stamp } {
  let boundAt = 0
  let coveredTo = 0
  for (const stored of entries) {
    const entry = readStored(stored)
    if (entry.kind !== 'bind' && entry.kind !== 'unbind') continue
    if (!isOwnWord(stored.log, entry.via)) continue
    const threepid = threepidOf(entry)
    const mxid = entry.kind === 'bind' ? entry.association.mxid : entry.mxid
    if (threepid?.medium !== pair.medium || threepid.address !== pair.address || mxid !== pair.mxid)
      continue
    if (entry.kind === 'bind') boundAt = Math.max(boundAt, claimStamp(entry))
    else coveredTo = Math.max(coveredTo, claimStamp(entry))
  }
  return { isBound: boundAt > coveredTo, coveredTo }
}

export function readStored({ bytes }: StoredEntry): Entry {
  return parseEntry(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
    bytes.byteLength,
  )
}
