import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IndexDigest } from '../../../src/log/index-digest.ts'

type Row = readonly [bucket: number, log: string, index: number]

const row = fc.tuple(
  fc.maxSafeNat(),
  fc.constantFrom('a', 'b', 'c'),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
)

function digests(one: readonly Row[], other: readonly Row[]): [IndexDigest, IndexDigest] {
  const numbers = new Map<string, number>()
  const made = [new IndexDigest(numbers), new IndexDigest(numbers)] as const
  for (const each of one) made[0].add(...each)
  for (const each of other) made[1].add(...each)
  return [...made]
}

test('the same rows in any order have the same sums', () => {
  fc.assert(
    fc.property(fc.array(row), fc.func(fc.integer()), (rows, rank) => {
      const shuffled = [...rows].sort((a, b) => rank(a) - rank(b))
      const [one, other] = digests(rows, shuffled)
      expect(one.differing(other)).toEqual([])
    }),
  )
})

test('a row more, a row less and a row changed show, and in which part', () => {
  fc.assert(
    fc.property(fc.array(row), row, (rows, extra) => {
      const [one, other] = digests(rows, [...rows, extra])
      const parts = one.differing(other)
      expect(parts).toHaveLength(1)
      expect(other.add(...extra)).toBe(parts[0])
      const [bucket, log, index] = extra
      const changed: Row = [bucket, log, (index + 1) % 2 ** 32]
      const [before, after] = digests([...rows, extra], [...rows, changed])
      expect(before.differing(after)).not.toEqual([])
    }),
  )
})

test('neighbouring buckets, logs and lines do not cancel each other out', () => {
  const swapped = digests(
    [
      [1, 'a', 2],
      [2, 'a', 1],
      [2 ** 40, 'b', 7],
    ],
    [
      [1, 'a', 1],
      [2, 'a', 2],
      [2 ** 41, 'b', 7],
    ],
  )
  expect(swapped[0].differing(swapped[1]).length).toBeGreaterThan(0)
})
