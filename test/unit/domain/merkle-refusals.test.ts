import { describe, expect, test } from 'vitest'
import {
  consistencyProof,
  emptyRoot,
  frontierSubtrees,
  hashLeaf,
  inclusionProof,
  isProof,
  TreeBuilder,
  verifyConsistency,
  verifyInclusion,
  type Hash,
} from '../../../src/domain/merkle-tree.ts'
import { base64, bytes, lineOf, naive, sourceOf } from './rfc6962-definition.ts'

const flipped = (hash: Hash, bit: number) => {
  const copy = new Uint8Array(hash)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

/** Every proof that differs from this one by a bit, by a hash left out, doubled, added, or by two exchanged. */
function* damaged(proof: readonly Hash[]): Generator<readonly Hash[]> {
  for (let at = 0; at < proof.length; at++) {
    for (let bit = 0; bit < 256; bit++) {
      yield proof.with(at, flipped(proof[at] as Hash, bit))
    }
    yield proof.toSpliced(at, 1)
    yield proof.toSpliced(at, 0, proof[at] as Hash)
    yield proof.with(at, (proof[at] as Hash).subarray(0, 31))
    yield proof.with(at, new Uint8Array([...(proof[at] as Hash), 0]))
    const next = proof[at + 1]
    if (next !== undefined) yield proof.with(at, next).with(at + 1, proof[at] as Hash)
  }
  yield [...proof, emptyRoot]
  yield [emptyRoot, ...proof]
  if (proof.length > 0) yield []
}

describe('a proof that was tampered with is refused:', () => {
  const pairs = [
    [0, 5],
    [1, 2],
    [3, 4],
    [3, 7],
    [4, 7],
    [6, 8],
    [7, 8],
    [8, 8],
    [8, 13],
    [21, 100],
    [64, 129],
    [127, 130],
  ] as const

  test.each(pairs)('consistency of %i with %i', async (oldSize, newSize) => {
    const oldRoot = bytes(naive.root(0, oldSize))
    const newRoot = bytes(naive.root(0, newSize))
    const heads = { oldSize, oldRoot, newSize, newRoot }
    const proof = await consistencyProof(oldSize, newSize, sourceOf(newSize))
    for (const wrong of damaged(proof)) {
      expect(verifyConsistency({ ...heads, proof: wrong })).toBe(false)
    }
    for (let bit = 0; bit < 256; bit++) {
      expect(verifyConsistency({ ...heads, oldRoot: flipped(oldRoot, bit), proof })).toBe(false)
      if (oldSize === 0) continue
      expect(verifyConsistency({ ...heads, newRoot: flipped(newRoot, bit), proof })).toBe(false)
    }
  })

  test.each(pairs.slice(1))('inclusion of leaf %i - 1 in %i', async (count, size) => {
    const index = count - 1
    const root = bytes(naive.root(0, size))
    const leaf = hashLeaf(lineOf(index))
    const proof = await inclusionProof(index, size, sourceOf(size))
    for (const wrong of damaged(proof)) {
      expect(verifyInclusion({ index, size, leaf, root, proof: wrong })).toBe(false)
    }
    for (let bit = 0; bit < 256; bit++) {
      expect(verifyInclusion({ index, size, leaf: flipped(leaf, bit), root, proof })).toBe(false)
      expect(verifyInclusion({ index, size, leaf, root: flipped(root, bit), proof })).toBe(false)
    }
    for (let other = 0; other < size; other++) {
      if (other === index) continue
      expect(verifyInclusion({ index: other, size, leaf, root, proof })).toBe(false)
    }
  })

  test('an interior node passed off as a leaf', async () => {
    const size = 8
    const proof = (await inclusionProof(0, size, sourceOf(size))).slice(1)
    const leaf = bytes(naive.root(0, 2))
    const root = bytes(naive.root(0, size))
    expect(verifyInclusion({ index: 0, size, leaf, root, proof })).toBe(false)
    // The node is in its place in a tree of half the size: only the prefixes tell the two apart.
    const halved = { index: 0, size: 4, root, proof }
    expect(verifyInclusion({ ...halved, leaf: hashLeaf(leaf) })).toBe(false)
  })
})

describe('sizes and hashes no tree has', () => {
  const root = bytes(naive.root(0, 4))
  test('are never consistent with anything', () => {
    const heads = { oldSize: 4, oldRoot: root, newSize: 4, newRoot: root, proof: [] }
    expect(verifyConsistency(heads)).toBe(true)
    for (const size of [-4, 4.5, NaN, Infinity, 2 ** 53]) {
      expect(verifyConsistency({ ...heads, oldSize: size, newSize: size })).toBe(false)
    }
    expect(verifyConsistency({ ...heads, oldSize: 5 })).toBe(false)
    const short = root.subarray(0, 31)
    expect(verifyConsistency({ ...heads, oldRoot: short, newRoot: short })).toBe(false)
    const empty = { oldSize: 0, oldRoot: emptyRoot, newSize: 4, newRoot: root }
    expect(verifyConsistency({ ...empty, proof: [] })).toBe(true)
    expect(verifyConsistency({ ...empty, proof: [root] })).toBe(false)
    expect(verifyConsistency({ ...empty, oldRoot: root, proof: [] })).toBe(false)
  })

  test('include nothing', () => {
    const leaf = hashLeaf(lineOf(0))
    for (const [index, size] of [
      [0, 0],
      [1, 1],
      [-1, 1],
      [0.5, 1],
      [NaN, 1],
      [0, NaN],
      [0, 2 ** 53],
    ] as const) {
      expect(verifyInclusion({ index, size, leaf, root: leaf, proof: [] })).toBe(false)
    }
    const short = leaf.subarray(0, 31)
    expect(verifyInclusion({ index: 0, size: 1, leaf: short, root: short, proof: [] })).toBe(false)
  })

  test('have no proof and no frontier', async () => {
    const source = () => emptyRoot
    await expect(inclusionProof(3, 3, source)).rejects.toThrow(RangeError)
    await expect(inclusionProof(-1, 3, source)).rejects.toThrow(RangeError)
    await expect(consistencyProof(4, 3, source)).rejects.toThrow(RangeError)
    await expect(consistencyProof(1.5, 3, source)).rejects.toThrow(RangeError)
    expect(() => frontierSubtrees(-1)).toThrow(RangeError)
    expect(() => frontierSubtrees(2 ** 53)).toThrow(RangeError)
    expect(frontierSubtrees(Number.MAX_SAFE_INTEGER)).toHaveLength(53)
    expect(() => new TreeBuilder({ size: 3, hashes: [emptyRoot] })).toThrow(RangeError)
  })
})

test('a proof from outside is read only when it is at most 64 hashes in standard base64', () => {
  const text = base64(emptyRoot)
  expect(isProof([])).toEqual([])
  expect(isProof([text, text])).toEqual([emptyRoot, emptyRoot])
  expect(isProof(Array(64).fill(text))).toHaveLength(64)
  const refused = [
    Array(65).fill(text),
    text,
    null,
    { length: 0 },
    [1],
    [null],
    [''],
    [text, text.slice(0, -1)],
    [text.replace('=', '')],
    [text.replaceAll('/', '_').replaceAll('+', '-')],
    [`${text.slice(0, -2)}V=`],
    [`${text}\n`],
    [base64(emptyRoot.subarray(1))],
    [base64(Buffer.concat([emptyRoot, emptyRoot]))],
    [emptyRoot],
  ]
  for (const value of refused) expect(isProof(value)).toBeNull()
})
