import * as crypto from 'node:crypto'
import { fromBase64 } from './base64.ts'
import { proofHashesMax } from './limits.ts'

/** The Merkle tree of RFC 6962 section 2.1 over SHA-256: leaves prefixed 0x00, interior nodes 0x01. */
export type Hash = Uint8Array

/** Roots of the maximal complete subtrees of a tree, largest first: all that appending needs (a compact range). */
export type Frontier = { readonly size: number; readonly hashes: readonly Hash[] }

export const emptyFrontier: Frontier = { size: 0, hashes: [] }

/** Subtrees of this many leaves (2^8) and more are reported as they complete, to be stored. */
const reportedLevel = 8

const sha256 = (bytes: Uint8Array): Hash => crypto.hash('sha256', bytes, 'buffer')

export const emptyRoot: Hash = sha256(new Uint8Array(0))

const nodeBytes = Buffer.alloc(65)
nodeBytes[0] = 1

export function hashLeaf(line: Uint8Array): Hash {
  const prefixed = Buffer.allocUnsafe(line.length + 1)
  prefixed[0] = 0
  prefixed.set(line, 1)
  return sha256(prefixed)
}

/** The leaf hash of bytes that begin with the 0x00 already: nothing is copied. */
export function hashLeafPrefixed(prefixed: Uint8Array): Hash {
  return sha256(prefixed)
}

export function hashNode(left: Hash, right: Hash): Hash {
  nodeBytes.set(left, 1)
  nodeBytes.set(right, 33)
  return sha256(nodeBytes)
}

/** Appends leaves to a tree of which only the frontier is known. */
export class TreeBuilder {
  #size: number
  /** Complete subtrees, largest first, with their levels. */
  readonly #hashes: Hash[]
  readonly #levels: number[]
  readonly #onSubtree: ((level: number, n: number, hash: Hash) => void) | undefined

  constructor(frontier: Frontier, onSubtree?: (level: number, n: number, hash: Hash) => void) {
    this.#size = frontier.size
    this.#hashes = [...frontier.hashes]
    this.#levels = frontierSubtrees(frontier.size).map(({ level }) => level)
    this.#onSubtree = onSubtree
  }

  get size(): number {
    return this.#size
  }

  add(leaf: Hash): void {
    this.#push(0, leaf)
  }

  /** Adds a complete subtree of 2^level leaves; the size so far must be a multiple of that. */
  addSubtree(level: number, hash: Hash): void {
    if (this.#size % 2 ** level !== 0) throw new RangeError(`a subtree of level ${level} does not fit at ${this.#size}`)
    this.#push(level, hash)
  }

  #push(level: number, hash: Hash): void {
    this.#size += level === 0 ? 1 : 2 ** level
    this.#hashes.push(hash)
    this.#levels.push(level)
    if (level >= reportedLevel) this.#report(level, hash)
    for (let last = this.#levels.length - 1; last > 0 && this.#levels[last] === this.#levels[last - 1]; last--) {
      const joined = hashNode(this.#hashes[last - 1] as Hash, this.#hashes[last] as Hash)
      const joinedLevel = (this.#levels[last] as number) + 1
      this.#hashes.length = last
      this.#levels.length = last
      this.#hashes[last - 1] = joined
      this.#levels[last - 1] = joinedLevel
      if (joinedLevel >= reportedLevel) this.#report(joinedLevel, joined)
    }
  }

  #report(level: number, hash: Hash): void {
    this.#onSubtree?.(level, this.#size / 2 ** level - 1, hash)
  }

  root(): Hash {
    return joinFrontier(this.#hashes)
  }

  frontier(): Frontier {
    return { size: this.#size, hashes: [...this.#hashes] }
  }
}

function joinFrontier(hashes: readonly Hash[]): Hash {
  let root = hashes[hashes.length - 1]
  if (root === undefined) return emptyRoot
  for (let i = hashes.length - 2; i >= 0; i--) root = hashNode(hashes[i] as Hash, root)
  return root
}

export function rootOf(frontier: Frontier): Hash {
  return joinFrontier(frontier.hashes)
}

/** The complete subtrees that make up the frontier of a size, largest first. */
export function frontierSubtrees(size: number): readonly { readonly level: number; readonly n: number }[] {
  return coverSubtrees(0, size)
}

/** Complete aligned subtrees that cover [from, to) in order; `from` must be aligned to the largest of them. */
function coverSubtrees(from: number, to: number): { level: number; n: number }[] {
  const cover: { level: number; n: number }[] = []
  let start = from
  while (start < to) {
    const level = Math.floor(Math.log2(to - start))
    const width = 2 ** level
    cover.push({ level, n: start / width })
    start += width
  }
  return cover
}

/** Root of the complete subtree over leaves [n × 2^level, (n + 1) × 2^level). */
export type SubtreeSource = (level: number, n: number) => Hash | Promise<Hash>

/** Root of leaves [from, to), a node of the tree of RFC 6962: joins the complete subtrees that cover it. */
async function rangeRoot(from: number, to: number, source: SubtreeSource): Promise<Hash> {
  const hashes: Hash[] = []
  for (const { level, n } of coverSubtrees(from, to)) hashes.push(await source(level, n))
  return joinFrontier(hashes)
}

/** Largest power of two below n. */
function splitOf(n: number): number {
  const power = 2 ** Math.floor(Math.log2(n))
  return power === n ? n / 2 : power
}

/** PATH(m, D[n]) of RFC 6962 section 2.1.1, leaf to root. */
export async function inclusionProof(index: number, size: number, source: SubtreeSource): Promise<Hash[]> {
  if (index < 0 || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const proof: Hash[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + splitOf(to - from)
    const isLeft = index < middle
    proof.push(isLeft ? await rangeRoot(middle, to, source) : await rangeRoot(from, middle, source))
    if (isLeft) to = middle
    else from = middle
  }
  return proof.reverse()
}

/** PROOF(m, D[n]) of RFC 6962 section 2.1.2. Empty for m = 0 and m = n. */
export async function consistencyProof(m: number, n: number, source: SubtreeSource): Promise<Hash[]> {
  if (m < 0 || m > n) throw new RangeError(`no proof from ${m} to ${n}`)
  if (m === 0 || m === n) return []
  const proof: Hash[] = []
  let from = 0
  let to = n
  let isComplete = true
  while (m < to) {
    const middle = from + splitOf(to - from)
    if (m <= middle) {
      proof.push(await rangeRoot(middle, to, source))
      to = middle
    } else {
      proof.push(await rangeRoot(from, middle, source))
      from = middle
      isComplete = false
    }
  }
  if (!isComplete) proof.push(await rangeRoot(from, to, source))
  return proof.reverse()
}

function isSame(a: Hash, b: Hash): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** Checks a consistency proof (RFC 9162 section 2.1.4.2). Strict: no hash too few or too many. */
export function verifyConsistency(given: {
  readonly oldSize: number
  readonly oldRoot: Hash
  readonly newSize: number
  readonly newRoot: Hash
  readonly proof: readonly Hash[]
}): boolean {
  const { oldSize, oldRoot, newSize, newRoot, proof } = given
  if (oldSize > newSize || oldSize < 0) return false
  if (oldSize === newSize) return proof.length === 0 && isSame(oldRoot, newRoot)
  if (oldSize === 0) return proof.length === 0 && isSame(oldRoot, emptyRoot)
  let node = oldSize - 1
  let last = newSize - 1
  while (node % 2 === 1) {
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  const hashes = node === 0 ? [oldRoot, ...proof] : [...proof]
  const first = hashes.shift()
  if (first === undefined) return false
  let oldHash = first
  let newHash = first
  for (const hash of hashes) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      oldHash = hashNode(hash, oldHash)
      newHash = hashNode(hash, newHash)
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2)
        last = Math.floor(last / 2)
      }
    } else {
      newHash = hashNode(newHash, hash)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && isSame(oldHash, oldRoot) && isSame(newHash, newRoot)
}

/** Checks an inclusion proof (RFC 9162 section 2.1.3.2). Strict: no hash too few or too many. */
export function verifyInclusion(given: {
  readonly index: number
  readonly size: number
  readonly leaf: Hash
  readonly root: Hash
  readonly proof: readonly Hash[]
}): boolean {
  const { index, size, leaf, root, proof } = given
  if (index < 0 || index >= size) return false
  let node = index
  let last = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = hashNode(sibling, hash)
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2)
        last = Math.floor(last / 2)
      }
    } else {
      hash = hashNode(hash, sibling)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && isSame(hash, root)
}

/** Reads a proof: an array of at most proofHashesMax hashes in standard base64; null when it is none. */
export function isProof(value: unknown): Hash[] | null {
  if (!Array.isArray(value) || value.length > proofHashesMax) return null
  const proof = value.map((text: unknown) => (typeof text === 'string' ? fromBase64(text, 32) : null))
  return proof.includes(null) ? null : (proof as Hash[])
}
