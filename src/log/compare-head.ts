import {
  parseNote,
  parseVerifierKey,
  type Checkpoint,
  type VerifierKey,
} from '../domain/checkpoint.ts'
import { ChunkReader, readSegmentLines, type Segment } from '../domain/chunk.ts'
import { formatForkProof } from '../domain/fork-proof.ts'
import {
  consistencyProof,
  frontierSubtrees,
  rootOf,
  TreeBuilder,
  verifyConsistency,
  type Frontier,
  type Hash,
  type SubtreeSource,
} from '../domain/merkle-tree.ts'
import { signedCheckpoint } from '../domain/proof-keys.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Storage, StoredLog } from '../storage/storage.ts'
import { subtreeSource } from './read-chunk.ts'

/** How a peer's head of a log stands to what is stored here. */
export type HeadComparison =
  | { readonly type: 'equal' | 'behind' | 'ahead'; readonly theirs: number; readonly ours: number }
  /** Two signed heads that cannot both be true; `proof` is the text of a fork proof. */
  | {
      readonly type: 'fork'
      readonly theirs: number
      readonly ours: number
      readonly proof: string
    }
  /** What the peer shows proves nothing, against whom ever. */
  | { readonly type: 'unproved'; readonly reason: string }

export type TheirHead = {
  readonly note: string
  /** Its chunk of this log from an index on; read no further than its first segment. */
  readonly entriesFrom: (from: number) => Promise<AsyncIterable<Uint8Array>>
}

/** Compares a peer's head with ours: equal, a prefix either way, or a fork, which is proved and never suspected. */
export async function compareHead(
  storage: Pick<Storage, 'readLines' | 'readSubtrees'>,
  stored: StoredLog,
  { note, entriesFrom }: TheirHead,
  verifierKeys: readonly string[],
): Promise<HeadComparison> {
  const keys = verifierKeys.map(parseVerifierKey).filter((key): key is VerifierKey => key !== null)
  const theirs = signedCheckpoint(note, keys)
  const ours = parseNote(stored.note)?.checkpoint
  if (theirs === null || theirs.log !== stored.log)
    return { type: 'unproved', reason: 'the head it shows is not signed by the origin' }
  if (ours === undefined) return { type: 'ahead', theirs: theirs.size, ours: 0 }
  const sizes = { theirs: theirs.size, ours: ours.size }
  if (theirs.size > ours.size) return await compareLonger(storage, ours, theirs, entriesFrom)
  // Every history begins with no lines, whatever root such a head states.
  if (theirs.size === 0) return { type: 'behind', ...sizes }
  const source = subtreeSource(storage, stored.log)
  const root = rootOf(await frontierAt(source, theirs.size))
  if (Buffer.compare(root, theirs.root) === 0)
    return { type: theirs.size === ours.size ? 'equal' : 'behind', ...sizes }
  const isSameSize = theirs.size === ours.size
  const proof = formatForkProof({
    first: note,
    second: stored.note,
    prefix: isSameSize ? null : root,
    hashes: await consistencyProof(theirs.size, ours.size, source),
  })
  return { type: 'fork', ...sizes, proof }
}

export async function frontierAt(source: SubtreeSource, size: number): Promise<Frontier> {
  const hashes: Hash[] = []
  for (const { level, n } of frontierSubtrees(size)) hashes.push(await source(level, n))
  return { size, hashes }
}

/** Their lines after ours, up to the first that are proved against their head, must grow on what we hold. */
async function compareLonger(
  storage: Pick<Storage, 'readLines' | 'readSubtrees'>,
  ours: Checkpoint,
  theirs: Checkpoint,
  entriesFrom: TheirHead['entriesFrom'],
): Promise<HeadComparison> {
  const frontier = await frontierAt(subtreeSource(storage, ours.log), ours.size)
  try {
    const segment = await firstSegment(await entriesFrom(ours.size))
    const isGrown = segment !== null && growsOn(frontier, segment, theirs)
    return isGrown
      ? { type: 'ahead', theirs: theirs.size, ours: ours.size }
      : {
          type: 'unproved',
          reason: `its lines from ${ours.size} on do not lead from what is stored here to the head it shows`,
        }
  } catch (error) {
    if (!isRefusal(error)) throw error
    return { type: 'unproved', reason: error.message }
  }
}

async function firstSegment(chunk: AsyncIterable<Uint8Array>): Promise<Segment | null> {
  const reader = new ChunkReader()
  for await (const piece of chunk) {
    for (const part of reader.push(piece)) if (part.type === 'segment') return part.segment
  }
  return null
}

function growsOn(frontier: Frontier, { body, to, proof }: Segment, theirs: Checkpoint): boolean {
  const builder = new TreeBuilder(frontier)
  for (const line of readSegmentLines(body)) {
    if (line.type !== 'blank-run') builder.add(line.leaf)
    else if (builder.size % 2 ** line.level === 0) builder.addSubtree(line.level, line.hash)
    else return false
  }
  if (builder.size !== to) return false
  const [newSize, newRoot] = [theirs.size, theirs.root]
  return verifyConsistency({ oldSize: to, oldRoot: builder.root(), newSize, newRoot, proof })
}
