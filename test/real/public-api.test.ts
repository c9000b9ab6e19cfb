import { connect } from 'node:net'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintAccessToken } from '../../src/domain/access-token.ts'
import { bodyBytesMax, lookupAddressesMax } from '../../src/domain/limits.ts'
import { RefusalError } from '../../src/domain/refusal.ts'
import { createTlsKey, selfSignedCertificate } from '../../src/platform/certificate.ts'
import {
  addAccount,
  aliceHash,
  bobHash,
  secret,
  sendRaw,
  siteKey,
  startFixture,
  type PublicFixture,
} from './public-fixture.ts'

const v1 = '/_matrix/identity/api/v1'
const v2 = '/_matrix/identity/v2'
const token = mintAccessToken(secret, Buffer.alloc(32, 1))
const bearer = { authorization: `Bearer ${token}` }

type Reply = { status: number; headers: Record<string, unknown>; text: string; json: unknown }
type Asked = { method?: string; headers?: Record<string, string>; body?: string | Buffer }

async function ask(port: number, path: string, asked: Asked = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body } = asked
  const reply = await request(`http://127.0.0.1:${port}${path}`, {
    method: method as 'GET',
    headers,
    ...(body === undefined ? {} : { body }),
  })
  const text = await reply.body.text()
  const isJson = reply.headers['content-type'] === 'application/json' && text !== ''
  return {
    status: reply.statusCode,
    headers: reply.headers,
    text,
    json: isJson ? (JSON.parse(text) as unknown) : null,
  }
}

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

const post = (
  path: string,
  body: unknown,
  headers: Record<string, string> = bearer,
): Promise<Reply> =>
  ask(port, path, {
    method: 'POST',
    headers,
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  })

const lookupBody = (addresses: unknown, more: object = {}): object => ({
  addresses,
  algorithm: 'sha256',
  pepper: 'matrixrocks',
  ...more,
})

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

describe('every path', () => {
  const paths = [
    v2,
    `${v2}/account`,
    `${v2}/lookup`,
    `${v2}/pubkey/x`,
    '/nowhere',
    '/fault',
    '/%zz',
  ]

  test.each(paths)('%s has CORS headers whatever it answers', async (path) => {
    for (const method of ['GET', 'POST', 'OPTIONS', 'PATCH']) {
      const { headers } = await ask(port, path, { method, body: '' })
      expect(headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
        'access-control-allow-headers':
          'Origin, X-Requested-With, Content-Type, Accept, Authorization',
        'content-type': 'application/json',
      })
    }
  })

  test.each(paths)('%s answers OPTIONS without a token', async (path) => {
    expect((await ask(port, path, { method: 'OPTIONS' })).status).toBe(200)
  })

  test('unknown paths are 404 and wrong methods 405, both as JSON', async () => {
    expect(await get('/_matrix/identity/v3')).toMatchObject({
      status: 404,
      json: { errcode: 'M_UNRECOGNIZED', error: expect.any(String) as string },
    })
    const wrong = await ask(port, `${v2}/account/register`, { method: 'DELETE' })
    expect(wrong).toMatchObject({ status: 405, json: { errcode: 'M_UNRECOGNIZED' } })
    expect(wrong.headers['allow']).toBe('POST, OPTIONS')
  })

  test('HEAD is GET without a body', async () => {
    const head = await ask(port, '/_matrix/identity/versions', { method: 'HEAD' })
    const whole = await get('/_matrix/identity/versions')
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.headers['content-length']).toBe(whole.headers['content-length'])
  })

  test('a trailing slash is tolerated', async () => {
    for (const path of [`${v2}/`, `${v1}/`, `${v2}/pubkey/ed25519:paris/`]) {
      expect((await get(path)).status).toBe(200)
    }
    expect((await get(`${v2}/account/`, bearer)).status).toBe(200)
  })

  test('a fault says nothing outside and everything inside', async () => {
    const reply = await get('/fault', { 'x-request-id': 'abc-1' })
    expect(reply).toMatchObject({
      status: 500,
      json: { errcode: 'M_UNKNOWN', error: 'internal fault' },
    })
    expect(fixture.faults.at(-1)).toMatchObject({
      fields: { requestId: 'abc-1', route: '/fault', err: { message: /must not be shown/ } },
    })
  })

  test('a refusal is no fault, not even one with a status of 503', async () => {
    const before = fixture.faults.length
    expect(await get('/stopping')).toMatchObject({ status: 503, json: { errcode: 'M_UNKNOWN' } })
    expect(fixture.faults).toHaveLength(before)
  })

  test('a sane request id is kept, any other is replaced, and each is its own', async () => {
    const idOf = async (given: Record<string, string>): Promise<unknown> =>
      (await get(v2, given)).headers['x-request-id']
    expect(await idOf({ 'x-request-id': 'from-proxy_1.2' })).toBe('from-proxy_1.2')
    const made = [await idOf({}), await idOf({}), await idOf({ 'x-request-id': 'a b\t"' })]
    expect(new Set(made).size).toBe(3)
    expect(await idOf({ 'x-request-id': 'x'.repeat(65) })).toMatch(/^[0-9a-f]{16}-/)
  })

  test('figures name the declared path, never the one that was sent', async () => {
    await get(`${v2}/pubkey/secret-name`)
    await get('/secret-path')
    const routes = fixture.requests.slice(-2).map(({ route, status }) => [route, status])
    expect(routes).toEqual([
      [`${v2}/pubkey/:keyId`, 404],
      ['unknown', 404],
    ])
  })
})

describe('tokens', () => {
  test('the scheme word may be written in any case', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR ']) {
      const reply = await get(`${v2}/account`, { authorization: `${scheme} ${token}` })
      expect(reply.json).toEqual({ user_id: '@alice:example.org' })
    }
  })

  test('homeservers may send it in the query', async () => {
    expect((await get(`${v2}/account?access_token=${token}`)).status).toBe(200)
    expect((await get(`${v2}/account?access_token=`)).status).toBe(401)
  })

  test.each([
    ['none', ''],
    ['two headers', `Authorization: Bearer ${token}\r\nAuthorization: X-Matrix a\r\n`],
    ['the same twice', `Authorization: Bearer ${token}\r\nauthorization: Bearer ${token}\r\n`],
    ['two in one header', `Authorization: Bearer ${token}, X-Matrix a\r\n`],
    ['the scheme alone', 'Authorization: Bearer\r\n'],
    ['another scheme', 'Authorization: X-Matrix origin="a"\r\n'],
  ])('with %s the answer is 401 M_UNAUTHORIZED', async (_name, header) => {
    const text = await sendRaw(
      port,
      `GET ${v2}/account HTTP/1.1\r\nHost: a\r\n${header}Connection: close\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 401 /)
    expect(text).toContain('"errcode":"M_UNAUTHORIZED"')
  })

  test('garbage and forgeries are refused without a look at what is stored', async () => {
    const before = fixture.accounts.findCount
    const forged = mintAccessToken(Buffer.alloc(32, 9), Buffer.alloc(32, 1))
    for (const wrong of ['x', forged, `${token.slice(0, -1)}~`, token.toUpperCase()]) {
      expect((await get(`${v2}/account`, { authorization: `Bearer ${wrong}` })).status).toBe(401)
    }
    expect(fixture.accounts.findCount).toBe(before)
  })

  test('a genuine token nobody stored is refused', async () => {
    const unknown = mintAccessToken(secret, Buffer.alloc(32, 3))
    const reply = await get(`${v2}/account`, { authorization: `Bearer ${unknown}` })
    expect(reply).toMatchObject({ status: 401, json: { errcode: 'M_UNAUTHORIZED' } })
  })

  test('the token is looked at before the body', async () => {
    for (const body of ['{', '[]', 'x'.repeat(bodyBytesMax + 1)]) {
      expect((await post(`${v2}/lookup`, body, {})).status).toBe(401)
    }
  })

  test('logout ends this token at once and no other, with a body or without', async () => {
    for (const body of ['', '{}', 'x']) {
      const [gone, kept] = [5, 6].map((n) => mintAccessToken(secret, Buffer.alloc(32, n)))
      addAccount(fixture, gone ?? '', '@bob:example.org')
      addAccount(fixture, kept ?? '', '@bob:example.org')
      const as = (which = ''): Record<string, string> => ({ authorization: `Bearer ${which}` })
      expect((await get(`${v2}/account`, as(gone))).status).toBe(200)
      const reply = await post(`${v2}/account/logout`, body, as(gone))
      expect(reply).toMatchObject({ status: 200, json: {} })
      expect((await get(`${v2}/account`, as(gone))).status).toBe(401)
      expect((await post(`${v2}/account/logout`, body, as(gone))).status).toBe(401)
      expect((await get(`${v2}/account`, as(kept))).status).toBe(200)
    }
  })
})

describe('bodies', () => {
  test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', ''])(
    'JSON under the content type %j is JSON',
    async (type) => {
      const headers = type === '' ? bearer : { ...bearer, 'content-type': type }
      expect((await post(`${v2}/lookup`, lookupBody([]), headers)).status).toBe(200)
    },
  )

  test('a body that is too large gets an answer its sender can read, announced or not', async () => {
    const large = 'x'.repeat(3 * 1024 * 1024)
    const head = `POST ${v2}/lookup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`
    const announced = `${head}Content-Length: ${large.length}\r\n\r\n${large}`
    const size = large.length.toString(16)
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${large}\r\n0\r\n\r\n`
    for (const text of [announced, chunked]) {
      const reply = await sendRaw(port, text)
      expect(reply).toMatch(/^HTTP\/1\.1 413 /)
      expect(reply).toContain('"errcode":"M_TOO_LARGE"')
      expect(reply).toContain('Connection: close')
      expect(reply.match(/HTTP\/1\.1/g)).toHaveLength(1)
    }
  })

  test('a body of just the allowed size is read, in one piece or in many', async () => {
    const start = JSON.stringify(lookupBody([])).slice(0, -1)
    const body = `${start},"x":"${'y'.repeat(bodyBytesMax - start.length - 8)}"}`
    expect(body.length).toBe(bodyBytesMax)
    expect((await post(`${v2}/lookup`, body)).status).toBe(200)
    expect((await post(`${v2}/lookup`, `${body} `)).status).toBe(413)
  })

  test('a body that comes in many small pieces is put together', async () => {
    const body = JSON.stringify(lookupBody([aliceHash]))
    const head = `POST ${v2}/lookup HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`
    const text = `${head}Authorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      let received = ''
      socket.on('data', (chunk) => (received += chunk.toString()))
      socket.on('error', reject)
      socket.on('close', () => resolve(received))
      const send = (at: number): void => {
        if (at < text.length)
          socket.write(text.slice(at, at + 50), () => setImmediate(send, at + 50))
      }
      send(0)
    })
    expect(reply).toContain('"@alice:example.org"')
  })

  test('a sender that goes away in the middle of a body harms nobody', async () => {
    const before = fixture.requests.length
    const socket = connect(port, '127.0.0.1')
    const head = `POST ${v2}/lookup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`
    socket.write(`${head}Content-Length: 100\r\n\r\n{"a`, () => socket.destroy())
    await expect.poll(() => fixture.requests.length).toBe(before + 1)
    expect(fixture.requests.at(-1)?.status).toBe(499)
    expect((await get(v2)).status).toBe(200)
  })

  test('members named like those of every object do no harm', async () => {
    const odd = '{"addresses":["__proto__","constructor","toString"],"algorithm":"sha256"'
    const reply = await post(`${v2}/lookup`, `${odd},"pepper":"matrixrocks","__proto__":{"x":1}}`)
    expect(reply).toMatchObject({ status: 200, text: '{"mappings":{}}' })
    const missing = await post(`${v2}/lookup`, '{"__proto__":{"addresses":[]}}')
    expect(missing.json).toMatchObject({ errcode: 'M_MISSING_PARAMS' })
    const proto = await post(`${v2}/account/register`, '{"__proto__":{"access_token":"a"}}', {})
    expect(proto.json).toMatchObject({ errcode: 'M_MISSING_PARAMS' })
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})

describe('what is no HTTP', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n', 400],
    ['headers without end', `GET /?${'x'.repeat(30_000)} HTTP/1.1\r\n`, 431],
    [
      'two lengths',
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
    ],
  ])('%s is answered as JSON, and the connection closed', async (_name, text, status) => {
    const reply = await sendRaw(port, text)
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    const body = JSON.parse(reply.slice(reply.indexOf('\r\n\r\n'))) as object
    expect(body).toMatchObject({ errcode: /^M_/, error: /./ })
    expect(reply).toContain('Access-Control-Allow-Origin: *')
  })
})

describe('lookups', () => {
  test('hash_details names the algorithms and the pepper, for callers with a token', async () => {
    expect((await get(`${v2}/hash_details`, bearer)).json).toEqual({
      algorithms: ['sha256', 'none'],
      lookup_pepper: 'matrixrocks',
    })
  })

  test('v2 answers under the very strings that were sent', async () => {
    const hashed = await post(`${v2}/lookup`, lookupBody([aliceHash, bobHash, 'x', aliceHash]))
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
    const plain = await post(`${v2}/lookup`, lookupBody(sent, { algorithm: 'none' }))
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
      const reply = await post(`${v2}/lookup`, lookupBody([], { algorithm, pepper: 'old' }))
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
    const reply = await post(`${v2}/lookup`, lookupBody([], more))
    expect(reply).toMatchObject({ status: 400, json: { errcode } })
  })

  test('v2 takes as many addresses as it says', async () => {
    const many = Array<string>(lookupAddressesMax).fill(aliceHash)
    expect((await post(`${v2}/lookup`, lookupBody(many))).status).toBe(200)
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
    expect((await post(`${v1}/bulk_lookup`, { threepids }, {})).json).toEqual({
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
    expect(await post(`${v1}/bulk_lookup`, body, {})).toMatchObject({
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
    const reply = await post(`${v2}/account/register`, openid, {})
    const answer = reply.json as { token: string; access_token: string }
    expect(reply.status).toBe(200)
    expect(answer.access_token).toBe(answer.token)
    const again = await post(`${v2}/account/register`, openid, {})
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
    const reply = await post(`${v2}/account/register`, { ...openid, ...more }, {})
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

describe('the listener', () => {
  test('stop lets requests in flight finish and closes what idles', async () => {
    const stopping = await startFixture()
    const { port: slowPort } = stopping.server
    const agent = new Agent({ keepAliveTimeout: 60_000 })
    await (await request(`http://127.0.0.1:${slowPort}${v2}`, { dispatcher: agent })).body.dump()
    const answer = ask(slowPort, '/slow')
    await expect.poll(() => connections(slowPort)).toBe(true)
    const stopped = stopping.server.stop()
    await expect.poll(() => connections(slowPort)).toBe(false)
    stopping.release()
    const reply = await answer
    expect(reply).toMatchObject({ status: 200, text: 'at last' })
    expect(reply.headers['connection']).toBe('close')
    await stopped
    await agent.destroy()
  })

  test('a port that is taken is an error, not a silence', async () => {
    const { startHttpServer } = await import('../../src/http/server.ts')
    const options = { listen: { host: '127.0.0.1', port } }
    await expect(startHttpServer({ ...minimal, ...options })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  test('with a certificate it speaks TLS, 1.2 at least', async () => {
    const key = createTlsKey()
    const cert = await selfSignedCertificate({
      keyPem: key,
      name: 'localhost',
      nowMs: Date.now(),
      daysValid: 2,
    })
    const secure = await startFixture({ tls: { cert, key } })
    const url = `https://localhost:${secure.server.port}${v2}`
    const trusting = new Agent({ connect: { ca: cert } })
    const old = new Agent({ connect: { ca: cert, maxVersion: 'TLSv1.1' } })
    try {
      const reply = await request(url, { dispatcher: trusting })
      expect([reply.statusCode, await reply.body.text()]).toEqual([200, '{}'])
      await expect(request(url, { dispatcher: old })).rejects.toThrow()
    } finally {
      await Promise.all([trusting.destroy(), old.destroy()])
      await secure.server.stop()
    }
  })
})

const minimal = {
  endpoints: [],
  authenticate: () => null,
  isPublic: true,
  hasFastLane: false,
  trustedProxies: [],
  logger: { debug: () => {}, error: () => {} },
  clock: { monoMs: () => 0, setTimer: () => ({ cancel: () => {} }) },
  random: { bytes: (count: number) => new Uint8Array(count) },
}

function connections(toPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(toPort, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
