import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLookupFilter, LookupFilter } from '../../../src/storage/sqlite/lookup-filter.ts'

const bucket = fc.maxSafeNat()

test('a filter that is not complete may contain everything', () => {
  const filter = createLookupFilter({ capacity: 10 })
  filter.reset(10)
  expect(filter.isComplete).toBe(false)
  expect([0, 1, 2 ** 53 - 1].every((some) => filter.mayContain(some))).toBe(true)
})

test('a complete filter never denies what was added, on either side of the shared memory', () => {
  fc.assert(
    fc.property(fc.array(bucket, { maxLength: 200 }), fc.array(bucket), (added, later) => {
      const filter = createLookupFilter({ capacity: 1000 })
      const reader = new LookupFilter(filter.shared)
      filter.reset(added.length)
      for (const some of added) filter.add(some)
      filter.publish(added.length)
      filter.complete()
      for (const some of later) filter.add(some)
      expect(reader.isComplete).toBe(true)
      expect(reader.entries).toBe(added.length)
      for (const some of [...added, ...later]) expect(reader.mayContain(some)).toBe(true)
    }),
  )
})

test('most of what was not added is denied, and a reset forgets what was', () => {
  const filter = createLookupFilter({ capacity: 200_000 })
  filter.reset(0)
  for (let i = 0; i < 100_000; i++) filter.add(spread(i))
  filter.complete()
  let passed = 0
  for (let i = 100_000; i < 200_000; i++) if (filter.mayContain(spread(i))) passed++
  expect(passed).toBeLessThan(500)
  filter.reset(0)
  filter.complete()
  for (let i = 0; i < 1000; i++) expect(filter.mayContain(spread(i))).toBe(false)
})

test('a filter that was emptied meanwhile denies nothing on old bits', () => {
  const filter = createLookupFilter({ capacity: 10 })
  filter.reset(0)
  filter.complete()
  filter.reset(0)
  expect(filter.mayContain(7)).toBe(true)
  filter.complete()
  expect(filter.mayContain(7)).toBe(false)
})

test('it is overfull only while it could be made larger, and is larger after a reset', () => {
  const filter = createLookupFilter({ capacity: 4_000_000 })
  filter.reset(0)
  filter.publish(3_000_000)
  expect(filter.isOverfull).toBe(true)
  filter.reset(3_000_000)
  filter.publish(3_000_000)
  expect(filter.isOverfull).toBe(false)
  filter.publish(1e9)
  expect(filter.isOverfull).toBe(false)
})

function spread(i: number): number {
  return Number((BigInt(i + 1) * 0x9e3779b97f4a7c15n) & ((1n << 53n) - 1n))
}
