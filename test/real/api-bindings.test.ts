import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromAnyBase64 } from '../../src/domain/base64.ts'
import { formatLookupHash, lookupHash } from '../../src/domain/lookup-hash.ts'
import { verifySignedJson } from '../../src/domain/matrix-json.ts'
import { done, noSession, outcome, SessionCalls } from './api-session-calls.ts'
import { IdentitySite, linkIn, type Answer } from './identity-site.ts'
import { until } from './mesh-parties.ts'

/** Binding, finding and letting go, in both versions of the API, and who may do so. */

const site = new IdentitySite()
const calls = new SessionCalls(site)
const tokens = new Map<string, string>()
const pepper = 'matrixrocks'

beforeAll(async () => {
  await site.start()
  for (const user of ['alice', 'bob']) tokens.set(user, await site.register(user))
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
})

const tokenOf = (user: string): string => tokens.get(user) ?? ''
const mxidOf = (user: string): string => site.homeserver.mxid(user)

async function proven(user: string, address: string) {
  const session = await calls.begin(address, { as: tokenOf(user) })
  expect(outcome(await calls.submit(session, tokenOf(user)))).toEqual(done)
  return session
}

function hashOf(address: string): string {
  return formatLookupHash(lookupHash({ medium: 'email', address }, pepper))
}

async function look(addresses: string[], algorithm = 'sha256'): Promise<unknown> {
  const body = { addresses, algorithm, pepper }
  return (await site.post('/v2/lookup', body, tokenOf('bob'))).json['mappings']
}

/** Whom each kind of lookup finds. */
async function foundBy(address: string): Promise<unknown[]> {
  const hash = hashOf(address)
  const threepids = [['email', address]]
  const [bulk] = ((await site.post('/api/v1/bulk_lookup', { threepids })).json['threepids'] ??
    []) as string[][]
  const plain = `${address} email`
  return [
    ((await look([hash])) as Record<string, string>)[hash],
    ((await look([plain], 'none')) as Record<string, string>)[plain],
    (await site.get(`/api/v1/lookup?medium=email&address=${address}`)).json['mxid'],
    bulk?.[2],
  ]
}

function unbind(sent: object, prefix = '/v2'): Promise<Answer> {
  return site.post(`${prefix}/3pid/unbind`, sent, tokenOf('alice'))
}

const associationMembers = [
  'address',
  'medium',
  'mxid',
  'not_after',
  'not_before',
  'signatures',
  'ts',
]
const all = (mxid: string | undefined): unknown[] => [mxid, mxid, mxid, mxid]

test('a binding is a signed association that every lookup finds, and its homeserver hears of', async () => {
  const address = site.mesh.address('signed')
  const session = await proven('alice', address)
  const startMs = Date.now()
  const bound = await calls.bind(session, mxidOf('alice'), tokenOf('alice'))
  expect(bound.status).toBe(200)
  expect(Object.keys(bound.json).toSorted()).toEqual(associationMembers)
  const { ts, not_before: from, not_after: to } = bound.json as Record<string, number>
  expect([from, Number.isInteger(ts), Number.isInteger(to)]).toEqual([ts, true, true])
  expect(ts).toBeGreaterThanOrEqual(startMs)
  expect(to).toBeGreaterThan(Date.now() + 3_600_000)
  expect(bound.json).toMatchObject({ medium: 'email', address, mxid: mxidOf('alice') })
  const [[keyId]] = Object.entries(
    (bound.json['signatures'] as Record<string, object>)['id.example.org'] ?? {},
  ) as [[string, string]]
  for (const prefix of ['/v2', '/api/v1']) {
    const key = (await site.get(`${prefix}/pubkey/${keyId}`)).json['public_key']
    const raw = fromAnyBase64(String(key)) ?? new Uint8Array(0)
    expect(verifySignedJson(bound.json, 'id.example.org', keyId, raw)).toBe(true)
    for (const text of [
      key,
      `${String(key)}=`,
      String(key).replaceAll('/', '_').replaceAll('+', '-'),
    ]) {
      const asked = await site.get(
        `${prefix}/pubkey/isvalid?public_key=${encodeURIComponent(String(text))}`,
      )
      expect(asked.json).toEqual({ valid: true })
    }
  }
  const lookup = await site.get(`/api/v1/lookup?medium=email&address=${address}`)
  expect(lookup.json).toEqual(bound.json)
  expect(await foundBy(address)).toEqual(all(mxidOf('alice')))
  await until('onbind', () => site.homeserver.told.length > 0, 10_000)
  const told = site.homeserver.told.find(({ body }) => body['address'] === address)
  expect(told?.body).toEqual({ ...bound.json, invites: [] })
})

test('lookups answer under the very strings that were sent, and for nothing else', async () => {
  const address = site.mesh.address('strings')
  await calls.bind(await proven('alice', address), mxidOf('alice'), tokenOf('alice'))
  const upper = `${address.toUpperCase()} email`
  const sent = [
    `${address} email`,
    upper,
    `${address} msisdn`,
    address,
    '__proto__ email',
    'x',
    '',
    ' ',
  ]
  expect(await look(sent, 'none')).toEqual({
    [sent[0] ?? '']: mxidOf('alice'),
    [upper]: mxidOf('alice'),
  })
  const hash = hashOf(address)
  expect(
    await look([hash, hash, '__proto__', 'constructor', '', `${hash}=`, 'x'.repeat(9_000)]),
  ).toEqual({
    [hash]: mxidOf('alice'),
  })
})

test.each<[string, object, number, string]>([
  ['a stale pepper', { pepper: 'old' }, 400, 'M_INVALID_PEPPER'],
  ['an unknown algorithm', { algorithm: 'md5' }, 400, 'M_INVALID_PARAM'],
  ['too many addresses', { addresses: Array.from({ length: 10_001 }, String) }, 400, 'M_TOO_LARGE'],
  ['a number among the addresses', { addresses: [1] }, 400, 'M_INVALID_PARAM'],
])('a lookup with %s is refused', async (_name, changes, status, errcode) => {
  const body = { addresses: [], algorithm: 'sha256', pepper, ...changes }
  const { json, status: got } = await site.post('/v2/lookup', body, tokenOf('alice'))
  expect([got, json['errcode']]).toEqual([status, errcode])
  if (errcode === 'M_INVALID_PEPPER')
    expect(json).toMatchObject({ algorithm: 'sha256', lookup_pepper: pepper })
})

describe('whose an address is', () => {
  test('users with the same secret have a session each, with mail and code of its own', async () => {
    const address = site.mesh.address('shared')
    const secret = calls.newSecret()
    const first = await calls.begin(address, { as: tokenOf('alice'), secret })
    const second = await calls.begin(address, { as: tokenOf('bob'), secret })
    expect([first.sid, first.token]).not.toEqual([second.sid, second.token])
    expect((await calls.submit({ ...first, token: second.token }, tokenOf('bob'))).status).toBe(400)
    expect(outcome(await calls.submit(second, tokenOf('bob')))).toEqual(done)
    expect((await calls.validated(first, tokenOf('alice'))).json['errcode']).toBe(
      'M_SESSION_NOT_VALIDATED',
    )
  })

  test('a code proves no other session, not even of the same address', async () => {
    const address = site.mesh.address('codes')
    const as = tokenOf('alice')
    const first = await calls.begin(address, { as })
    const second = await calls.begin(address, { as })
    const other = await calls.begin(site.mesh.address('other-codes'), { as })
    for (const { token } of [second, other]) {
      expect((await calls.submit({ ...first, token }, as)).json['errcode']).toBe(
        'M_TOKEN_INCORRECT',
      )
    }
    expect(outcome(await calls.submit(first, as))).toEqual(done)
    expect((await calls.validated(second, as)).json['errcode']).toBe('M_SESSION_NOT_VALIDATED')
  })

  test('v2 binds to the own Matrix ID alone, whatever its spelling', async () => {
    const address = site.mesh.address('own')
    const session = await proven('alice', address)
    const own = mxidOf('alice')
    for (const mxid of [mxidOf('bob'), own.toUpperCase(), `${own}.evil.example`]) {
      const answer = await calls.bind(session, mxid, tokenOf('alice'))
      expect([answer.status, answer.json['errcode']]).toSatisfy(
        ([status, errcode]: unknown[]) =>
          (status === 403 && errcode === 'M_UNAUTHORIZED') || errcode === 'M_INVALID_PARAM',
      )
    }
    for (const mxid of [
      '',
      'alice',
      '@:x.org',
      '@a:',
      '@a:b:c:d',
      '@a\u0000:x.org',
      `@${'a'.repeat(300)}:x.org`,
    ]) {
      const answer = await calls.bind(session, mxid, tokenOf('alice'))
      expect(outcome(answer)).toEqual([400, 'M_INVALID_PARAM'])
    }
    expect(await foundBy(address)).toEqual(all(undefined))
  })

  test('v1 binds to any Matrix ID, by form too, and a later binding takes the place of the earlier', async () => {
    const address = site.mesh.address('moved')
    const session = await proven('alice', address)
    const { sid, client_secret } = session
    const form = new URLSearchParams({ sid, client_secret, mxid: mxidOf('zoe') }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const first = await site.call('POST', '/api/v1/3pid/bind', { body: form, headers })
    expect(first.json).toMatchObject({ address, mxid: mxidOf('zoe') })
    expect(await foundBy(address)).toEqual(all(mxidOf('zoe')))
    await calls.bind(session, mxidOf('alice'), tokenOf('alice'))
    expect(await foundBy(address)).toEqual(all(mxidOf('alice')))
  })

  test('a user without the secret of a session can do nothing with it', async () => {
    const session = await proven('alice', site.mesh.address('stolen'))
    const stolen = { ...session, client_secret: calls.newSecret() }
    expect(outcome(await calls.bind(stolen, mxidOf('bob'), tokenOf('bob')))).toEqual(noSession)
    expect(outcome(await calls.validated(stolen, tokenOf('bob')))).toEqual(noSession)
  })
})

describe('letting go', () => {
  test('takes a session of this very address, in both versions, as often as one likes', async () => {
    const address = site.mesh.address('freed')
    const mxid = mxidOf('alice')
    const session = await proven('alice', address)
    const { sid, client_secret } = session
    const other = await proven('alice', site.mesh.address('freed-other'))
    const open = await calls.begin(address, { as: tokenOf('alice') })
    const threepid = { medium: 'email', address }
    for (const prefix of ['/v2', '/api/v1']) {
      expect((await calls.bind(session, mxid, tokenOf('alice'))).status).toBe(200)
      const refused: object[] = [
        {},
        { sid },
        { client_secret },
        { sid, client_secret: calls.newSecret() },
        { sid: other.sid, client_secret: other.client_secret },
        { sid: open.sid, client_secret: open.client_secret },
      ]
      for (const proof of refused) {
        expect(outcome(await unbind({ mxid, threepid, ...proof }, prefix))).toEqual([
          403,
          'M_FORBIDDEN',
        ])
      }
      expect(await foundBy(address)).toEqual(all(mxid))
      const written = { medium: 'email', address: address.toUpperCase() }
      for (const sent of [written, threepid]) {
        const answer = await unbind({ mxid, threepid: sent, sid, client_secret }, prefix)
        expect(outcome(answer)).toEqual([200, {}])
      }
      expect(await foundBy(address)).toEqual(all(undefined))
    }
  })

  test.each<[unknown, string]>([
    [{ medium: 'email' }, 'M_MISSING_PARAMS'],
    [{ address: 'x@people.example' }, 'M_MISSING_PARAMS'],
    [{ medium: 'email', address: 7 }, 'M_INVALID_PARAM'],
    [{ medium: 'carrier-pigeon', address: 'x' }, 'M_INVALID_PARAM'],
    [{ medium: 'email', address: 'x' }, 'M_INVALID_PARAM'],
    [{ medium: 'email', address: 'x\u0000@people.example' }, 'M_INVALID_PARAM'],
    [[['email', 'x@people.example']], 'M_INVALID_PARAM'],
    ['email', 'M_INVALID_PARAM'],
  ])('of %j is refused', async (threepid, errcode) => {
    const answer = await unbind({ mxid: mxidOf('alice'), threepid, sid: 'a', client_secret: 'b' })
    expect(outcome(answer)).toEqual([400, errcode])
  })
})

test('attempts count as numbers however they are written, and a lower one sends nothing', async () => {
  const address = site.mesh.address('attempts')
  const as = tokenOf('alice')
  const secret = calls.newSecret()
  const first = await calls.begin(address, { as, secret, attempt: '3' })
  const mails = site.mailServer.mails.length
  for (const attempt of [3, '3', 2, 0, '0003']) {
    expect((await calls.ask(address, { as, secret, attempt })).json).toEqual({ sid: first.sid })
  }
  const again = await calls.begin(address.toUpperCase(), { as, secret, attempt: 10 })
  expect(again).toEqual(first)
  await calls.submit(first, as)
  // Also once it is validated: whoever asks for a mail gets it.
  expect(await calls.begin(address, { as, secret, attempt: '11' })).toEqual(first)
  expect(site.mailServer.mails.length).toBe(mails + 2)
  expect(linkIn(await site.mailServer.mail(mails + 1)).searchParams.get('token')).toBe(first.token)
})
