import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintAccessToken } from '../../src/domain/access-token.ts'
import { bodyBytesMax } from '../../src/domain/api-limits.ts'
import {
  addAccount,
  aliceHash,
  ask,
  bearer,
  lookupBody,
  post,
  secret,
  sendRaw,
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
    expect((await get('/_matrix/identity/Versions')).status).toBe(404)
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

  test('an answer that cannot be written ends the connection and is told inside', async () => {
    await expect(get('/odd-header')).rejects.toThrow()
    expect(fixture.faults.at(-1)).toMatchObject({ message: 'answer not sent' })
    expect((await get(v2)).status).toBe(200)
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
    expect((await get(`${v2}/account?access_token=${token}&access_token=x`)).status).toBe(401)
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
      expect((await post(port, `${v2}/lookup`, body, {})).status).toBe(401)
    }
  })

  test('logout ends this token at once and no other, with a body or without', async () => {
    for (const body of ['', '{}', 'x']) {
      const [gone, kept] = [5, 6].map((n) => mintAccessToken(secret, Buffer.alloc(32, n)))
      addAccount(fixture, gone ?? '', '@bob:example.org')
      addAccount(fixture, kept ?? '', '@bob:example.org')
      const as = (which = ''): Record<string, string> => ({ authorization: `Bearer ${which}` })
      expect((await get(`${v2}/account`, as(gone))).status).toBe(200)
      const reply = await post(port, `${v2}/account/logout`, body, as(gone))
      expect(reply).toMatchObject({ status: 200, json: {} })
      expect((await get(`${v2}/account`, as(gone))).status).toBe(401)
      expect((await post(port, `${v2}/account/logout`, body, as(gone))).status).toBe(401)
      expect((await get(`${v2}/account`, as(kept))).status).toBe(200)
    }
  })
})

describe('bodies', () => {
  test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', ''])(
    'JSON under the content type %j is JSON',
    async (type) => {
      const headers = type === '' ? bearer : { ...bearer, 'content-type': type }
      expect((await post(port, `${v2}/lookup`, lookupBody([]), headers)).status).toBe(200)
    },
  )

  test('a body that is too large gets an answer its sender can read, announced or not', async () => {
    const large = 'x'.repeat(7 * 1024 * 1024)
    const head = `POST ${v2}/lookup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`
    const announced = `${head}Content-Length: ${large.length}\r\n\r\n${large}`
    const size = large.length.toString(16)
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${large}\r\n0\r\n\r\n`
    for (const text of [announced, chunked]) {
      const reply = await sendThenRead(port, text)
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
    expect((await post(port, `${v2}/lookup`, body)).status).toBe(200)
    expect((await post(port, `${v2}/lookup`, `${body} `)).status).toBe(413)
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

  test('a sender that goes away before its answer counts once', async () => {
    const before = fixture.requests.length
    const socket = connect(port, '127.0.0.1')
    const head = 'POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'
    await new Promise((resolve) => socket.write(head, resolve))
    expect((await get(v2)).status).toBe(200)
    socket.destroy()
    expect((await get(v2)).status).toBe(200)
    fixture.release()
    await expect.poll(() => fixture.requests.length).toBe(before + 3)
    expect((await get(v2)).status).toBe(200)
    expect(fixture.requests).toHaveLength(before + 4)
  })

  test('members named like those of every object do no harm', async () => {
    const odd = '{"addresses":["__proto__","constructor","toString"],"algorithm":"sha256"'
    const reply = await post(
      port,
      `${v2}/lookup`,
      `${odd},"pepper":"matrixrocks","__proto__":{"x":1}}`,
    )
    expect(reply).toMatchObject({ status: 200, text: '{"mappings":{}}' })
    const missing = await post(port, `${v2}/lookup`, '{"__proto__":{"addresses":[]}}')
    expect(missing.json).toMatchObject({ errcode: 'M_MISSING_PARAMS' })
    const proto = await post(
      port,
      `${v2}/account/register`,
      '{"__proto__":{"access_token":"a"}}',
      {},
    )
    expect(proto.json).toMatchObject({ errcode: 'M_MISSING_PARAMS' })
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})

/** Reads nothing until all is sent, as simple clients do. */
function sendThenRead(toPort: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(toPort, '127.0.0.1')
    let received = ''
    socket.pause()
    socket.on('data', (chunk) => (received += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve(received))
    socket.write(text, () => socket.resume())
  })
}
