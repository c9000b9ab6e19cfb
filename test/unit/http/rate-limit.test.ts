import { expect, test } from 'vitest'
import { RefusalError } from '../../../src/domain/refusal.ts'
import type { RateLimits, RateScope } from '../../../src/http/endpoint.ts'
import { clientNetwork } from '../../../src/http/client-address.ts'
import { createRateLimits, MemoryBuckets } from '../../../src/http/rate-limit.ts'
import { answerTo } from '../../../src/http/refusal-responses.ts'

const rate = { burst: 2, perSecond: 1 }
const rates = {
  client: rate,
  user: rate,
  lookup: rate,
  threepid: rate,
  homeserver: { burst: 5, perSecond: 1 },
  country: rate,
}

function start(): { limits: RateLimits; clock: { nowMs: number; monoMs: () => number } } {
  const clock = { nowMs: 0, monoMs: () => clock.nowMs }
  return { limits: createRateLimits({ rates, clock }), clock }
}

function grants(limits: RateLimits, scope: RateScope, key: string, cost?: number): boolean {
  try {
    limits.spend(scope, key, cost)
    return true
  } catch (error) {
    if (error instanceof RefusalError && error.code === 'limit-exceeded') return false
    throw error
  }
}

test('every scope and key has a bucket of its own', () => {
  const { limits, clock } = start()
  expect([1, 2, 3].map(() => grants(limits, 'user', 'a'))).toEqual([true, true, false])
  expect(grants(limits, 'user', 'b')).toBe(true)
  expect(grants(limits, 'lookup', 'a')).toBe(true)
  expect([1, 2, 3].every(() => grants(limits, 'homeserver', 'a'))).toBe(true)
  clock.nowMs = 1_000
  expect(grants(limits, 'user', 'a')).toBe(true)
  expect(grants(limits, 'user', 'a')).toBe(false)
})

test('keys named like members of a prototype are keys', () => {
  const { limits } = start()
  for (const key of ['__proto__', 'constructor', 'toString', '']) {
    expect([1, 2, 3].map(() => grants(limits, 'user', key))).toEqual([true, true, false])
  }
})

test('a refusal says in the body and the header when to come again', () => {
  const { limits } = start()
  limits.spend('threepid', 'k', 3.5)
  let answer
  try {
    limits.spend('threepid', 'k')
  } catch (error) {
    answer = answerTo(error)
  }
  expect(answer?.status).toBe(429)
  expect(JSON.parse(answer?.text ?? '')).toMatchObject({
    errcode: 'M_LIMIT_EXCEEDED',
    retry_after_ms: 2_500,
  })
  expect(answer?.headers).toEqual(['Retry-After', '3'])
  expect(answer?.text).not.toContain('"k"')
})

test('memory is bounded, and who is busy is not forgotten for those who came once', () => {
  const store = new MemoryBuckets(100)
  store.take('busy', rate, 1, 0)
  store.take('busy', rate, 1, 0)
  for (let i = 0; i < 150; i++) {
    store.take(`once ${i}`, rate, 1, 0)
    if (i % 50 === 0) expect(store.take('busy', rate, 1, 0)).toBeGreaterThan(0)
  }
  expect(store.take('busy', rate, 1, 0)).toBeGreaterThan(0)
  expect(store.size).toBeLessThanOrEqual(200)
  for (let i = 0; i < 250; i++) store.take(`later ${i}`, rate, 1, 0)
  expect(store.size).toBeLessThanOrEqual(200)
})

test('a household has one bucket: IPv4 addresses and /64 networks of IPv6', () => {
  expect(clientNetwork('192.0.2.1')).toBe('192.0.2.1')
  expect(clientNetwork('2001:db8:1:2::9')).toBe(clientNetwork('2001:db8:1:2:ffff::1'))
  expect(clientNetwork('2001:db8:1:2::9')).not.toBe(clientNetwork('2001:db8:1:3::9'))
  expect(clientNetwork('')).toBe('')
})
