import { createHash } from 'node:crypto'
import type { Hash } from '../../../src/domain/merkle-tree.ts'

/*
 * RFC 6962 section 2.1 as it is written: by recursion over the list of leaves, with its own hashing. It shares
 * nothing with the code under test.
 */
export type NaiveTree = {
  root(from: number, to: number): string
  path(index: number, from: number, to: number): string[]
  proof(m: number, n: number): string[]
}

export const sha256 = (...parts: Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')
export const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
export const hex = (hash: Uint8Array) => Buffer.from(hash).toString('hex')
export const base64 = (hash: Uint8Array) => Buffer.from(hash).toString('base64')

function largestPowerBelow(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

export function naiveTree(leafOf: (index: number) => Uint8Array): NaiveTree {
  const known = new Map<string, string>()
  function root(from: number, to: number): string {
    const key = `${from}-${to}`
    let hash = known.get(key)
    if (hash !== undefined) return hash
    if (to === from) hash = sha256()
    else if (to - from === 1) hash = sha256(bytes('00'), leafOf(from))
    else {
      const k = largestPowerBelow(to - from)
      hash = sha256(bytes('01'), bytes(root(from, from + k)), bytes(root(from + k, to)))
    }
    known.set(key, hash)
    return hash
  }
  function path(index: number, from: number, to: number): string[] {
    if (to - from === 1) return []
    const k = largestPowerBelow(to - from)
    return index < k
      ? [...path(index, from, from + k), root(from + k, to)]
      : [...path(index - k, from + k, to), root(from, from + k)]
  }
  function subproof(m: number, from: number, to: number, isWhole: boolean): string[] {
    if (m === to - from) return isWhole ? [] : [root(from, to)]
    const k = largestPowerBelow(to - from)
    return m <= k
      ? [...subproof(m, from, from + k, isWhole), root(from + k, to)]
      : [...subproof(m - k, from + k, to, false), root(from, from + k)]
  }
  return { root, path, proof: (m, n) => (m === 0 ? [] : subproof(m, 0, n, true)) }
}

export const lineOf = (index: number) => Buffer.from(`{"line":${index}}`)
/** The tree whose leaves are these lines. */
export const naive = naiveTree(lineOf)

/** Answers from the naive tree, and throws when something else than a complete subtree is asked for. */
export function sourceOf(size: number, tree = naive) {
  return (level: number, n: number): Hash => {
    const width = 2 ** level
    if (!Number.isInteger(n) || (n + 1) * width > size) {
      throw new Error(`asked for subtree ${n} of level ${level} in a tree of ${size}`)
    }
    return bytes(tree.root(n * width, (n + 1) * width))
  }
}
