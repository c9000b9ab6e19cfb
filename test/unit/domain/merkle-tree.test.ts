import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  consistencyProof,
  emptyFrontier,
  emptyRoot,
  frontierSubtrees,
  hashLeaf,
  hashLeafPrefixed,
  hashNode,
  inclusionProof,
  rootOf,
  TreeBuilder,
  verifyConsistency,
  verifyInclusion,
  type Hash,
} from '../../../src/domain/merkle-tree.ts'
import { bytes, hex, lineOf, naive, naiveTree, sha256, sourceOf } from './rfc6962-definition.ts'

function builderOf(size: number): TreeBuilder {
  const builder = new TreeBuilder(emptyFrontier)
  for (let i = 0; i < size; i++) builder.add(hashLeaf(lineOf(i)))
  return builder
}

describe('the Certificate Transparency reference tree', () => {
  const leaves = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ].map(bytes)
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  const n01 = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
  const leaf1 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'
  const leaf4 = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b'
  const node23 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e'
  const node45 = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a'
  const node67 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0'
  const node47 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'
  const node01 = roots[1] as string
  const node03 = roots[3] as string
  const tree = naiveTree((index) => leaves[index] as Uint8Array)

  test('has the known roots of sizes 0 to 8', () => {
    const builder = new TreeBuilder(emptyFrontier)
    expect(hex(builder.root())).toBe(hex(emptyRoot))
    expect(hex(emptyRoot)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    leaves.forEach((leaf, index) => {
      builder.add(hashLeaf(leaf))
      expect(hex(builder.root())).toBe(roots[index])
      expect(hex(rootOf(builder.frontier()))).toBe(roots[index])
    })
  })

  test.each([
    { index: 0, size: 1, proof: [] },
    { index: 0, size: 8, proof: [leaf1, node23, node47] },
    { index: 5, size: 8, proof: [leaf4, node67, node03] },
    { index: 2, size: 3, proof: [node01] },
    { index: 1, size: 5, proof: [n01, node23, leaf4] },
  ])('proves leaf $index in $size leaves with the known hashes', async ({ index, size, proof }) => {
    const made = await inclusionProof(index, size, sourceOf(size, tree))
    expect(made.map(hex)).toEqual(proof)
    const leaf = hashLeaf(leaves[index] as Uint8Array)
    const root = bytes(roots[size - 1] as string)
    expect(verifyInclusion({ index, size, leaf, root, proof: made })).toBe(true)
  })

  test.each([
    { oldSize: 1, newSize: 1, proof: [] },
    { oldSize: 1, newSize: 8, proof: [leaf1, node23, node47] },
    { oldSize: 6, newSize: 8, proof: [node45, node67, node03] },
    { oldSize: 2, newSize: 5, proof: [node23, leaf4] },
  ])(
    'proves that $oldSize leaves are the first of $newSize with the known hashes',
    async ({ oldSize, newSize, proof }) => {
      const made = await consistencyProof(oldSize, newSize, sourceOf(newSize, tree))
      expect(made.map(hex)).toEqual(proof)
      const oldRoot = bytes(roots[oldSize - 1] as string)
      const newRoot = bytes(roots[newSize - 1] as string)
      expect(verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof: made })).toBe(true)
    },
  )
})

describe('against the definition of RFC 6962', () => {
  test('roots and frontiers are those of the recursive definition for all sizes to 300', () => {
    const builder = new TreeBuilder(emptyFrontier)
    for (let size = 0; size <= 300; size++) {
      expect(builder.size).toBe(size)
      expect(hex(builder.root())).toBe(naive.root(0, size))
      const complete = frontierSubtrees(size).map(({ level, n }) =>
        naive.root(n * 2 ** level, (n + 1) * 2 ** level),
      )
      expect(builder.frontier().hashes.map(hex)).toEqual(complete)
      builder.add(hashLeaf(lineOf(size)))
    }
  })

  test('inclusion proofs are those of the recursive definition, and verify, to 300 leaves', async () => {
    const wrong: string[] = []
    for (let size = 1; size <= 300; size += size < 70 ? 1 : 23) {
      const root = bytes(naive.root(0, size))
      for (let index = 0; index < size; index += size < 70 ? 1 : 7) {
        const proof = await inclusionProof(index, size, sourceOf(size))
        const leaf = hashLeaf(lineOf(index))
        const isRight =
          proof.map(hex).join() === naive.path(index, 0, size).join() &&
          verifyInclusion({ index, size, leaf, root, proof })
        if (!isRight) wrong.push(`${index} in ${size}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('consistency proofs are those of the recursive definition, and verify, for all sizes to 130', async () => {
    const wrong: string[] = []
    for (let newSize = 0; newSize <= 130; newSize++) {
      const newRoot = bytes(naive.root(0, newSize))
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const proof = await consistencyProof(oldSize, newSize, sourceOf(newSize))
        const oldRoot = bytes(naive.root(0, oldSize))
        const isRight =
          proof.map(hex).join() === naive.proof(oldSize, newSize).join() &&
          verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof })
        if (!isRight) wrong.push(`${oldSize} to ${newSize}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('proofs hold for trees of up to 2^53 - 1 leaves, in at most 64 hashes', async () => {
    const ofLevel: Hash[] = [hashLeaf(lineOf(0))]
    for (let level = 1; level < 53; level++) {
      ofLevel.push(hashNode(ofLevel[level - 1] as Hash, ofLevel[level - 1] as Hash))
    }
    const source = (level: number) => ofLevel[level] as Hash
    const rootAt = (size: number) =>
      rootOf({ size, hashes: frontierSubtrees(size).map(({ level }) => source(level)) })
    const sizes = fc.oneof(
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 0, max: 53 }).map((power) => Math.min(2 ** power, Number.MAX_SAFE_INTEGER)),
      fc.integer({ min: 1, max: 52 }).map((power) => 2 ** power - 1),
    )
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (a, b) => {
        const [oldSize, newSize] = a < b ? [a, b] : [b, a]
        const proof = await consistencyProof(oldSize, newSize, source)
        expect(proof.length).toBeLessThanOrEqual(64)
        const heads = { oldSize, oldRoot: rootAt(oldSize), newSize, newRoot: rootAt(newSize) }
        expect(verifyConsistency({ ...heads, proof })).toBe(true)
        const path = await inclusionProof(oldSize - 1, newSize, source)
        const place = { index: oldSize - 1, size: newSize, root: heads.newRoot }
        expect(verifyInclusion({ ...place, leaf: source(0), proof: path })).toBe(true)
        expect(verifyInclusion({ ...place, leaf: emptyRoot, proof: path })).toBe(false)
        if (oldSize === newSize) return
        expect(verifyConsistency({ ...heads, newRoot: emptyRoot, proof })).toBe(false)
        expect(verifyConsistency({ ...heads, oldRoot: emptyRoot, proof })).toBe(false)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a builder', () => {
  const size = 1_100
  const reported = (from: number) => {
    const expected: string[] = []
    for (let end = from + 1; end <= size; end++) {
      for (let level = 8; end % 2 ** level === 0; level++) {
        const n = end / 2 ** level - 1
        expected.push(`${level}/${n} ${naive.root(n * 2 ** level, end)}`)
      }
    }
    return expected
  }

  test('resumed from any frontier goes on to the same root and reports the same subtrees', () => {
    const first = new TreeBuilder(emptyFrontier)
    const leaves = Array.from({ length: size }, (_, i) => hashLeaf(lineOf(i)))
    for (let from = 0; from <= size; from++) {
      if (from <= 300 || from % 64 === 0 || from % 64 === 63) {
        const subtrees: string[] = []
        const builder = new TreeBuilder(first.frontier(), (level, n, hash) =>
          subtrees.push(`${level}/${n} ${hex(hash)}`),
        )
        for (const leaf of leaves.slice(from)) builder.add(leaf)
        expect(hex(builder.root())).toBe(naive.root(0, size))
        expect(subtrees).toEqual(reported(from))
      }
      if (from < size) first.add(leaves[from] as Hash)
    }
  }, 20_000)

  test('and a frontier it gave go separate ways', () => {
    const builder = builderOf(5)
    const frontier = builder.frontier()
    const resumed = new TreeBuilder(frontier)
    resumed.add(emptyRoot)
    expect(hex(builder.root())).toBe(naive.root(0, 5))
    builder.add(hashLeaf(lineOf(5)))
    expect(hex(builder.root())).toBe(naive.root(0, 6))
    expect(hex(rootOf(frontier))).toBe(naive.root(0, 5))
  })

  test('takes whole subtrees for leaves and comes to the same tree', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10 }), { maxLength: 40 }), (wishes) => {
        const reports: string[] = []
        const builder = new TreeBuilder(emptyFrontier, (level, n, hash) =>
          reports.push(`${level}/${n} ${hex(hash)}`),
        )
        for (const wish of wishes) {
          let level = wish
          while (builder.size % 2 ** level !== 0) level -= 1
          const from = builder.size
          if (from + 2 ** level > size) break
          builder.addSubtree(level, bytes(naive.root(from, from + 2 ** level)))
        }
        expect(hex(builder.root())).toBe(naive.root(0, builder.size))
        const plain = builderOf(builder.size).frontier()
        expect(builder.frontier().hashes.map(hex)).toEqual(plain.hashes.map(hex))
        const known = reported(0)
        for (const report of reports) expect(known).toContain(report)
        for (const { level, n } of frontierSubtrees(builder.size)) {
          if (level < 8) continue
          expect(reports.some((report) => report.startsWith(`${level}/${n} `))).toBe(true)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('refuses a subtree that is not aligned, and stays as it was', () => {
    const builder = builderOf(6)
    for (const level of [2, 3, 53, -1, 0.5, NaN]) {
      expect(() => builder.addSubtree(level, emptyRoot)).toThrow(RangeError)
    }
    expect(builder.size).toBe(6)
    expect(hex(builder.root())).toBe(naive.root(0, 6))
    builder.addSubtree(1, bytes(naive.root(6, 8)))
    expect(hex(builder.root())).toBe(naive.root(0, 8))
  })

  test('refuses to grow beyond 2^53 - 1 leaves', () => {
    const most = Number.MAX_SAFE_INTEGER
    const full = new TreeBuilder({ size: most, hashes: Array<Hash>(53).fill(emptyRoot) })
    expect(() => full.add(emptyRoot)).toThrow(RangeError)
    expect(full.size).toBe(most)
  })
})

test('a prefixed line has the leaf hash of the line', () => {
  const line = lineOf(7)
  expect(hashLeafPrefixed(Buffer.concat([bytes('00'), line]))).toEqual(hashLeaf(line))
  expect(hex(hashLeaf(line))).toBe(sha256(bytes('00'), line))
})

test('asynchronous sources are asked for complete subtrees too', async () => {
  const source = sourceOf(100)
  const asked = async (level: number, n: number) => source(level, n)
  expect((await consistencyProof(77, 100, asked)).map(hex)).toEqual(naive.proof(77, 100))
})
