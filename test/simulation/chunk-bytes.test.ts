import { expect, test } from 'vitest'
import { hashLeaf, TreeBuilder } from '../../src/domain/merkle-tree.ts'
import { readChunk } from '../../src/log/read-chunk.ts'
import { chunkBytes } from './chunk-bytes.ts'
import { leafOf, type DiskLine } from './disk.ts'
import { HashKeys } from './keys.ts'

const log = 'paris.example/site~aaaaaaaa'

function lines(count: number): DiskLine[] {
  return Array.from({ length: count }, (_, i) => {
    const line = Buffer.from(`{"k":"note","n":${i},"t":${i + 1}}`)
    return i % 7 === 3 ? { blankHash: hashLeaf(line) } : line
  })
}

test.each([
  [0, 1, 1],
  [0, 200, 300],
  [3, 700, 700],
  [250, 513, 1_500],
  [1_024, 1_300, 1_300],
])(
  'the chunk of lines %i to %i of %i is what production sends, byte for byte',
  async (from, to, size) => {
    const stored = lines(size)
    const leaves = stored.map(leafOf)
    const subtrees = new Map<string, Uint8Array>()
    const builder = new TreeBuilder({ size: 0, hashes: [] }, (level, n, hash) =>
      subtrees.set(`${level}/${n}`, hash),
    )
    for (const leaf of leaves) builder.add(leaf)
    const { signer } = new HashKeys().make('paris.example', new Uint8Array(32).fill(1))
    const note = signer.signCheckpoint({ log, size, root: builder.root() })
    const storage = {
      readLines: async (range: { from: number; countMax: number }) =>
        stored.slice(range.from, range.from + range.countMax).map((line, i) => {
          const index = range.from + i
          return line instanceof Uint8Array
            ? { index, bytes: line }
            : { index, blankHash: line.blankHash }
        }),
      readSubtrees: async (_: string, wanted: readonly { level: number; n: number }[]) =>
        wanted.map(({ level, n }) => subtrees.get(`${level}/${n}`) as Uint8Array),
    }
    const pieces: Uint8Array[] = []
    for await (const piece of readChunk(storage, { log, from, to, note })) pieces.push(piece)
    const ours = Buffer.concat(chunkBytes({ lines: stored, leaves }, { log, from, to, note }))
    expect(ours.toString()).toBe(Buffer.concat(pieces).toString())
  },
)
