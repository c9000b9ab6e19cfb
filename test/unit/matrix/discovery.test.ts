import fc from 'fast-check'
import { expect, test } from 'vitest'
import { orderSrv } from '../../../src/matrix/discovery.ts'
import type { SrvRecord } from '../../../src/platform/name-resolver.ts'

function record(name: string, priority: number, weight: number): SrvRecord {
  return { name, port: 8448, priority, weight }
}

const names = (records: readonly SrvRecord[]): string[] => records.map(({ name }) => name)

test('lower priorities come first, whatever chance says', () => {
  const records = [record('c', 20, 100), record('a', 0, 0), record('b', 10, 1)]
  for (const chance of [0, 0.5, 0.999]) {
    expect(names(orderSrv(records, () => chance))).toEqual(['a', 'b', 'c'])
  }
})

test('within a priority the weights share out the first place', () => {
  const records = [record('light', 1, 1), record('heavy', 1, 3), record('none', 1, 0)]
  const first = (chance: number): string | undefined => names(orderSrv(records, () => chance))[0]
  expect([0, 0.2499, 0.25, 0.5, 0.999].map(first)).toEqual([
    'light',
    'light',
    'heavy',
    'heavy',
    'heavy',
  ])
})

test('records without weight keep their order of arrival', () => {
  const records = [record('a', 1, 0), record('b', 1, 0)]
  expect(names(orderSrv(records, () => 0.9))).toEqual(['a', 'b'])
})

test('every record stands in the order once', () => {
  const records = fc.array(
    fc.record({
      name: fc.uuid(),
      port: fc.constant(1),
      priority: fc.nat(3),
      weight: fc.nat(65_535),
    }),
  )
  fc.assert(
    fc.property(records, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (given, chance) => {
      const ordered = orderSrv(given, () => chance)
      expect(names(ordered).sort()).toEqual(names(given).sort())
      const priorities = ordered.map(({ priority }) => priority)
      expect(priorities).toEqual([...priorities].sort((a, b) => a - b))
    }),
  )
})
