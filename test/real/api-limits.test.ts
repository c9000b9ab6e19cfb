import { afterEach, describe, expect, test } from 'vitest'
import { outcome } from './api-session-calls.ts'
import { IdentitySite, type Answer } from './identity-site.ts'

/** How much anybody may ask for, and what is asked of everybody first: each test a node of its own. */

let site = new IdentitySite()

afterEach(async () => {
  expect(await site.end()).toEqual([])
  site = new IdentitySite()
})

const plenty = { burst: 1_000, per_second: 1_000 }

/** One bucket is small, the others are none to speak of. */
function limits(scope: string, burst: number): object {
  const scopes = ['client', 'user', 'lookup', 'threepid', 'homeserver', 'country']
  const rates = scopes.map((name) => [name, name === scope ? { burst, per_second: 0.01 } : plenty])
  return { rate_limits: { enabled: true, ...Object.fromEntries(rates) } }
}

function expectLimited({ status, json, headers }: Answer): void {
  expect([status, json['errcode']]).toEqual([429, 'M_LIMIT_EXCEEDED'])
  const waitMs = json['retry_after_ms'] as number
  expect(Number.isInteger(waitMs) && waitMs > 0 && waitMs <= 100_000).toBe(true)
  expect(headers['retry-after']).toBe(String(Math.ceil(waitMs / 1000)))
  expect(headers['access-control-allow-origin']).toBe('*')
}

const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status)

async function inTurn(count: number, ask: (at: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let at = 0; at < count; at++) answers.push(await ask(at))
  return answers
}

test('nobody mails one address often, whatever users, secrets and spellings are used', async () => {
  await site.start(limits('threepid', 4))
  const tokens = [await site.register('alice'), await site.register('bob')]
  const victim = site.mesh.address('victim')
  const ask = (at: number): Promise<Answer> => {
    const email = at % 2 === 0 ? victim : victim.toUpperCase()
    const body = { email, client_secret: `secret-${at}`, send_attempt: at }
    const [prefix, token] = at === 3 ? ['/api/v1', undefined] : ['/v2', tokens[at % 2]]
    return site.post(`${prefix}/validate/email/requestToken`, body, token)
  }
  const answers = await inTurn(5, ask)
  expect(statuses(answers)).toEqual([200, 200, 200, 200, 429])
  expectLimited(answers[4] as Answer)
  const sender = site.homeserver.mxid('alice')
  const invitation = { medium: 'email', address: victim, room_id: '!r:x.org', sender }
  expectLimited(await site.post('/v2/store-invite', invitation, tokens[0]))
  expectLimited(await site.post('/api/v1/store-invite', invitation))
  const other = {
    email: site.mesh.address('other'),
    client_secret: 'other-secret',
    send_attempt: 1,
  }
  const path = '/v2/validate/email/requestToken'
  expect((await site.post(path, other, tokens[0])).status).toBe(200)
  await site.mailServer.mail(5)
  expect(site.mailServer.mails).toHaveLength(5)
})

test('a user is limited over all tokens and addresses, and others are not', async () => {
  await site.start(limits('user', 3))
  const alice = [await site.register('alice'), await site.register('alice')]
  const ask = (at: number, token = alice[at % 2]): Promise<Answer> =>
    site.post(
      '/v2/validate/email/requestToken',
      { email: site.mesh.address(`user-${at}`), client_secret: 'a-secret', send_attempt: 1 },
      token,
    )
  const answers = await inTurn(4, (at) => ask(at))
  expect(statuses(answers)).toEqual([200, 200, 200, 429])
  expectLimited(answers[3] as Answer)
  expect((await ask(9, await site.register('bob'))).status).toBe(200)
  expect((await site.get('/v2/account', alice[0])).status).toBe(200)
})

test('lookups in volume are limited per user, and by client where there is none', async () => {
  await site.start(limits('lookup', 3))
  const alice = await site.register('alice')
  const pepper = 'matrixrocks'
  const look = (count: number, token: string): Promise<Answer> => {
    const addresses = Array.from({ length: count }, (_, i) => `hash-${i}`)
    return site.post('/v2/lookup', { addresses, algorithm: 'sha256', pepper }, token)
  }
  expect((await look(250, alice)).status).toBe(200)
  expectLimited(await look(1, alice))
  expect((await look(1, await site.register('bob'))).status).toBe(200)
  const threepids = Array.from({ length: 250 }, () => ['email', 'x@people.example'])
  expect((await site.post('/api/v1/bulk_lookup', { threepids })).status).toBe(200)
  expectLimited(await site.get('/api/v1/lookup?medium=email&address=x@people.example'))
})

describe('the address of a client', () => {
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  const submit = (address: string): Promise<Answer> =>
    site.call(
      'GET',
      '/api/v1/validate/email/submitToken?sid=a&client_secret=b&token=c',
      from(address),
    )

  test('is taken from proxies that are trusted', async () => {
    await site.start({ ...limits('client', 2), trusted_proxies: ['127.0.0.1'] })
    const answers = [
      ...(await inTurn(3, () => submit('203.0.113.7'))),
      await submit('203.0.113.8'),
      await submit('198.51.100.1, 203.0.113.7'),
    ]
    expect(statuses(answers)).toEqual([404, 404, 429, 404, 429])
  })

  test('is taken from nobody else, however often it changes', async () => {
    await site.start(limits('client', 2))
    const answers = await inTurn(4, (at) => submit(`203.0.113.${at}`))
    expect(statuses(answers)).toEqual([404, 404, 429, 429])
    // Whoever follows a link reads a page.
    const page = answers[3] as Answer
    expect(page.headers['retry-after']).toMatch(/^\d+$/)
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    expect(page.text).toContain('try again in a minute')
    const body = { email: 'x@people.example', client_secret: 'a-secret', send_attempt: 1 }
    expectLimited(await site.post('/api/v1/validate/email/requestToken', body))
    expectLimited(await site.post('/v2/account/register', {}))
    expect((await site.get('/versions')).status).toBe(200)
  })
})

test('a homeserver vouches for so many and no more', async () => {
  await site.start(limits('homeserver', 2))
  await site.register('alice')
  await site.register('bob')
  const matrix_server_name = site.homeserver.name
  const body = { access_token: 'open-carol', matrix_server_name }
  expectLimited(await site.post('/v2/account/register', body))
})

test('terms in several languages add up, of the user and not of the token', async () => {
  const text = (name: string) => ({ name, url: `https://terms.example/${name}` })
  await site.start({
    terms: {
      policies: {
        privacy_policy: { version: '1.2', en: text('privacy-en'), fr: text('privacy-fr') },
        terms_of_service: { version: '5.0', en: text('terms-en'), fr: text('terms-fr') },
      },
    },
  })
  expect((await site.get('/v2/terms')).json).toEqual({
    policies: {
      privacy_policy: { version: '1.2', en: text('privacy-en'), fr: text('privacy-fr') },
      terms_of_service: { version: '5.0', en: text('terms-en'), fr: text('terms-fr') },
    },
  })
  const first = await site.register('alice')
  const accept = (user_accepts: unknown, token = first): Promise<Answer> =>
    site.post('/v2/terms', { user_accepts }, token)
  const notSigned = [403, 'M_TERMS_NOT_SIGNED']
  const account = async (token = first) => outcome(await site.get('/v2/account', token))
  expect(await account()).toEqual(notSigned)
  for (const urls of [
    [],
    ['https://terms.example/privacy'],
    ['https://other.example/', 'terms-fr', '__proto__'],
    ['https://terms.example/privacy-en', 'https://terms.example/privacy-fr'],
  ]) {
    expect(outcome(await accept(urls))).toEqual([200, {}])
    expect(await account()).toEqual(notSigned)
  }
  const second = await site.register('alice')
  expect(await account(second)).toEqual(notSigned)
  expect(outcome(await accept(['https://terms.example/terms-fr'], second))).toEqual([200, {}])
  const known = [200, { user_id: site.homeserver.mxid('alice') }]
  expect([
    await account(),
    await account(second),
    await account(await site.register('alice')),
  ]).toEqual([known, known, known])
  expect(await account(await site.register('bob'))).toEqual(notSigned)
  const unbind = {
    mxid: site.homeserver.mxid('carol'),
    threepid: { medium: 'email', address: 'x@people.example' },
  }
  const authorization = site.homeserver.sign(
    '/_matrix/identity/v2/3pid/unbind',
    unbind,
    'id.example.org',
  )
  expect(
    outcome(await site.call('POST', '/v2/3pid/unbind', { body: unbind, authorization })),
  ).toEqual([200, {}])
})

test('without v1 its paths are unknown, and what v2 mails leads to v2', async () => {
  await site.start({ api: { v1: false } })
  const alice = await site.register('alice')
  for (const path of [
    '',
    '/lookup?medium=email&address=x@y.z',
    '/pubkey/isvalid?public_key=x',
    '/3pid/getValidated3pid?sid=a&client_secret=b',
  ]) {
    expect(outcome(await site.get(`/api/v1${path}`))).toEqual([404, 'M_UNRECOGNIZED'])
  }
  for (const path of ['bulk_lookup', '3pid/bind', '3pid/unbind', 'store-invite', 'sign-ed25519']) {
    expect(outcome(await site.post(`/api/v1/${path}`, {}))).toEqual([404, 'M_UNRECOGNIZED'])
  }
  const { versions } = (await site.get('/versions')).json as { versions: string[] }
  expect(versions.some((version) => version.startsWith('r0'))).toBe(false)
  const session = await site.validate(alice, site.mesh.address('v2-alone'))
  expect(
    (await site.post('/v2/3pid/bind', { ...session, mxid: site.homeserver.mxid('alice') }, alice))
      .status,
  ).toBe(200)
})

test('v1 lookups and v1 binding are switched off by themselves', async () => {
  await site.start({ api: { v1_lookup: false, v1_bind: false } })
  expect(outcome(await site.get('/api/v1/lookup?medium=email&address=x@y.z'))).toEqual([
    404,
    'M_UNRECOGNIZED',
  ])
  for (const path of ['bulk_lookup', '3pid/bind']) {
    expect(outcome(await site.post(`/api/v1/${path}`, {}))).toEqual([404, 'M_UNRECOGNIZED'])
  }
  expect((await site.get('/api/v1')).status).toBe(200)
  expect(outcome(await site.post('/api/v1/validate/email/requestToken', {}))).toEqual([
    400,
    'M_MISSING_PARAMS',
  ])
  expect(outcome(await site.post('/api/v1/3pid/unbind', {}))).toEqual([400, 'M_MISSING_PARAMS'])
})
