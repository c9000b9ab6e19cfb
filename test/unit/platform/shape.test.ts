import { expect, test } from 'vitest'
import { formatPath, readShape, z } from '../../../src/platform/shape.ts'

test('a value that does not fit is answered with every problem and its place, never with its text', () => {
  const shape = z.strictObject({
    a: z.string(),
    b: z.array(z.strictObject({ c: z.int() })),
    d: z.enum(['x', 'y']),
  })
  const reading = readShape(shape, { b: [{ c: 'hush' }, { c: 1, e: 2 }], d: 'hush' })
  const problems = reading.ok ? [] : reading.problems
  expect(
    problems.map(({ path, kind, message, keys }) => [formatPath(path), kind, message, ...keys]),
  ).toEqual([
    ['a', 'missing', 'is missing'],
    ['b[0].c', 'invalid', 'expected a number, got text'],
    ['b[1]', 'unknown-keys', 'unknown key', 'e'],
    ['d', 'invalid', 'expected one of x, y, got text'],
  ])
})

test('defaults are filled in', () => {
  expect(readShape(z.object({ a: z.string().default('b') }), {})).toEqual({
    ok: true,
    value: { a: 'b' },
  })
})
