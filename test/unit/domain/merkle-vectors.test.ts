import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  consistencyProof,
  emptyFrontier,
  hashLeaf,
  inclusionProof,
  TreeBuilder,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/domain/merkle-tree.ts'
import { base64, bytes, naiveTree, sha256, sourceOf } from './rfc6962-definition.ts'

describe('test/vectors/merkle.json', () => {
  type Inclusion = { index: number; size: number; leaf: string; root: string; proof: string[] }
  type Consistency = {
    oldSize: number
    oldRoot: string
    newSize: number
    newRoot: string
    proof: string[]
  }
  type Tree = {
    leaves: string[]
    leafHashes: string[]
    roots: string[]
    inclusion: { index: number; size: number; proof: string[] }[]
    consistency: { oldSize: number; newSize: number; proof: string[] }[]
  }
  const vectors = JSON.parse(
    readFileSync(new URL('../../vectors/merkle.json', import.meta.url), 'utf8'),
  ) as {
    tree: Tree
    invalidInclusion: (Inclusion & { rule: string })[]
    invalidConsistency: (Consistency & { rule: string })[]
  }
  const unpack = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
  const { tree } = vectors
  const reference = naiveTree((index) => bytes(tree.leaves[index] as string))
  const asBase64 = (hashes: string[]) => hashes.map((hash) => base64(bytes(hash)))

  test('holds what the recursive definition gives', () => {
    expect(tree.leafHashes).toEqual(
      asBase64(tree.leaves.map((leaf) => sha256(bytes('00'), bytes(leaf)))),
    )
    expect(tree.roots).toEqual(asBase64(tree.roots.map((_, size) => reference.root(0, size))))
    for (const { index, size, proof } of tree.inclusion) {
      expect(proof).toEqual(asBase64(reference.path(index, 0, size)))
    }
    for (const { oldSize, newSize, proof } of tree.consistency) {
      expect(proof).toEqual(asBase64(reference.proof(oldSize, newSize)))
    }
    expect(tree.inclusion.length).toBeGreaterThan(40)
    expect(tree.consistency.length).toBeGreaterThan(40)
  })

  test('holds what this code makes and accepts', async () => {
    const builder = new TreeBuilder(emptyFrontier)
    tree.roots.forEach((root, size) => {
      expect(base64(builder.root())).toBe(root)
      const leaf = tree.leaves[size]
      if (leaf !== undefined) builder.add(hashLeaf(bytes(leaf)))
    })
    for (const { index, size, proof } of tree.inclusion) {
      const made = await inclusionProof(index, size, sourceOf(size, reference))
      expect(made.map(base64)).toEqual(proof)
      const leaf = unpack(tree.leafHashes[index] as string)
      const root = unpack(tree.roots[size] as string)
      expect(verifyInclusion({ index, size, leaf, root, proof: made })).toBe(true)
    }
    for (const { oldSize, newSize, proof } of tree.consistency) {
      const made = await consistencyProof(oldSize, newSize, sourceOf(newSize, reference))
      expect(made.map(base64)).toEqual(proof)
      const oldRoot = unpack(tree.roots[oldSize] as string)
      const newRoot = unpack(tree.roots[newSize] as string)
      expect(verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof: made })).toBe(true)
    }
  })

  test.each(vectors.invalidInclusion)('inclusion is refused: $rule', (given) => {
    const { leaf, root, proof } = given
    const read = { leaf: unpack(leaf), root: unpack(root), proof: proof.map(unpack) }
    expect(verifyInclusion({ ...given, ...read })).toBe(false)
  })

  test.each(vectors.invalidConsistency)('consistency is refused: $rule', (given) => {
    const { oldRoot, newRoot, proof } = given
    const roots = { oldRoot: unpack(oldRoot), newRoot: unpack(newRoot) }
    expect(verifyConsistency({ ...given, ...roots, proof: proof.map(unpack) })).toBe(false)
  })
})
