import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bodyBytesMax, lookupAddressesMax } from '../../src/domain/api-limits.ts'
import {
  addAccount,
  aliceHash,
  ask,
  bearer,
  bobHash,
  lookupBody,
  siteKey,
  startFixture,
  token,
  v1,
  v2,
  type Asked,
  type PublicFixture,
} from './public-fixture.ts'

let fixture: PublicFixture
let port: number

beforeAll(async () => {
  fixture = await startFixture()
  port = fixture.server.port
  addAccount(fixture, token, '@alice:example.org')
})

afterAll(() => fixture.server.stop())

describe('both lanes', () => {
  const tooMany = Array.from({ length: lookupAddressesMax + 1 }, () => 'x')
  const good = JSON.stringify(lookupBody([aliceHash, bobHash]))
  const lookups: [string, string | Buffer, Record<string, string>][] = [
    ['a good lookup', good, bearer],
    ['no token', good, {}],
    ['a token that is garbage', good, { authorization: 'Bearer garbage' }],
    ['another scheme', good, { authorization: `Basic ${token}` }],
    ['a wrong token and a wrong body', '{', { authorization: 'Bearer x' }],
    ['no body', '', bearer],
    ['no JSON', '{', bearer],
    ['an array', '[]', bearer],
    ['null', 'null', bearer],
    ['a text', '"x"', bearer],
    ['an empty object', '{}', bearer],
    ['a key twice', '{"pepper":"a","pepper":"a"}', bearer],
    ['NaN', '{"pepper":NaN}', bearer],
    ['a byte order mark', `\ufeff${good}`, bearer],
    ['UTF-16', Buffer.from(good, 'utf16le'), bearer],
    ['a lone surrogate', '{"pepper":"\\ud800"}', bearer],
    ['depth', '['.repeat(100_000) + ']'.repeat(100_000), bearer],
    ['a stale pepper', JSON.stringify(lookupBody([], { pepper: 'old' })), bearer],
    ['another algorithm', JSON.stringify(lookupBody([], { algorithm: 'md5' })), bearer],
    ['a number as address', JSON.stringify(lookupBody([1])), bearer],
    ['an object as addresses', JSON.stringify(lookupBody({})), bearer],
    ['a number as pepper', JSON.stringify(lookupBody([], { pepper: 1 })), bearer],
    ['too many addresses', JSON.stringify(lookupBody(tooMany)), bearer],
    ['a body too large', `"${'x'.repeat(bodyBytesMax)}"`, bearer],
    ['__proto__', `{"__proto__":{"x":1},${good.slice(1)}`, bearer],
    [
      'none',
      JSON.stringify(lookupBody(['Alice@example.com email'], { algorithm: 'none' })),
      bearer,
    ],
  ]
  const key = encodeURIComponent(siteKey)
  const paths: [string, Record<string, string>][] = [
    ['/_matrix/identity/versions', {}],
    ['/_matrix/identity/versions/', {}],
    ['/_matrix/identity/Versions', {}],
    [v2, {}],
    [`${v2}/`, {}],
    [`${v2}//`, {}],
    [`${v2}?x=1`, {}],
    [v1, {}],
    [`${v2}/hash_details`, bearer],
    [`${v2}/hash_details?access_token=${token}`, {}],
    [`${v2}/hash_details?access_token=${token}&access_token=x`, {}],
    [`${v2}/hash_details`, {}],
    [`${v2}/lookup`, bearer],
    [`${v2}/pubkey/ed25519:paris`, {}],
    [`${v2}/pubkey/ed25519%3Aparis`, {}],
    [`${v2}/pubkey/ed25519:paris/`, {}],
    [`${v2}/pubkey/%zz`, {}],
    [`${v2}/pubkey/`, {}],
    [`${v2}/pubkey`, {}],
    [`${v2}/pubkey/ephemeral`, {}],
    [`${v2}/pubkey/__proto__`, {}],
    [`${v2}/pubkey/isvalid`, {}],
    [`${v2}/pubkey/isvalid?public_key=${key}`, {}],
    [`${v2}/pubkey/isvalid?public_key=${key}&public_key=${key}`, {}],
    [`${v2}/pubkey/isvalid?public_key=%zz&__proto__=1`, {}],
    [`${v2}/pubkey/ephemeral/isvalid?public_key=${key}`, {}],
    [`${v1}/pubkey/isvalid?public_key=${key}`, {}],
    ['//', {}],
    ['/', {}],
  ]
  let slow: PublicFixture

  beforeAll(async () => {
    slow = await startFixture({ hasFastLane: false })
    addAccount(slow, token, '@alice:example.org')
  })

  afterAll(() => slow.server.stop())

  async function same(path: string, asked: Asked): Promise<void> {
    const [fast, express] = await Promise.all([
      ask(port, path, asked),
      ask(slow.server.port, path, asked),
    ])
    for (const reply of [fast, express]) {
      delete reply.headers['date']
      delete reply.headers['x-request-id']
    }
    expect(fast).toEqual(express)
  }

  test.each(lookups)('answer a lookup with %s alike', async (_name, body, headers) => {
    await same(`${v2}/lookup`, { method: 'POST', headers, body })
  })

  test.each(paths)('answer %s alike, whatever the method', async (path, headers) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
      await same(path, { method, headers })
    }
    await same(path, { method: 'POST', headers, body: '{}' })
  })
})
