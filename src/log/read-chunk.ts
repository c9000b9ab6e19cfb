import { formatBlank, formatHeader, formatSegmentEnd } from '../domain/chunk.ts'
import { parseNote } from '../domain/checkpoint.ts'
import { segmentBytesMax } from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import { consistencyProof, hashNode, type Hash } from '../domain/merkle-tree.ts'
import type { Storage, StoredLine } from '../storage/storage.ts'
import { leafOf } from './boot.ts'

/** Lines per segment of what we send: a stored subtree's width, so that most proofs need no line to be hashed again. */
const segmentSpan = 256
const storedLevel = 8
const newline = Buffer.from('\n')

export type ChunkRange = {
  readonly log: LogId
  readonly from: number
  /** Lines before this index are sent; at most the checkpoint's size. */
  readonly to: number
  /** The checkpoint every segment is proved against. */
  readonly note: string
}

/** Makes a chunk out of stored lines, a segment at a time: nothing more is held in memory. */
export async function* readChunk(
  storage: Pick<Storage, 'readLines' | 'readSubtrees'>,
  { log, from, to, note }: ChunkRange,
): AsyncGenerator<Uint8Array> {
  const size = parseNote(note)?.checkpoint.size
  if (size === undefined) throw new Error(`${log} has no checkpoint to be proved against`)
  yield Buffer.from(formatHeader({ log, from, checkpoint: note }))
  const subtreeOf = subtreeSource(storage, log)
  let next = from
  while (next < to) {
    const aligned = next - (next % segmentSpan) + segmentSpan
    const wanted = Math.min(to, aligned)
    const lines = await storage.readLines({
      log,
      from: next,
      countMax: wanted - next,
      bytesMax: segmentBytesMax / 2,
    })
    if (lines.length === 0) throw new Error(`${log} lacks line ${next}`)
    next += lines.length
    const proof = next === size ? [] : await consistencyProof(next, size, subtreeOf)
    yield Buffer.concat([...lines.flatMap(lineBytes), Buffer.from(formatSegmentEnd(next, proof))])
  }
}

function lineBytes(line: StoredLine): Uint8Array[] {
  return 'bytes' in line ? [line.bytes, newline] : [Buffer.from(formatBlank(line.blankHash))]
}

/**
 * Complete subtrees of a stored log: large ones as stored, small ones from their lines. The lines of one stored
 * subtree's width are hashed once and remembered, as proofs ask for neighbours.
 */
export function subtreeSource(
  storage: Pick<Storage, 'readLines' | 'readSubtrees'>,
  log: LogId,
): (level: number, n: number) => Promise<Hash> {
  let held: { block: number; leaves: Hash[] } = { block: -1, leaves: [] }
  const known = new Map<string, Hash>()
  const knownMax = 4_096

  async function leavesOf(block: number): Promise<Hash[]> {
    if (held.block === block && held.leaves.length === segmentSpan) return held.leaves
    const lines = await storage.readLines({
      log,
      from: block * segmentSpan,
      countMax: segmentSpan,
      bytesMax: Infinity,
    })
    held = { block, leaves: lines.map(leafOf) }
    return held.leaves
  }

  return async (level, n) => {
    const key = `${level}/${n}`
    const before = known.get(key)
    if (before !== undefined) return before
    let hash: Hash
    if (level >= storedLevel) {
      hash = (await storage.readSubtrees(log, [{ level, n }]))[0] as Hash
    } else {
      const first = n * 2 ** level
      const leaves = await leavesOf(Math.floor(first / segmentSpan))
      hash = subtreeRoot(leaves, first % segmentSpan, 2 ** level)
    }
    if (known.size >= knownMax) known.clear()
    known.set(key, hash)
    return hash
  }
}

function subtreeRoot(leaves: readonly Hash[], from: number, width: number): Hash {
  if (width === 1) {
    const leaf = leaves[from]
    if (leaf === undefined) throw new Error('a subtree reaches beyond the stored lines')
    return leaf
  }
  const half = width / 2
  return hashNode(subtreeRoot(leaves, from, half), subtreeRoot(leaves, from + half, half))
}
