import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nameOf, operationsOf, queryOf, v2, type Operation } from './api-operations.ts'
import { IdentitySite, type Answer } from './identity-site.ts'
import { SmsProvider } from './sms-server.ts'

/** Every operation from the outside: who is let in, what any answer looks like, and what no path does. */

const site = new IdentitySite()
const provider = new SmsProvider()
let token = ''
const policies = { privacy: { version: '1', en: { name: 'Privacy', url: 'https://t.example/p' } } }

beforeAll(async () => {
  await provider.start()
  await site.start({
    sms: { provider: 'http', http: { url: `http://127.0.0.1:${provider.port}/sms` } },
    terms: { policies },
  })
  token = await site.register('alice')
  await site.post(`${v2}/terms`, { user_accepts: ['https://t.example/p'] }, token)
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
  await provider.stop()
})

/** Names and forms alone: what depends on the site's ports is filled in when it runs. */
const operations = operationsOf({ mxid: '@x:x.example', server: 'x.example' })
const named = operations.map((operation, at): [string, number] => [nameOf(operation), at])
const asking = named.filter(([, at]) => operations[at]?.auth === 'token')

function operationAt(at: number): Operation {
  const { homeserver } = site
  const found = operationsOf({ mxid: homeserver.mxid('alice'), server: homeserver.name })[at]
  if (found === undefined) throw new Error('no such operation')
  return found
}

type Given = { token?: string; authorization?: string; headers?: Record<string, string> }

function send({ method, path, good }: Operation, given: Given, query = ''): Promise<Answer> {
  if (method === 'POST') return site.call('POST', `${path}${query}`, { ...given, body: good ?? {} })
  const own = good === undefined ? '' : queryOf(good)
  const all = [query.slice(1), own].filter((part) => part !== '').join('&')
  return site.call('GET', all === '' ? path : `${path}?${all}`, given)
}

function expectRefusal(answer: Answer, status: number, errcode: string): void {
  expect([answer.status, answer.json['errcode']]).toEqual([status, errcode])
  expect(answer.headers['content-type']).toMatch(/^application\/json/)
  expect(answer.json['error']).toMatch(/\w/)
  expectCors(answer)
}

function expectCors({ headers }: Answer): void {
  expect(headers['access-control-allow-origin']).toBe('*')
  const methods = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']
  for (const method of methods) expect(headers['access-control-allow-methods']).toContain(method)
  for (const name of ['Origin', 'X-Requested-With', 'Content-Type', 'Accept', 'Authorization']) {
    expect(headers['access-control-allow-headers']).toContain(name)
  }
  expect(headers['cache-control']).toBe('no-store')
  expect(headers['x-content-type-options']).toBe('nosniff')
}

describe.each(named)('%s', (_name, at) => {
  test('answers the well-formed request as JSON, also with a slash at the end', async () => {
    const operation = operationAt(at)
    const [status, errcode] = operation.answer
    for (const slash of ['', '/']) {
      const answer = await send({ ...operation, path: `${operation.path}${slash}` }, { token })
      expect([slash, answer.status, answer.json['errcode']]).toEqual([slash, status, errcode])
      expect(answer.headers['content-type']).toBe('application/json')
      expectCors(answer)
    }
  })

  test('answers OPTIONS to anybody, and any other method with 405', async () => {
    const { path } = operationAt(at)
    const preflight = await site.call('OPTIONS', path, { authorization: 'Bearer garbage' })
    expect(preflight.status).toBe(200)
    expectCors(preflight)
    const declared = operations.filter((one) => one.path === path).map((one) => one.method)
    // The link in a mail, which is for people, is told of in api-pages.test.ts.
    const known = new Set<string>(path.endsWith('/submitToken') ? ['GET', ...declared] : declared)
    for (const other of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const) {
      if (known.has(other)) continue
      expectRefusal(await site.call(other, path, { token }), 405, 'M_UNRECOGNIZED')
    }
    const head = await site.call('HEAD', path, { token })
    expect(head.text).toBe('')
    expect(head.status === 405).toBe(!declared.includes('GET'))
  })
})

describe.each(asking)('%s', (_name, at) => {
  test('without a token is 401 before anything else is looked at', async () => {
    const operation = operationAt(at)
    for (const given of [
      {},
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: 'Bearer garbage' },
      { authorization: `Basic ${token}` },
      { authorization: `Bearer ${token}x` },
      { authorization: `Bearer ${token}, Bearer ${token}` },
    ]) {
      expectRefusal(await send(operation, given), 401, 'M_UNAUTHORIZED')
    }
    expectRefusal(await send(operation, {}, '?access_token='), 401, 'M_UNAUTHORIZED')
    expectRefusal(await send(operation, {}, '?access_token=garbage'), 401, 'M_UNAUTHORIZED')
    if (operation.method === 'POST') {
      const answer = await site.call('POST', operation.path, { body: '{' })
      expectRefusal(answer, 401, 'M_UNAUTHORIZED')
    }
  })

  test('takes the token in the query, and the scheme in any case', async () => {
    const operation = operationAt(at)
    const [status] = operation.answer
    const found = [
      await send(operation, {}, `?access_token=${token}`),
      await send(operation, { authorization: `bearer ${token}` }),
      await send(operation, { authorization: `BEARER   ${token}` }),
    ]
    expect(found.map((answer) => answer.status)).toEqual([status, status, status])
  })

  test('asks for the terms to be accepted, unless it is exempt', async () => {
    const operation = operationAt(at)
    const bob = await site.register('bob')
    const answer = await send(operation, { token: bob })
    if (operation.isExempt === true) expect(answer.status).toBe(200)
    else expectRefusal(answer, 403, 'M_TERMS_NOT_SIGNED')
  })
})

describe('what is not there', () => {
  test.each([
    '/v2/unknown',
    '/v2/pubkey',
    '/v2/pubkey/a/b',
    '/v2/3pid',
    '/v2/3pid/bind/more',
    '/v3',
    '/api/v2',
    '/api/v1/account',
    '/api/v1/hash_details',
    '/api/v1/terms',
    '/internal/bind',
    '/replicate/v1/push',
    '/v2/%zz',
    '/v2/pubkey/%ff',
    '/V2/account',
    '/v2//account',
    '/v2/../../../etc/passwd',
    `/v2/${'a'.repeat(8_000)}`,
    '/__proto__',
    '',
  ])('%s is 404 M_UNRECOGNIZED whatever the method', async (path) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
      expectRefusal(await site.call(method, path, { token }), 404, 'M_UNRECOGNIZED')
    }
    expect((await site.call('OPTIONS', path)).status).toBe(200)
  })

  test('only the key ids we have are known', async () => {
    for (const id of [
      'ed25519',
      'ed25519:',
      ':',
      'constructor',
      '__proto__',
      'ed25519%3Anone',
      '%00',
    ]) {
      expectRefusal(await site.get(`/v2/pubkey/${id}`), 404, 'M_NOT_FOUND')
    }
  })
})

describe('logout', () => {
  const missing = ['', 'null', '[]', '{', '{"a":1}']
  test.each(missing)(
    'takes the body %j, ends this token alone, and needs no terms',
    async (body) => {
      const bob = await site.register('bob')
      const other = await site.register('bob')
      expect(bob).not.toBe(other)
      const answer = await site.call('POST', '/v2/account/logout', { token: bob, body })
      expect([answer.status, answer.json]).toEqual([200, {}])
      const again = await site.call('POST', '/v2/account/logout', { token: bob })
      expectRefusal(again, 401, 'M_UNAUTHORIZED')
      expectRefusal(await site.get('/v2/account', other), 403, 'M_TERMS_NOT_SIGNED')
    },
  )

  test('needs a token', async () => {
    expectRefusal(await site.call('POST', '/v2/account/logout'), 401, 'M_UNAUTHORIZED')
    expectRefusal(await site.call('GET', '/v2/account/logout'), 405, 'M_UNRECOGNIZED')
  })
})
