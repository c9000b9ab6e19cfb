import { randomBytes as drawBytes, randomInt } from 'node:crypto'

/** Chance as a port: production draws from the operating system, tests from a seed. */
export interface Random {
  readonly bytes: (count: number) => Uint8Array
  /** At least 0, below 1. For jitter. */
  readonly fraction: () => number
}

export function randomBytes(count: number): Uint8Array {
  return new Uint8Array(drawBytes(count))
}

/** At least 0, below 1, with 48 bits. */
export function randomFraction(): number {
  const steps = 2 ** 48 - 1
  return randomInt(steps) / steps
}

export const systemRandom: Random = { bytes: randomBytes, fraction: randomFraction }
