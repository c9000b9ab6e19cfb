/** Something that is used up at once and fills again: `burst` at most, `perSecond` back. */
export type BucketRate = { readonly burst: number; readonly perSecond: number }

/**
 * How long until `rate` grants something of a bucket that will be full at `fullAtMs`; 0 when it does now. One that is
 * full, or was never asked, is `fullAtMs` 0.
 */
export function waitMs(fullAtMs: number, { burst, perSecond }: BucketRate, nowMs: number): number {
  // A burst below one would never hold a whole one.
  const spareMs = ((burst - Math.min(1, burst)) / perSecond) * 1000
  return Math.max(0, Math.ceil(fullAtMs - spareMs - nowMs))
}

/**
 * When a bucket will be full again after `cost` was taken now. What costs more than is left is taken on credit: a
 * request dearer than the whole burst would otherwise never be granted.
 */
export function fullAfter(
  fullAtMs: number,
  { perSecond }: BucketRate,
  cost: number,
  nowMs: number,
): number {
  return Math.max(fullAtMs, nowMs) + (cost / perSecond) * 1000
}
