import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  done,
  expired,
  incorrect,
  noSession,
  notValidated,
  outcome,
  SessionCalls,
} from './api-session-calls.ts'
import { IdentitySite, type Answer } from './identity-site.ts'

/** Validation sessions: what a code proves, what a link does, and what never begins a session. */

const site = new IdentitySite()
const calls = new SessionCalls(site)
let alice = ''
let aliceMxid = ''

beforeAll(async () => {
  await site.start({ validation: { attempts_max: 5 } })
  alice = await site.register('alice')
  aliceMxid = site.homeserver.mxid('alice')
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
})

describe.each(['/v2', '/api/v1'] as const)('in %s', (prefix) => {
  const label = prefix.replaceAll('/', '')

  test('a code that was mailed validates by POST, which answers JSON and leads nowhere', async () => {
    const address = site.mesh.address(`post-${label}`)
    const startMs = Date.now()
    const session = await calls.begin(address, {
      as: alice,
      prefix,
      nextLink: 'https://app.example/next',
    })
    expect(outcome(await calls.validated(session, alice, prefix))).toEqual(notValidated)
    expect(outcome(await calls.submit(session, alice, {}, prefix))).toEqual(done)
    const { status, json } = await calls.validated(session, alice, prefix)
    expect(status).toBe(200)
    expect(Object.keys(json).toSorted()).toEqual(['address', 'medium', 'validated_at'])
    expect(json).toMatchObject({ medium: 'email', address })
    expect(json['validated_at']).toBeGreaterThanOrEqual(startMs)
    expect(json['validated_at']).toBeLessThanOrEqual(Date.now())
  })

  test('a link validates for whoever has it, and leads where its session said', async () => {
    const address = site.mesh.address(`link-${label}`)
    const next = `https://app.example/next?a=1&b=${label}#c`
    const { sid, client_secret, token } = await calls.begin(address, {
      as: alice,
      prefix,
      nextLink: next,
    })
    const query = new URLSearchParams({ sid, client_secret, token }).toString()
    const elsewhere = '&next_link=https://evil.example/&nextLink=https://evil.example/'
    const opened = await site.get(`${prefix}/validate/email/submitToken?${query}${elsewhere}`)
    expect([opened.status, opened.headers['location']]).toEqual([302, next])
    expect(opened.headers['referrer-policy']).toBe('no-referrer')
  })

  test('wrong codes are counted, end the session, and a new code is needed then', async () => {
    const address = site.mesh.address(`guesses-${label}`)
    const session = await calls.begin(address, { as: alice, prefix })
    const guesses = Array.from({ length: 40 }, (_, i) =>
      calls.submit(session, alice, { token: `${i}` }, prefix),
    )
    const codes = (await Promise.all(guesses)).map(({ json }) => json['errcode'])
    expect(codes.filter((code) => code === 'M_TOKEN_INCORRECT')).toHaveLength(5)
    expect(outcome(await calls.submit(session, alice, {}, prefix))).toEqual(expired)
    expect(outcome(await calls.validated(session, alice, prefix))).toEqual(notValidated)
    const again = await calls.begin(address, {
      as: alice,
      prefix,
      secret: session.client_secret,
      attempt: 2,
    })
    expect(again.sid).toBe(session.sid)
    expect(again.token).not.toBe(session.token)
    expect(outcome(await calls.submit(session, alice, {}, prefix))).toEqual(incorrect)
    expect(outcome(await calls.submit(again, alice, {}, prefix))).toEqual(done)
  })

  test('the address is folded, once and for all', async () => {
    const address = site.mesh.address(`stra\u00dfe-${label}`.replace('\u00df', 'ss'))
    const secret = calls.newSecret()
    const sids = []
    for (const sent of [
      address,
      address.toUpperCase(),
      address.replace('ss', '\u00df'),
      address.replace('ss', '\u1e9e'),
    ]) {
      sids.push((await calls.ask(sent, { as: alice, prefix, secret })).json['sid'])
    }
    expect(new Set(sids).size).toBe(1)
    const wide = await calls.ask(address.replace('s', '\uff53'), { as: alice, prefix, secret })
    expect(wide.json['sid']).not.toBe(sids[0])
  })

  test('a wrong secret, another path and an unknown session look alike', async () => {
    const session = await calls.begin(site.mesh.address(`probe-${label}`), { as: alice, prefix })
    const answers = [
      await calls.submit(session, alice, { client_secret: calls.newSecret() }, prefix),
      await calls.submit(session, alice, { sid: 'never-seen' }, prefix),
      await calls.submit(session, alice, { sid: 'A'.repeat(32) }, prefix),
      await site.post(`${prefix}/validate/msisdn/submitToken`, session, alice),
      await calls.validated({ ...session, client_secret: calls.newSecret() }, alice, prefix),
      await calls.validated({ ...session, sid: 'never-seen' }, alice, prefix),
      await site.post(`${prefix}/3pid/bind`, { ...session, sid: 'x', mxid: aliceMxid }, alice),
    ]
    for (const { status, text } of answers) expect([status, text]).toEqual([404, answers[0]?.text])
    expect(outcome(answers[0] as Answer)).toEqual(noSession)
  })

  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'vbscript:x',
    ' https://app.example/',
    '\thttps://app.example/',
    '//evil.example/',
    'https:evil.example',
    'https:///evil.example',
    'https://user:pass@evil.example/',
    'https://app.example\\@evil.example/',
    'https://app.example/\r\nSet-Cookie: a=b',
    'app.example',
    `https://app.example/${'x'.repeat(3_000)}`,
    7,
    {},
  ])('next_link %j is refused', async (nextLink) => {
    const email = site.mesh.address('nobody')
    const mails = site.mailServer.mails.length
    const answer = await calls.ask(email, { as: alice, prefix, nextLink })
    expect(outcome(answer)).toEqual([400, 'M_INVALID_PARAM'])
    expect(site.mailServer.mails.length).toBe(mails)
  })

  test.each([
    'plain',
    '@people.example',
    'a@',
    'a@b@people.example',
    'Name <a@people.example>',
    'a@people.example,b@people.example',
    'a b@people.example',
    'a@people.example\r\nBcc: b@people.example',
    'a\u0000@people.example',
    `${'a'.repeat(600)}@people.example`,
    '',
  ])('the address %j is M_INVALID_EMAIL', async (email) => {
    expect(outcome(await calls.ask(email, { as: alice, prefix }))).toEqual([400, 'M_INVALID_EMAIL'])
  })

  test.each(['', 'a b', 'a\n', 'ä', '$', 'x'.repeat(256), '\u0000'])(
    'the client secret %j is refused',
    async (secret) => {
      const answer = await calls.ask(site.mesh.address('nobody'), { as: alice, prefix, secret })
      expect(outcome(answer)).toEqual([400, 'M_INVALID_PARAM'])
    },
  )

  test.each([-1, 1.5, '-1', '1.5', '', 'x', '1e3', ' 1', '0x1', null, [1], true])(
    'the attempt %j is refused',
    async (attempt) => {
      const answer = await calls.ask(site.mesh.address('nobody'), { as: alice, prefix, attempt })
      expect(outcome(answer)).toEqual([400, 'M_INVALID_PARAM'])
    },
  )
})
