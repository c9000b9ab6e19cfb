import { parseNote } from '../domain/checkpoint.ts'
import type { EntryProof } from '../domain/entry-proof.ts'
import { inclusionProof } from '../domain/merkle-tree.ts'
import { RefusalError } from '../domain/refusal.ts'
import type { Storage, StoredLog } from '../storage/storage.ts'
import { subtreeSource } from './read-chunk.ts'

/**
 * Makes the proof of one entry under the log's newest signed head. Refuses with `gap` for a line that no signed head
 * covers, and with `blank-unexplained` for one of which nothing but its hash is here.
 */
export async function proveEntry(
  storage: Pick<Storage, 'readLines' | 'readSubtrees'>,
  { log, note }: StoredLog,
  index: number,
): Promise<EntryProof> {
  const size = parseNote(note)?.checkpoint.size ?? 0
  if (index >= size) {
    const held = size === 0 ? 'has no signed head here yet' : `is signed up to line ${size - 1}`
    throw new RefusalError('gap', `${log} ${held}; there is no line ${index} to prove`)
  }
  const [line] = await storage.readLines({ log, from: index, countMax: 1, bytesMax: 1 })
  if (line === undefined || line.index !== index || !('bytes' in line)) {
    throw new RefusalError(
      'blank-unexplained',
      `line ${index} of ${log} is blank: its bytes were forgotten, or never came`,
    )
  }
  const hashes = await inclusionProof(index, size, subtreeSource(storage, log))
  return { index, entry: line.bytes, hashes, note }
}
