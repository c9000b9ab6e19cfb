/**
 * Stamps order entries: milliseconds × 1024 + counter, a hybrid logical clock (DESIGN 2.2; Kulkarni et al., "Logical
 * Physical Clocks", 2014). They fit 2^53 until the year 2248. Time never decides what is missing.
 */
export type Stamp = number

export const stampsPerMs = 1024

export function stampOfMs(wallMs: number): Stamp {
  return Math.floor(wallMs) * stampsPerMs
}

export function msOfStamp(stamp: Stamp): number {
  return Math.floor(stamp / stampsPerMs)
}

/** Above everything written or seen, and not behind the wall clock. */
export function nextStamp(known: { lastOwn: Stamp; newestSeen: Stamp; wallMs: number }): Stamp {
  return Math.max(known.lastOwn + 1, known.newestSeen + 1, stampOfMs(known.wallMs))
}

/** How far a stamp lies ahead of a wall clock, in milliseconds; negative when behind. */
export function aheadMs(stamp: Stamp, wallMs: number): number {
  return msOfStamp(stamp) - wallMs
}

export function isStamp(value: unknown): value is Stamp {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
