import { randomBytes as drawBytes, randomInt } from 'node:crypto'

/** Chance as a port: production draws from the operating system, tests from a seed. */
export interface Random {
  readonly bytes: (count: number) => Uint8Array
  /** At least 0, below 1. For jitter. */
  readonly fraction: () => number
}

const poolBytes = 4_096
let pool = new Uint8Array(0)
let poolUsed = 0

/** Small draws come from a larger one, each byte handed out once: a call to the system costs more than the bytes. */
export function randomBytes(count: number): Uint8Array {
  if (count > poolBytes / 8) return new Uint8Array(drawBytes(count))
  if (poolUsed + count > pool.length) {
    pool = new Uint8Array(drawBytes(poolBytes))
    poolUsed = 0
  }
  const drawn = pool.slice(poolUsed, poolUsed + count)
  // What was handed out does not lie about in memory.
  pool.fill(0, poolUsed, poolUsed + count)
  poolUsed += count
  return drawn
}

/** At least 0, below 1, with 48 bits. */
export function randomFraction(): number {
  const steps = 2 ** 48 - 1
  return randomInt(steps) / steps
}

export const systemRandom: Random = { bytes: randomBytes, fraction: randomFraction }
