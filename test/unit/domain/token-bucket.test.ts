import { expect, test } from 'vitest'
import { fullAfter, waitMs, type BucketRate } from '../../../src/domain/token-bucket.ts'

type Bucket = { fullAtMs: number }

function fullBucket(): Bucket {
  return { fullAtMs: 0 }
}

/** The wait, 0 when granted. */
function take(bucket: Bucket, taken: BucketRate, cost: number, nowMs: number): number {
  const wait = waitMs(bucket.fullAtMs, taken, nowMs)
  if (wait === 0) bucket.fullAtMs = fullAfter(bucket.fullAtMs, taken, cost, nowMs)
  return wait
}

const rate = { burst: 3, perSecond: 2 }

test('a burst is granted, then one for every part of a second that has passed', () => {
  const bucket = fullBucket()
  expect([1, 2, 3].map(() => take(bucket, rate, 1, 0))).toEqual([0, 0, 0])
  expect(take(bucket, rate, 1, 0)).toBe(500)
  expect(take(bucket, rate, 1, 499)).toBe(1)
  expect(take(bucket, rate, 1, 500)).toBe(0)
  expect(take(bucket, rate, 1, 500)).toBe(500)
})

test('a refusal takes nothing, and nobody saves up more than a burst', () => {
  const bucket = fullBucket()
  for (let i = 0; i < 3; i++) take(bucket, rate, 1, 0)
  for (let i = 0; i < 100; i++) take(bucket, rate, 1, 0)
  expect(take(bucket, rate, 1, 500)).toBe(0)
  expect([1, 2, 3, 4].map(() => take(bucket, rate, 1, 1e9) === 0)).toEqual([
    true,
    true,
    true,
    false,
  ])
})

test('what costs more than the burst is granted once and paid off after', () => {
  const bucket = fullBucket()
  expect(take(bucket, rate, 100, 0)).toBe(0)
  expect(take(bucket, rate, 1, 0)).toBe(49_000)
  expect(take(bucket, rate, 1, 48_999)).toBe(1)
  expect(take(bucket, rate, 1, 49_000)).toBe(0)
})

test('a burst below one is granted when it is full', () => {
  const slow = { burst: 0.5, perSecond: 0.5 }
  const bucket = fullBucket()
  expect(take(bucket, slow, 1, 0)).toBe(0)
  expect(take(bucket, slow, 1, 0)).toBe(2_000)
})

test('a clock that stands or goes back gives nothing away', () => {
  const bucket = fullBucket()
  for (let i = 0; i < 3; i++) take(bucket, rate, 1, 1_000)
  expect(take(bucket, rate, 1, 0)).toBeGreaterThan(0)
  expect(take(bucket, rate, 1, 0)).toBeGreaterThan(0)
})
