import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  done,
  expired,
  incorrect,
  notValidated,
  outcome,
  SessionCalls,
} from './api-session-calls.ts'
import { IdentitySite } from './identity-site.ts'

/** Sessions that end soon: what was proved once must be proved again. */

const site = new IdentitySite()
const calls = new SessionCalls(site)
const ttlMs = 2_000
let alice = ''

beforeAll(async () => {
  await site.start({ validation: { session_ttl: `${ttlMs}ms`, validated_ttl: `${ttlMs}ms` } })
  alice = await site.register('alice')
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
})

test('an expired session proves nothing, and asking again revives it only with a new code', async () => {
  const mxid = site.homeserver.mxid('alice')
  const address = site.mesh.address('expiry')
  const threepid = { medium: 'email', address }
  const open = await calls.begin(site.mesh.address('unused'), { as: alice })
  const session = await calls.begin(address, { as: alice })
  expect(outcome(await calls.submit(session, alice))).toEqual(done)
  expect((await calls.bind(session, mxid, alice)).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, ttlMs))
  for (const prefix of ['/v2', '/api/v1'] as const) {
    for (const ended of [open, session]) {
      expect(outcome(await calls.submit(ended, alice, {}, prefix))).toEqual(expired)
      expect(outcome(await calls.validated(ended, alice, prefix))).toEqual(expired)
      const bound = await site.post(`${prefix}/3pid/bind`, { ...ended, mxid }, alice)
      expect(outcome(bound)).toEqual(expired)
      const unbound = await site.post(`${prefix}/3pid/unbind`, { ...ended, mxid, threepid })
      expect(outcome(unbound)).toEqual([403, 'M_FORBIDDEN'])
    }
    const link = new URLSearchParams(session).toString()
    const page = await site.get(`${prefix}/validate/email/submitToken?${link}`)
    expect([page.status, page.headers['location']]).toEqual([400, undefined])
  }
  const again = await calls.begin(address, { as: alice, secret: session.client_secret })
  expect(again.sid).toBe(session.sid)
  expect(again.token).not.toBe(session.token)
  expect(outcome(await calls.validated(session, alice))).toEqual(notValidated)
  expect(outcome(await calls.bind(session, mxid, alice))).toEqual(notValidated)
  expect(outcome(await calls.submit(session, alice))).toEqual(incorrect)
  expect(outcome(await calls.submit(again, alice))).toEqual(done)
  expect((await calls.validated(again, alice)).status).toBe(200)
  const lookup = await site.get(`/api/v1/lookup?medium=email&address=${address}`)
  expect(lookup.json).toMatchObject({ mxid })
})
