import { cosign, parseNote, signCheckpoint } from '../../../src/domain/checkpoint.ts'
import { formatHeader, formatSegmentEnd } from '../../../src/domain/chunk.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import { formatVerifierKey, verifierKey } from '../../../src/domain/checkpoint.ts'
import { hashLeaf, type Hash } from '../../../src/domain/merkle-tree.ts'
import type { StoredLine, StoredLog } from '../../../src/storage/storage.ts'
import { bytes, naiveTree, type NaiveTree } from '../domain/rfc6962-definition.ts'

/** Keys of nodes: a seed from a name. */
export function keysOf(node: string): { seed: Uint8Array; publicKey: Uint8Array; vkey: string } {
  const seed = new Uint8Array(32).fill(node.length)
  seed.set(Buffer.from(node).subarray(0, 20))
  const publicKey = publicKeyFromSeed(seed)
  return { seed, publicKey, vkey: formatVerifierKey(verifierKey(node, 0x01, publicKey)) }
}

export const origin = 'paris.id.example.org'
export const log = `${origin}/site~k3vq7xmd`
const { seed, publicKey } = keysOf(origin)

/** A log in memory: lines as told, up to any size, and a store that holds so many of them. */
export class ToldLog {
  readonly #lines: readonly Uint8Array[]
  readonly #tree: NaiveTree

  /** `story` tells two logs apart from line `common` on. */
  constructor(size: number, story = 'one', common = 0) {
    this.#lines = Array.from({ length: size }, (_, i) =>
      Buffer.from(i < common ? `{"line":${i}}` : `{"line":${i},"of":"${story}"}`),
    )
    this.#tree = naiveTree((index) => this.#lines[index] ?? new Uint8Array(0))
  }

  root(size: number): Hash {
    return bytes(this.#tree.root(0, size))
  }

  note(size: number, by = seed): string {
    return signCheckpoint({ log, size, root: this.root(size) }, by, publicKeyFromSeed(by))
  }

  cosignature(size: number, name: string): string {
    const key = keysOf(name)
    const body = parseNote(this.note(size))?.body ?? ''
    return cosign({ body, name, timeS: 1_790_000_000, ...key })
  }

  stored(size: number, noteSize = size): StoredLog {
    return {
      log,
      origin,
      size,
      root: this.root(size),
      note: noteSize === 0 ? '' : this.note(noteSize),
      lastStamp: 0,
      haltedAt: null,
      blankAt: null,
      closedAt: null,
    }
  }

  async readLines({ from, countMax }: { from: number; countMax: number }): Promise<StoredLine[]> {
    return this.#lines
      .slice(from, from + countMax)
      .map((line, i): StoredLine => ({ index: from + i, bytes: line }))
  }

  async readSubtrees(
    _: string,
    wanted: readonly { readonly level: number; readonly n: number }[],
  ): Promise<Uint8Array[]> {
    return wanted.map(({ level, n }) =>
      bytes(this.#tree.root(n * 2 ** level, (n + 1) * 2 ** level)),
    )
  }

  /** A chunk of one segment up to `to`, against the head of `size` lines. */
  async *chunk(from: number, to: number, size: number): AsyncGenerator<Uint8Array> {
    yield Buffer.from(formatHeader({ log, from, checkpoint: this.note(size) }))
    for (const line of this.#lines.slice(from, to)) yield Buffer.concat([line, Buffer.from('\n')])
    const proof = to === size ? [] : this.#tree.proof(to, size).map(bytes)
    yield Buffer.from(formatSegmentEnd(to, proof))
  }

  leaf(index: number): Hash {
    return hashLeaf(this.#lines[index] ?? new Uint8Array(0))
  }
}

export const verifierKeys = [formatVerifierKey(verifierKey(origin, 0x01, publicKey))]
