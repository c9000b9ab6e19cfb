import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  aheadMs,
  isStamp,
  msOfStamp,
  nextStamp,
  stampOfMs,
  stampsPerMs,
} from '../../../src/domain/stamp.ts'

const wallMs = fc.integer({ min: 0, max: 8_000_000_000_000 })
const stamp = fc.integer({ min: 0, max: 2 ** 52 })

test('a stamp is the milliseconds times 1024, and gives them back', () => {
  expect(stampOfMs(1_790_000_000_000)).toBe(1_832_960_000_000_000)
  fc.assert(
    fc.property(wallMs, (ms) => {
      expect(msOfStamp(stampOfMs(ms))).toBe(ms)
    }),
  )
})

test('stamps of the year 2248 still fit an integer', () => {
  expect(isStamp(stampOfMs(Date.UTC(2248, 8, 1)))).toBe(true)
  expect(isStamp(stampOfMs(Date.UTC(2249, 0, 1)))).toBe(false)
})

test('fractions of a millisecond are dropped', () => {
  expect(stampOfMs(5.9)).toBe(5 * stampsPerMs)
})

test('the next stamp lies above everything written and seen, and not behind the clock', () => {
  fc.assert(
    fc.property(stamp, stamp, wallMs, (lastOwn, newestSeen, ms) => {
      const next = nextStamp({ lastOwn, newestSeen, wallMs: ms })
      expect(next).toBeGreaterThan(lastOwn)
      expect(next).toBeGreaterThan(newestSeen)
      expect(next).toBeGreaterThanOrEqual(stampOfMs(ms))
    }),
  )
})

test('stamps rise under any clock, however it jumps', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ wallMs, newestSeen: stamp })), (moments) => {
      let lastOwn = 0
      for (const moment of moments) {
        const next = nextStamp({ lastOwn, ...moment })
        expect(next).toBeGreaterThan(lastOwn)
        lastOwn = next
      }
    }),
  )
})

test('the next stamp is no higher than it must be', () => {
  expect(nextStamp({ lastOwn: 10, newestSeen: 7, wallMs: 0 })).toBe(11)
  expect(nextStamp({ lastOwn: 7, newestSeen: 10, wallMs: 0 })).toBe(11)
  expect(nextStamp({ lastOwn: 7, newestSeen: 10, wallMs: 5 })).toBe(5 * stampsPerMs)
})

test('how far a stamp lies ahead is counted in whole milliseconds', () => {
  expect(aheadMs(stampOfMs(1_000) + 1_023, 1_000)).toBe(0)
  expect(aheadMs(stampOfMs(61_000), 1_000)).toBe(60_000)
  expect(aheadMs(stampOfMs(400), 1_000)).toBe(-600)
})

test.each([0, -1, 1.5, 2 ** 53, Number.NaN, Infinity, '1', null, undefined, 1n, {}])(
  '%s is no stamp',
  (value) => {
    expect(isStamp(value)).toBe(false)
  },
)

test.each([1, 2 ** 53 - 1])('%s is a stamp', (value) => {
  expect(isStamp(value)).toBe(true)
})
