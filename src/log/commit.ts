/**
 * Owns: the way of lines: ours appended, anybody's accepted, all of them through commit into the store.
 * Relies on: mesh for every decision, the storage port, domain.
 * Never: decides what is admitted, or changes state beside commit.
 */
import type { RefusalCode } from '../domain/refusal.ts'
import type { Effect } from '../mesh/events.ts'
import {
  StorageFault,
  type AccountChange,
  type CommitGroup,
  type RecordChange,
  type Storage,
  type StoredLog,
} from '../storage/storage.ts'
import type { Signer } from './signer.ts'

export type CommitResult =
  | {
      readonly type: 'committed'
      readonly notes: Record<string, string>
      readonly conflicts: readonly number[]
    }
  | { readonly type: 'commit-failed'; readonly code: RefusalCode; readonly cause: StorageFault }

/**
 * The only way in. Local, replicated, imported and recovered entries all pass here: heads of ours are signed, then
 * everything becomes one durable transaction. If we crash before it, the signed head was seen by nobody.
 * A conflict is a broken invariant (two writers on one log) and is thrown.
 */
export async function commit(
  { storage, signer }: { storage: Storage; signer: Signer },
  effect: Extract<Effect, { type: 'commit' }>,
): Promise<CommitResult> {
  const notes: Record<string, string> = {}
  const logs = effect.logs.map(({ lines, fills, subtrees, expectedSize, note, ...write }) => {
    const signed =
      note ?? signer.signCheckpoint({ log: write.log, size: write.size, root: write.root })
    if (note === null) notes[write.log] = signed
    const head: StoredLog = { ...write, note: signed }
    return { head, expectedSize, lines, fills, subtrees }
  })
  const group: CommitGroup = {
    logs,
    lookups: effect.lookups,
    accounts: effect.side.flatMap((change) => change.accounts as readonly AccountChange[]),
    meta: Object.assign({}, ...effect.side.map((change) => change.meta)) as Record<
      string,
      string | null
    >,
    isBulk: effect.isBulk,
    records: effect.side.map((change) => (change.records ?? []) as readonly RecordChange[]),
  }
  try {
    const { conflicts } = await storage.commit(group)
    return { type: 'committed', notes, conflicts }
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error
    const code = refusalOf(error)
    if (code === null) throw error
    return { type: 'commit-failed', code, cause: error }
  }
}

/** What a caller hears of a store that cannot write now; null for a broken invariant. */
function refusalOf(fault: StorageFault): RefusalCode | null {
  switch (fault.code) {
    case 'full':
      return 'storage-full'
    case 'read-only':
    case 'busy':
    case 'other':
      return 'storage-read-only'
    case 'conflict':
    case 'corrupt':
    case 'schema-newer':
      return null
  }
}
