import { expect, test } from 'vitest'
import { randomBytes } from '../../../src/platform/random.ts'

test('no byte is handed out twice, and each draw is a memory of its own', () => {
  const draws = Array.from({ length: 2_000 }, () => randomBytes(16))
  expect(new Set(draws.map((draw) => Buffer.from(draw).toString('hex'))).size).toBe(2_000)
  expect(draws.every((draw) => draw.length === 16 && draw.buffer.byteLength === 16)).toBe(true)
})

test.each([0, 1, 511, 512, 513, 4_096, 10_000])('%d bytes are drawn when asked for', (count) => {
  const drawn = randomBytes(count)
  expect(drawn).toHaveLength(count)
  if (count > 100) expect(new Set(drawn).size).toBeGreaterThan(50)
})
