import {
  appendSignature,
  parseNote,
  verifyCosignature,
  type VerifierKey,
} from '../domain/checkpoint.ts'
import { rootOf } from '../domain/merkle-tree.ts'
import { cosignersOf, signedCheckpoint } from '../domain/proof-keys.ts'
import type { Storage, StoredLog } from '../storage/storage.ts'
import { frontierAt } from './compare-head.ts'
import { subtreeSource } from './read-chunk.ts'

/**
 * Of the heads of a log that are known, the one to prove a line under: signed by its origin, covering the line, made
 * of the lines stored here, with the most cosignatures that verify, and of those the newest. Answers its note with
 * those cosignatures; the stored one when no other will do.
 */
export async function cosignedNote(
  storage: Pick<Storage, 'readLines' | 'readSubtrees'>,
  stored: StoredLog,
  index: number,
  { offered, keys }: { readonly offered: readonly string[]; readonly keys: readonly VerifierKey[] },
): Promise<string> {
  const merged = mergeNotes([stored.note, ...offered], keys)
  let best: { note: string; cosigners: number; size: number } | null = null
  for (const note of merged) {
    const checkpoint = signedCheckpoint(note, keys)
    if (checkpoint?.log !== stored.log || checkpoint.size <= index) continue
    if (checkpoint.size > stored.size) continue
    const { size } = checkpoint
    const root = rootOf(await frontierAt(subtreeSource(storage, stored.log), size))
    if (Buffer.compare(root, checkpoint.root) !== 0) continue
    const cosigners = cosignersOf(note, keys).cosigners.length
    const isBetter =
      best === null ||
      cosigners > best.cosigners ||
      (cosigners === best.cosigners && size > best.size)
    if (isBetter) best = { note, cosigners, size }
  }
  return best?.note ?? stored.note
}

/** One note for each signed text, with the cosignatures of all that bear it, one of each name, where they verify. */
function mergeNotes(notes: readonly string[], keys: readonly VerifierKey[]): string[] {
  const byBody = new Map<string, { note: string; names: Set<string> }>()
  for (const text of notes) {
    const note = parseNote(text)
    if (note === null) continue
    const { log } = note.checkpoint
    const own = note.signatures.filter(({ name }) => name === log).map(({ line }) => `${line}\n`)
    const merged = byBody.get(note.body) ?? {
      note: `${note.body}\n${own.join('')}`,
      names: new Set<string>(),
    }
    byBody.set(note.body, merged)
    for (const { name, line } of note.signatures) {
      if (name === log || merged.names.has(name) || !isCosigned(note.body, line, name, keys))
        continue
      merged.names.add(name)
      merged.note = appendSignature(merged.note, line)
    }
  }
  return [...byBody.values()].map(({ note }) => note)
}

function isCosigned(
  body: string,
  line: string,
  name: string,
  keys: readonly VerifierKey[],
): boolean {
  return keys.some(
    (key) =>
      key.name === name &&
      verifyCosignature({ body, line, name, publicKey: key.publicKey }) !== null,
  )
}
