import type { LogId } from '../domain/log-id.ts'

const partBits = 12
const partCount = 2 ** partBits
const sumsPerPart = 3

/**
 * Sums over the rows of a lookup index, in parts: two sets of rows in any order are the same when all sums are. That
 * guards against accidents, not against somebody who can write to the store. Bounded memory whatever the number of rows.
 */
export class IndexDigest {
  readonly #sums = new Int32Array(partCount * sumsPerPart)
  readonly #logs: Map<LogId, number>

  /** Digests that are to be compared share the numbers of logs. */
  constructor(logs: Map<LogId, number>) {
    this.#logs = logs
  }

  /** Counts a row in; answers its part. */
  add(bucket: number, log: LogId, index: number): number {
    let no = this.#logs.get(log)
    if (no === undefined) {
      no = this.#logs.size
      this.#logs.set(log, no)
    }
    const high = Math.floor(bucket / 2 ** 32)
    const a = mix(bucket ^ mix(high ^ mix(no ^ mix(index ^ 0x9e3779b9))))
    const b = mix(index ^ mix(no ^ mix(high ^ mix(bucket ^ 0x85ebca6b))))
    const part = a >>> (32 - partBits)
    const at = part * sumsPerPart
    const sums = this.#sums
    sums[at] = ((sums[at] as number) + 1) | 0
    sums[at + 1] = ((sums[at + 1] as number) + a) | 0
    sums[at + 2] = ((sums[at + 2] as number) + b) | 0
    return part
  }

  /** Parts in which the two differ. */
  differing(other: IndexDigest): number[] {
    const parts = new Set<number>()
    for (const [at, sum] of this.#sums.entries()) {
      if (sum !== other.#sums[at]) parts.add(Math.floor(at / sumsPerPart))
    }
    return [...parts]
  }
}

/** Spreads 32 bits over 32 bits. */
function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}
