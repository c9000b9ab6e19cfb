import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lookupAddressesMax } from '../../src/domain/api-limits.ts'
import { RefusalError } from '../../src/domain/refusal.ts'
import {
  addAccount,
  aliceHash,
  ask,
  bearer,
  bobHash,
  lookupBody,
  post,
  siteKey,
  startFixture,
  token,
  v1,
  v2,
  type PublicFixture,
  type Reply,
} from './public-fixture.ts'

let fixture: PublicFixture
let port: number

beforeAll(async () => {
  fixture = await startFixture()
  port = fixture.server.port
  addAccount(fixture, token, '@alice:example.org')
})

afterAll(() => fixture.server.stop())

const get = (path: string, headers: Record<string, string> = {}): Promise<Reply> =>
  ask(port, path, { headers })

describe('lookups', () => {
  test('hash_details names the algorithms and the pepper, for callers with a token', async () => {
    expect((await get(`${v2}/hash_details`, bearer)).json).toEqual({
      algorithms: ['sha256', 'none'],
      lookup_pepper: 'matrixrocks',
    })
  })

  test('v2 answers under the very strings that were sent', async () => {
    const hashed = await post(
      port,
      `${v2}/lookup`,
      lookupBody([aliceHash, bobHash, 'x', aliceHash]),
    )
    expect(hashed.text).toBe(`{"mappings":{"${aliceHash}":"@alice:example.org"}}`)
    const sent = [
      'ALICE@example.com email',
      'Strauß@example.com email',
      '+18005552067 msisdn',
      'nobody@example.com email',
      'a b@example.com email',
      'email',
      '',
      ' ',
      '__proto__ email',
    ]
    const plain = await post(port, `${v2}/lookup`, lookupBody(sent, { algorithm: 'none' }))
    expect(plain.json).toEqual({
      mappings: {
        'ALICE@example.com email': '@alice:example.org',
        'Strauß@example.com email': '@strauss:example.org',
        '+18005552067 msisdn': '@carl:example.org',
      },
    })
  })

  test('a stale pepper is told the one in force, for both algorithms', async () => {
    for (const algorithm of ['sha256', 'none']) {
      const reply = await post(port, `${v2}/lookup`, lookupBody([], { algorithm, pepper: 'old' }))
      expect(reply).toMatchObject({
        status: 400,
        json: { errcode: 'M_INVALID_PEPPER', algorithm, lookup_pepper: 'matrixrocks' },
      })
    }
  })

  test.each([
    [{ algorithm: 'sha512' }, 'M_INVALID_PARAM'],
    [{ algorithm: 5 }, 'M_INVALID_PARAM'],
    [{ addresses: 'x' }, 'M_INVALID_PARAM'],
    [{ addresses: [null] }, 'M_INVALID_PARAM'],
    [{ pepper: undefined }, 'M_MISSING_PARAMS'],
    [{ addresses: undefined }, 'M_MISSING_PARAMS'],
    [{ addresses: Array(lookupAddressesMax + 1).fill('x') }, 'M_TOO_LARGE'],
  ])('v2 refuses %j', async (more, errcode) => {
    const reply = await post(port, `${v2}/lookup`, lookupBody([], more))
    expect(reply).toMatchObject({ status: 400, json: { errcode } })
  })

  test('v2 takes as many addresses as it says', async () => {
    const many = Array<string>(lookupAddressesMax).fill(aliceHash)
    expect((await post(port, `${v2}/lookup`, lookupBody(many))).status).toBe(200)
  })

  test('v1 answers the signed association, or an empty object', async () => {
    const found = await get(`${v1}/lookup?medium=email&address=ALICE%40example.com`)
    expect(found.json).toEqual({
      medium: 'email',
      address: 'alice@example.com',
      mxid: '@alice:example.org',
      ts: 1,
      not_before: 0,
      not_after: 9,
      signatures: { 'id.example.org': { 'ed25519:paris': 'c2ln' } },
    })
    for (const query of [
      'medium=email&address=x%40y',
      'medium=fax&address=1',
      'medium=&address=',
    ]) {
      expect(await get(`${v1}/lookup?${query}`)).toMatchObject({ status: 200, text: '{}' })
    }
    expect((await get(`${v1}/lookup?medium=email`)).json).toMatchObject({
      errcode: 'M_MISSING_PARAMS',
    })
    expect((await get(`${v1}/lookup?medium=email&address=a&address=b`)).json).toMatchObject({
      errcode: 'M_INVALID_PARAM',
    })
  })

  test('v1 answers many at once, as they were sent, leaving out the unbound', async () => {
    const threepids = [
      ['email', 'nobody@example.com'],
      ['email', 'Alice@Example.com'],
      ['fax', '12345'],
      ['msisdn', '18005552067'],
    ]
    expect((await post(port, `${v1}/bulk_lookup`, { threepids }, {})).json).toEqual({
      threepids: [
        ['email', 'Alice@Example.com', '@alice:example.org'],
        ['msisdn', '18005552067', '@carl:example.org'],
      ],
    })
  })

  test.each([
    [{}, 'M_MISSING_PARAMS'],
    [{ threepids: {} }, 'M_INVALID_PARAM'],
    [{ threepids: [['email']] }, 'M_INVALID_PARAM'],
    [{ threepids: [['email', 'a', 'b']] }, 'M_INVALID_PARAM'],
    [{ threepids: [['email', null]] }, 'M_INVALID_PARAM'],
    [{ threepids: Array(10_001).fill(['email', 'a']) }, 'M_TOO_LARGE'],
  ])('bulk_lookup refuses %j', async (body, errcode) => {
    expect(await post(port, `${v1}/bulk_lookup`, body, {})).toMatchObject({
      status: 400,
      json: { errcode },
    })
  })
})

describe('keys and versions', () => {
  test.each([v1, v2])('the keys under %s', async (prefix) => {
    expect((await get(`${prefix}/pubkey/ed25519:paris`)).json).toEqual({ public_key: siteKey })
    expect(await get(`${prefix}/pubkey/ed25519:nope`)).toMatchObject({
      status: 404,
      json: { errcode: 'M_NOT_FOUND' },
    })
    const valid = async (path: string, key: string): Promise<unknown> =>
      (await get(`${prefix}/pubkey/${path}?public_key=${key}`)).json
    const urlSafe = siteKey.replaceAll('+', '-').replaceAll('/', '_')
    for (const key of [encodeURIComponent(siteKey), siteKey, urlSafe, `${urlSafe}=`]) {
      expect(await valid('isvalid', key)).toEqual({ valid: true })
    }
    for (const key of [urlSafe.slice(1), `A${urlSafe.slice(1)}`, '', '%00', 'x']) {
      expect(await valid('isvalid', key)).toEqual({ valid: false })
    }
    expect(await valid('ephemeral/isvalid', urlSafe)).toEqual({ valid: false })
    expect((await get(`${prefix}/pubkey/ephemeral/isvalid`)).json).toMatchObject({
      errcode: 'M_MISSING_PARAMS',
    })
  })

  test('without v1 its paths are unknown and its versions not listed', async () => {
    const without = await startFixture({ isV1Served: false })
    try {
      for (const path of [v1, `${v1}/`, `${v1}/lookup`, `${v1}/pubkey/ed25519:paris`]) {
        const reply = await ask(without.server.port, path)
        expect(reply).toMatchObject({ status: 404, json: { errcode: 'M_UNRECOGNIZED' } })
      }
      const { json } = await ask(without.server.port, '/_matrix/identity/versions')
      const { versions } = json as { versions: string[] }
      expect(versions).toContain('v1.1')
      expect(versions.filter((version) => version.startsWith('r'))).toEqual([])
    } finally {
      await without.server.stop()
    }
  })
})

describe('register', () => {
  const openid = {
    access_token: 'opaque',
    token_type: 'Bearer',
    matrix_server_name: 'example.org',
    expires_in: 3600,
  }

  test('a token a homeserver vouches for becomes one of ours, under both names', async () => {
    const reply = await post(port, `${v2}/account/register`, openid, {})
    const answer = reply.json as { token: string; access_token: string }
    expect(reply.status).toBe(200)
    expect(answer.access_token).toBe(answer.token)
    const again = await post(port, `${v2}/account/register`, openid, {})
    expect((again.json as { token: string }).token).not.toBe(answer.token)
    const account = await get(`${v2}/account`, { authorization: `Bearer ${answer.token}` })
    expect(account.json).toEqual({ user_id: '@alice:example.org' })
  })

  test.each([
    [{ matrix_server_name: undefined }, 400, 'M_MISSING_PARAMS'],
    [{ access_token: undefined }, 400, 'M_MISSING_PARAMS'],
    [{ access_token: '' }, 400, 'M_INVALID_PARAM'],
    [{ access_token: 5 }, 400, 'M_INVALID_PARAM'],
    [{ matrix_server_name: null }, 400, 'M_INVALID_PARAM'],
    [{ matrix_server_name: 'a/b' }, 400, 'M_INVALID_PARAM'],
    [{ matrix_server_name: 'elsewhere.example' }, 403, 'M_UNAUTHORIZED'],
    [{ matrix_server_name: 'notexample.org' }, 403, 'M_UNAUTHORIZED'],
  ])('register refuses %j', async (more, status, errcode) => {
    const reply = await post(port, `${v2}/account/register`, { ...openid, ...more }, {})
    expect(reply).toMatchObject({ status, json: { errcode } })
  })

  test.each([
    ['homeserver-refused', 401, 'M_UNAUTHORIZED'],
    ['homeserver-unreachable', 502, 'M_UNKNOWN'],
  ] as const)('nobody gets a token when it ends with %s', async (code, status, errcode) => {
    const vouch = (): Promise<string> => Promise.reject(new RefusalError(code, 'no'))
    const refusing = await startFixture({ vouch })
    try {
      const reply = await ask(refusing.server.port, `${v2}/account/register`, {
        method: 'POST',
        body: JSON.stringify(openid),
      })
      expect(reply).toMatchObject({ status, json: { errcode } })
      expect(refusing.accounts.byHash.size).toBe(0)
    } finally {
      await refusing.server.stop()
    }
  })
})
