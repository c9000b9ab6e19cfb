import type { Bucket } from './bucket.ts'

/**
 * A negative filter over the buckets of the lookup index (DESIGN 2.8), in memory that the writer thread and the readers
 * share: a split-block Bloom filter, eight bits of one 32-byte block per bucket. It can say "may contain" of what is
 * not there; it never says "not" of a visible row (test/unit/storage/lookup-filter.test.ts): the writer adds a bucket
 * before the commit that makes its row visible, and while the filter is being filled it answers "may" to everything.
 *
 * Only one thread may call add, publish, reset and complete.
 */
export class LookupFilter {
  readonly shared: SharedArrayBuffer
  readonly #header: Int32Array
  readonly #words: Int32Array
  readonly #blocksLog2Max: number

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.#header = new Int32Array(shared, 0, headerWords)
    this.#words = new Int32Array(shared, headerWords * 4)
    this.#blocksLog2Max = Math.log2(this.#words.length / blockWords)
  }

  /** False while it is being filled: then every bucket may be there. */
  get isComplete(): boolean {
    return (Atomics.load(this.#header, stateAt) & 1) === 1
  }

  /** Buckets added since the last reset, repetitions counted. */
  get entries(): number {
    return Atomics.load(this.#header, entriesAt)
  }

  /** So many entries that too many misses pass, and room to do better. */
  get isOverfull(): boolean {
    const blocksLog2 = Atomics.load(this.#header, blocksLog2At)
    if (blocksLog2 >= this.#blocksLog2Max) return false
    return this.entries * bitsPerEntryMin > 2 ** blocksLog2 * blockBits
  }

  mayContain(bucket: Bucket): boolean {
    const state = Atomics.load(this.#header, stateAt)
    if ((state & 1) === 0) return true
    const at = blockOf(bucket, Atomics.load(this.#header, blocksLog2At))
    for (let i = 0; i < blockWords; i++) {
      const word = Atomics.load(this.#words, at + i)
      // A reset meanwhile may have cleared the bit: the state is changed before any bit is.
      if ((word & bitOf(bucket, i)) === 0) return Atomics.load(this.#header, stateAt) !== state
    }
    return true
  }

  add(bucket: Bucket): void {
    const at = blockOf(bucket, this.#header[blocksLog2At] as number)
    const words = this.#words
    for (let i = 0; i < blockWords; i++)
      words[at + i] = (words[at + i] as number) | bitOf(bucket, i)
  }

  /** Makes what was added visible to the other threads; call it before the rows become visible. */
  publish(added: number): void {
    Atomics.add(this.#header, entriesAt, added)
  }

  /** Empties it, sized for as many entries and as many again. Until complete() it answers "may" to everything. */
  reset(entriesExpected: number): void {
    const state = Atomics.load(this.#header, stateAt)
    Atomics.store(this.#header, stateAt, (state | 1) + 1)
    const wanted = Math.ceil(Math.log2((entriesExpected * 2 * bitsPerEntry) / blockBits + 1))
    const blocksLog2 = Math.min(this.#blocksLog2Max, Math.max(wanted, blocksLog2Min))
    const usedBefore = 2 ** Atomics.load(this.#header, blocksLog2At) * blockWords
    Atomics.store(this.#header, blocksLog2At, blocksLog2)
    Atomics.store(this.#header, entriesAt, 0)
    this.#words.fill(0, 0, Math.min(usedBefore, this.#words.length))
  }

  complete(): void {
    const state = Atomics.load(this.#header, stateAt)
    Atomics.store(this.#header, stateAt, state | 1)
  }
}

/**
 * A filter for up to `capacity` entries at a good rate of misses; beyond that it still hides nothing. Memory is only
 * touched, and so only taken, as far as the entries present ask for.
 */
export function createLookupFilter({ capacity }: { readonly capacity: number }): LookupFilter {
  const wanted = Math.ceil(Math.log2((capacity * bitsPerEntry) / blockBits + 1))
  const blocksLog2 = Math.min(blocksLog2Max, Math.max(wanted, blocksLog2Min))
  return new LookupFilter(new SharedArrayBuffer(headerWords * 4 + 2 ** blocksLog2 * blockWords * 4))
}

const headerWords = 16
const stateAt = 0
const blocksLog2At = 1
const entriesAt = 2
const blockWords = 8
const blockBits = blockWords * 32
/** About 1 miss in 200 passes at 12 bits per entry, 1 in 30 at 8. */
const bitsPerEntry = 12
const bitsPerEntryMin = 8
/** 2 MiB: enough for 1.4 million entries without ever being filled anew. */
const blocksLog2Min = 16
/** The block is chosen by the bucket's upper 21 bits. */
const blocksLog2Max = 21

function blockOf(bucket: Bucket, blocksLog2: number): number {
  const upper = Math.floor(bucket / 0x100000000)
  return (upper >>> (21 - blocksLog2)) * blockWords
}

/** Odd constants: each word of the block takes another five bits out of the bucket's lower 32. */
const multipliers = Int32Array.from([
  0x647238d1, 0x6880f47d, 0x591896fd, 0x529d980f, 0x6089e6ed, 0x797f0877, 0x78b1b8a1, 0x4182e157,
])

function bitOf(bucket: Bucket, word: number): number {
  return 1 << (Math.imul(bucket | 0, multipliers[word] as number) >>> 27)
}
