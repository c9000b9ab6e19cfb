import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseNetwork } from '../../src/domain/network-address.ts'
import { endpoint, html, json, redirect, type Endpoint } from '../../src/http/endpoint.ts'
import { createRateLimits } from '../../src/http/rate-limit.ts'
import { startHttpServer, type HttpServer } from '../../src/http/server.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { z } from '../../src/platform/shape.ts'
import { ask, sendRaw } from './public-fixture.ts'

const once = { burst: 1, perSecond: 0.001 }
const plenty = { burst: 1e6, perSecond: 1e6 }
let server: HttpServer
let visits = 0

/** Everything an endpoint may declare, without a feature behind it. */
const endpoints: Endpoint[] = [
  endpoint({
    method: 'POST',
    path: '/guarded',
    auth: 'token',
    limits: { caller: 'user', cost: ({ size }) => size },
    body: z.object({ size: z.number() }),
    handle: ({ caller }) => json({ mxid: caller.mxid }),
  }),
  endpoint({
    method: 'POST',
    path: '/exempt',
    auth: 'token',
    terms: 'exempt',
    handle: () => json({}),
  }),
  endpoint({
    method: 'POST',
    path: '/by-client',
    auth: 'token',
    limits: { client: true },
    handle: () => json({}),
  }),
  endpoint({
    method: 'POST',
    path: '/any',
    auth: 'none',
    sent: 'any',
    body: z.object({ sid: z.string(), token: z.string() }),
    handle: ({ body, bodyJson }) => json({ body, sent: Object.keys(bodyJson) }),
  }),
  endpoint({
    method: 'GET',
    path: '/link',
    auth: 'none',
    changesState: true,
    handle: () => {
      visits++
      return html('<p>done</p>')
    },
  }),
  endpoint({ method: 'POST', path: '/link', auth: 'none', handle: () => json({}) }),
  endpoint({
    method: 'GET',
    path: '/away',
    auth: 'none',
    handle: () => redirect('https://example.org/ü?a=b c'),
  }),
  endpoint({
    method: 'POST',
    path: '/seen',
    auth: 'none',
    body: (sent) => sent,
    handle: ({ authorizations, languages, clientAddress, bodyJson }) =>
      json({ authorizations, languages, clientAddress, sent: JSON.stringify(bodyJson) }),
  }),
]

beforeAll(async () => {
  server = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    endpoints,
    authenticate: (token) =>
      token === 'none' ? null : { mxid: token, token, hasAcceptedTerms: token !== '@new:a' },
    isPublic: true,
    hasFastLane: true,
    trustedProxies: ['127.0.0.1'].flatMap((text) => parseNetwork(text) ?? []),
    rateLimits: createRateLimits({
      rates: {
        client: once,
        user: { burst: 3, perSecond: 0.001 },
        lookup: plenty,
        threepid: plenty,
        homeserver: plenty,
        country: plenty,
      },
      clock: systemClock,
    }),
    logger: { debug: () => {}, error: () => {} },
    clock: systemClock,
    random: systemRandom,
  })
})

afterAll(() => server.stop())

type Asked = { token?: string; body?: unknown; headers?: Record<string, string> }

function send(path: string, { token, body = {}, headers = {} }: Asked = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return ask(server.port, path, {
    method: 'POST',
    headers: { ...authorization, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

test('who has not accepted the terms is told so before the body is looked at, except where exempt', async () => {
  const refused = await send('/guarded', { token: '@new:a', body: 'no JSON' })
  expect([refused.status, refused.json]).toMatchObject([403, { errcode: 'M_TERMS_NOT_SIGNED' }])
  expect((await send('/guarded', { token: 'none', body: 'no JSON' })).status).toBe(401)
  expect((await send('/guarded', { body: 'no JSON' })).status).toBe(401)
  expect((await send('/exempt', { token: '@new:a' })).status).toBe(200)
})

test('a caller spends what the request costs, and only what was read well', async () => {
  const bad = await send('/guarded', { token: '@eve:a', body: {} })
  expect(bad.status).toBe(400)
  expect((await send('/guarded', { token: '@eve:a', body: { size: 2 } })).status).toBe(200)
  expect((await send('/guarded', { token: '@eve:a', body: { size: 1 } })).status).toBe(200)
  const over = await send('/guarded', { token: '@eve:a', body: { size: 1 } })
  expect([over.status, over.json]).toMatchObject([429, { errcode: 'M_LIMIT_EXCEEDED' }])
  const { retry_after_ms: waitMs } = over.json as { retry_after_ms: number }
  expect(Number(over.headers['retry-after'])).toBe(Math.ceil(waitMs / 1000))
  expect(over.headers['access-control-allow-origin']).toBe('*')
  expect(String(over.headers['access-control-expose-headers'])).toContain('Retry-After')
  expect((await send('/guarded', { token: '@eric:a', body: { size: 1 } })).status).toBe(200)
})

test('a client is limited before it is known, by the address its proxy names', async () => {
  const from = (address: string, token = 'none') =>
    send('/by-client', { token, headers: { 'x-forwarded-for': address } })
  expect((await from('192.0.2.1')).status).toBe(401)
  expect((await from('192.0.2.1', '@a:a')).status).toBe(429)
  expect((await from('198.51.100.9, 192.0.2.1', '@a:a')).status).toBe(429)
  expect((await from('192.0.2.2', '@a:a')).status).toBe(200)
  expect((await from('2001:db8::1', '@a:a')).status).toBe(200)
  expect((await from('2001:db8::2', '@a:a')).status).toBe(429)
  expect((await from('2001:db8:0:1::1', '@a:a')).status).toBe(200)
})

test.each([
  ['JSON', '/any', '{"sid":"1","token":"t"}', {}],
  ['a form', '/any', 'sid=1&token=t', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['the query', '/any?sid=1&token=t', '', {}],
  ['query and form', '/any?sid=1', 'token=t', {}],
])('v1 parameters come as %s', async (_what, path, body, headers) => {
  const reply = await send(path, { body, headers })
  expect(reply.json).toEqual({ body: { sid: '1', token: 't' }, sent: ['sid', 'token'] })
})

test.each([
  ['/any?sid=1', '', 'M_MISSING_PARAMS'],
  ['/any?sid=1&sid=2&token=t', '', 'M_INVALID_PARAM'],
  ['/any', '[]', 'M_BAD_JSON'],
  ['/any', '{"sid":1,"token":"t"}', 'M_INVALID_PARAM'],
  ['/any', '{"sid":{"__proto__":{"a":1}},"token":"t"}', 'M_INVALID_PARAM'],
  ['/any', '{"sid":NaN,"token":"t"}', 'M_NOT_JSON'],
  ['/any', `{"sid":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'M_NOT_JSON'],
  ['/any', '{"sid":"\\ud800","token":"t"}', 'M_NOT_JSON'],
  ['/any', '\ufeff{"sid":"1","token":"t"}', 'M_NOT_JSON'],
])('%s with a hostile body is refused and the server lives', async (path, body, errcode) => {
  const reply = await send(path, { body })
  expect([reply.status, reply.json]).toMatchObject([400, { errcode }])
  expect((await send('/any?sid=1&token=t', { body: '' })).status).toBe(200)
})

test('a link that does something is opened by GET alone', async () => {
  visits = 0
  for (const path of ['/link', '/link?token=1', '/link/']) {
    const head = await ask(server.port, path, { method: 'HEAD' })
    expect([head.status, head.headers['allow']]).toEqual([405, 'GET, POST, OPTIONS'])
    expect((await ask(server.port, path, { method: 'OPTIONS' })).status).toBe(200)
  }
  expect(visits).toBe(0)
  const page = await ask(server.port, '/link')
  expect([page.status, page.text, visits]).toEqual([200, '<p>done</p>', 1])
  expect((await send('/link')).status).toBe(200)
})

test('a page loads nothing, is framed by nobody, is not kept and sends no referrer', async () => {
  const { headers } = await ask(server.port, '/link')
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  const policy = String(headers['content-security-policy'])
  for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    expect(policy).toContain(part)
  }
  expect(policy).not.toContain('script-src')
})

test('a redirect goes to one place, percent-encoded, without a referrer', async () => {
  const { status, headers } = await ask(server.port, '/away')
  expect(status).toBe(302)
  expect(headers).toMatchObject({
    location: 'https://example.org/%C3%BC?a=b%20c',
    'referrer-policy': 'no-referrer',
  })
})

test('an endpoint sees every Authorization header, the languages, the client and the body as sent', async () => {
  const body = '{"__proto__":{"a":1},"10":1,"2":{"b":null}}'
  const raw = await sendRaw(
    server.port,
    [
      'POST /seen HTTP/1.1',
      'Host: a',
      'Authorization: X-Matrix origin="a"',
      'authorization: X-Matrix origin="b"',
      'Accept-Language: en;q=0.1, de',
      'X-Forwarded-For: 1.1.1.1, 192.0.2.7',
      `Content-Length: ${body.length}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
  const seen: unknown = JSON.parse(raw.slice(raw.indexOf('\r\n\r\n')))
  expect(seen).toEqual({
    authorizations: ['X-Matrix origin="a"', 'X-Matrix origin="b"'],
    languages: ['de', 'en'],
    clientAddress: '192.0.2.7',
    sent: '{"2":{"b":null},"10":1,"__proto__":{"a":1}}',
  })
})
