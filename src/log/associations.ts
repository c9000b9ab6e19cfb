import type { Association } from '../domain/association.ts'
import { answerOf, foldClaims, statementOf, type Answer } from '../domain/claim.ts'
import { threepidOf, type Entry } from '../domain/entry.ts'
import type { LogId } from '../domain/log-id.ts'
import { formatLookupHash, lookupHash } from '../domain/lookup-hash.ts'
import type { Threepid } from '../domain/threepid.ts'
import type { Storage, StoredEntry } from '../storage/storage.ts'
import type { AssociationReader } from './association-reader.ts'
import { readStored } from './known-pairs.ts'

/** Whose word an entry is and what that is worth. */
export type Standing = {
  groupOf(log: LogId, via: string | null): string
  rankOf(group: string): number
}

export type AssociationPorts = {
  readonly storage: Pick<Storage, 'entriesByHash' | 'entriesByThreepid'>
  readonly pepper: () => string
  readonly standing: () => Standing
  readonly nowMs: () => number
  /** Whether a key of a sibling or ours signed this association as it stands. */
  readonly isSigned: (association: Association) => boolean
}

type Read = {
  readonly stored: StoredEntry
  readonly entry: Entry
  readonly threepid: Threepid | null
  /** The lookup hash under the pepper it was last asked for. */
  hashed: { readonly pepper: string; readonly text: string } | null
}

/** What was read of an entry stays with it, as long as its store keeps it. */
const reads = new WeakMap<StoredEntry, Read>()

function readOf(stored: StoredEntry): Read {
  let read = reads.get(stored)
  if (read === undefined) {
    const entry = readStored(stored)
    read = { stored, entry, threepid: threepidOf(entry), hashed: null }
    reads.set(stored, read)
  }
  return read
}

function hashOf(read: Read, threepid: Threepid, pepper: string): string {
  if (read.hashed?.pepper !== pepper) {
    read.hashed = { pepper, text: formatLookupHash(lookupHash(threepid, pepper)) }
  }
  return read.hashed.text
}

/** Folds the few entries about a 3PID when it is asked for: state is a fold of the entries present (DESIGN 2.3). */
export function createAssociationReader(ports: AssociationPorts): AssociationReader {
  const { storage, pepper, standing, nowMs, isSigned } = ports

  function answer(reads: readonly Read[]): Answer | null {
    const present = standing()
    const statements = []
    for (const { stored, entry } of reads) {
      const via = entry.kind === 'bind' || entry.kind === 'unbind' ? entry.via : null
      const group = present.groupOf(stored.log, via)
      const statement = statementOf(entry, { log: stored.log, index: stored.index, group })
      if (statement !== null) statements.push(statement)
    }
    return answerOf(foldClaims(statements), (group) => present.rankOf(group), nowMs())
  }

  function mxidOf(
    entries: readonly StoredEntry[],
    isMeant: (threepid: Threepid, read: Read) => boolean,
  ): string | null {
    if (entries.length === 0) return null
    const about = readsAbout(entries, isMeant)
    return loneBind(about, nowMs()) ?? answer(about)?.mxid ?? null
  }

  return {
    pepper,
    async mxidsByHash(hashes) {
      const found = await storage.entriesByHash(hashes)
      const now = pepper()
      return found.map((entries, i) => {
        if (entries.length === 0) return null
        const hash = hashes[i] as string
        return mxidOf(entries, (threepid, read) => hashOf(read, threepid, now) === hash)
      })
    },
    async mxidsByThreepid(threepids) {
      const found = await storage.entriesByThreepid(threepids)
      return found.map((entries, i) => mxidOf(entries, isSame(threepids[i] as Threepid)))
    },
    async signedAssociation(threepid) {
      const [entries = []] = await storage.entriesByThreepid([threepid])
      const reads = readsAbout(entries, isSame(threepid))
      const bound = answer(reads)?.bound
      const read = reads.find(
        ({ stored }) => stored.log === bound?.log && stored.index === bound.index,
      )
      if (read?.entry.kind !== 'bind') return null
      return isSigned(read.entry.association) ? read.entry.association : null
    },
  }
}

function isSame(meant: Threepid): (threepid: Threepid) => boolean {
  return ({ medium, address }) => medium === meant.medium && address === meant.address
}

/** The common case, which needs no fold: one entry about the 3PID, a bind that is valid now. */
function loneBind(about: readonly Read[], nowMs: number): string | null {
  const entry = about.length === 1 ? about[0]?.entry : undefined
  if (entry?.kind !== 'bind') return null
  const { mxid, not_before: notBeforeMs, not_after: notAfterMs } = entry.association
  return nowMs >= notBeforeMs && nowMs < notAfterMs ? mxid : null
}

/** A bucket may hold other 3PIDs too: each entry is compared in full. */
function readsAbout(
  entries: readonly StoredEntry[],
  isMeant: (threepid: Threepid, read: Read) => boolean,
): Read[] {
  const about: Read[] = []
  for (const stored of entries) {
    const read = readOf(stored)
    if (read.threepid !== null && isMeant(read.threepid, read)) about.push(read)
  }
  return about
}
