import { claimStamp } from '../domain/claim.ts'
import { parseEntry, threepidOf, type Entry } from '../domain/entry.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { StoredEntry } from '../storage/storage.ts'

/** What the entries present say of one pair, whatever their group: is it bound, and how far do its unbinds reach. */
export function answerOfPair(
  entries: readonly StoredEntry[],
  pair: { readonly medium: string; readonly address: string; readonly mxid: string },
): { isBound: boolean; coveredTo: Stamp } {
  let boundAt = 0
  let coveredTo = 0
  for (const entry of entries.map(readStored)) {
    if (entry.kind !== 'bind' && entry.kind !== 'unbind') continue
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
