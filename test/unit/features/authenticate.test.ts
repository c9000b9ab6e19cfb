import { expect, test } from 'vitest'
import { mintAccessToken } from '../../../src/domain/access-token.ts'
import { tokenMemoryMs } from '../../../src/domain/api-limits.ts'
import { Authenticator } from '../../../src/features/authentication/authenticate.ts'
import type { Account } from '../../../src/storage/storage.ts'

const secret = Buffer.alloc(32, 1)
const token = mintAccessToken(secret, Buffer.alloc(32, 2))
const alice = { mxid: '@alice:example.org', createdAtMs: 0 }

/** Searches are answered when the test says so. */
function start(): {
  authenticator: Authenticator
  searches: ((account: Account | null) => void)[]
  clock: { nowMs: number; monoMs: () => number }
} {
  const searches: ((account: Account | null) => void)[] = []
  const clock = { nowMs: 0, monoMs: () => clock.nowMs }
  const findAccount = (): Promise<Account | null> =>
    new Promise((resolve) => {
      searches.push(resolve)
    })
  return { authenticator: new Authenticator({ secret, findAccount, clock }), searches, clock }
}

test('garbage is refused at once, without a search', () => {
  const { authenticator, searches } = start()
  const forged = mintAccessToken(Buffer.alloc(32, 9), Buffer.alloc(32, 2))
  for (const wrong of ['', 'x', forged]) expect(authenticator.authenticate(wrong)).toBeNull()
  expect(searches).toEqual([])
})

test('a found token is remembered for its time and searched again after', async () => {
  const { authenticator, searches, clock } = start()
  const first = authenticator.authenticate(token)
  searches[0]?.(alice)
  expect(await first).toEqual({ mxid: alice.mxid, token, hasAcceptedTerms: true })
  clock.nowMs = tokenMemoryMs - 1
  expect(authenticator.authenticate(token)).toEqual({
    mxid: alice.mxid,
    token,
    hasAcceptedTerms: true,
  })
  clock.nowMs = tokenMemoryMs
  const again = authenticator.authenticate(token)
  searches[1]?.(null)
  expect(await again).toBeNull()
})

test('the time counts from the search, not from its answer', async () => {
  const { authenticator, searches, clock } = start()
  const slow = authenticator.authenticate(token)
  clock.nowMs = tokenMemoryMs
  searches[0]?.(alice)
  await slow
  expect(authenticator.authenticate(token)).toBeInstanceOf(Promise)
})

test('an unknown token is not remembered: it may be on its way from a sibling', async () => {
  const { authenticator, searches } = start()
  const early = authenticator.authenticate(token)
  searches[0]?.(null)
  expect(await early).toBeNull()
  const later = authenticator.authenticate(token)
  searches[1]?.(alice)
  expect(await later).toMatchObject({ mxid: alice.mxid })
})

test('a token that ends is forgotten at once, also by a search under way', async () => {
  const { authenticator, searches } = start()
  const first = authenticator.authenticate(token)
  searches[0]?.(alice)
  await first
  authenticator.forget(token)
  const second = authenticator.authenticate(token)
  expect(second).toBeInstanceOf(Promise)
  authenticator.forget(token)
  searches[1]?.(alice)
  await second
  expect(authenticator.authenticate(token)).toBeInstanceOf(Promise)
})

test('acceptance of the terms counts from the next request on, at every token of the user', async () => {
  let isAccepted = false
  const authenticator = new Authenticator({
    secret,
    findAccount: async () => alice,
    hasAcceptedTerms: async (mxid) => isAccepted && mxid === alice.mxid,
    clock: { monoMs: () => 0 },
  })
  const other = mintAccessToken(secret, Buffer.alloc(32, 3))
  for (const each of [token, other, token, other]) {
    expect(await authenticator.authenticate(each)).toMatchObject({ hasAcceptedTerms: false })
  }
  isAccepted = true
  for (const each of [token, other]) {
    expect(await authenticator.authenticate(each)).toMatchObject({ hasAcceptedTerms: true })
    expect(authenticator.authenticate(each)).toMatchObject({ token: each })
  }
})
