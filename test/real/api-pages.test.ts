import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  noSession,
  notValidated,
  outcome,
  SessionCalls,
  type Session,
} from './api-session-calls.ts'
import { IdentitySite, type Answer } from './identity-site.ts'

/** What people meet who follow a mailed link, and what programs that never speak HTTP rightly meet. */

const site = new IdentitySite()
const calls = new SessionCalls(site)
let alice = ''

beforeAll(async () => {
  await site.start({ validation: { next_link_allow: ['app.example', 'https://web.example/app'] } })
  alice = await site.register('alice')
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
})

function open(query: Record<string, string> | Session, prefix = '/v2'): Promise<Answer> {
  const text = new URLSearchParams(query).toString()
  return site.get(`${prefix}/validate/email/submitToken?${text}`)
}

function expectPage(answer: Answer, status: number): void {
  const { headers } = answer
  expect([answer.status, headers['content-type'], headers['location']]).toEqual([
    status,
    'text/html; charset=utf-8',
    undefined,
  ])
  expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect(headers['referrer-policy']).toBe('no-referrer')
  expect(headers['x-content-type-options']).toBe('nosniff')
  expect(headers['cache-control']).toBe('no-store')
  expect(headers['access-control-allow-origin']).toBe('*')
  expect(answer.text).toMatch(/<html lang="[a-z]/)
  expect(answer.text).not.toMatch(/<script|src=|https?:\/\/(?!id\.example\.org)/)
}

describe.each(['/v2', '/api/v1'] as const)('the link of %s', (prefix) => {
  const label = prefix.replaceAll('/', '-')

  test('shows a page when it is good, as often as it is opened', async () => {
    const session = await calls.begin(site.mesh.address(`page${label}`), { as: alice, prefix })
    expectPage(await open(session, prefix), 200)
    expectPage(await open(session, prefix), 200)
    // A link of one version opens at the other: the session is the same.
    expectPage(await open(session, prefix === '/v2' ? '/api/v1' : '/v2'), 200)
  })

  test('does nothing when programs look at it first', async () => {
    const session = await calls.begin(site.mesh.address(`head${label}`), { as: alice, prefix })
    const path = `${prefix}/validate/email/submitToken?${new URLSearchParams(session).toString()}`
    expect((await site.call('HEAD', path)).status).toBe(405)
    expect((await site.call('OPTIONS', path)).status).toBe(200)
    for (const method of ['PUT', 'DELETE', 'PATCH'] as const) {
      expect((await site.call(method, path)).status).toBe(405)
    }
    expect(outcome(await calls.validated(session, alice))).toEqual(notValidated)
  })

  test('shows a page when it is not, without a word of what was sent, and leads nowhere', async () => {
    const asking = { as: alice, prefix, nextLink: 'https://app.example/next' }
    const session = await calls.begin(site.mesh.address(`bad${label}`), asking)
    const { sid, client_secret, token } = session
    const markup = '"><script>alert(1)</script>'
    const elsewhere = { nextLink: 'https://evil.example/', next_link: 'https://evil.example/' }
    const cases: [Record<string, string>, number][] = [
      [{}, 400],
      [{ sid }, 400],
      [{ sid, client_secret }, 400],
      [{ sid, client_secret, token: markup }, 400],
      [{ sid: markup, client_secret, token }, 400],
      [{ sid, client_secret: markup, token }, 400],
      [{ sid: 'unknown', client_secret, token }, 404],
      [{ sid, client_secret: calls.newSecret(), token }, 404],
      [{ sid, client_secret, token: 'x'.repeat(300) }, 400],
      [{ sid: '\u0000', client_secret: '\r\n', token: '\u202e' }, 400],
    ]
    for (const [query, status] of cases) {
      const answer = await open({ ...query, ...elsewhere, brand: markup, lang: markup }, prefix)
      expectPage(answer, status)
      for (const sent of [markup, 'alert(1)', 'evil.example', session.token, client_secret]) {
        expect(answer.text).not.toContain(sent)
      }
    }
    expect(outcome(await calls.validated(session, alice))).toEqual(notValidated)
    const opened = await open({ ...session, ...elsewhere }, prefix)
    expect([opened.status, opened.headers['location']]).toEqual([302, 'https://app.example/next'])
    const twice = new URLSearchParams(session).toString()
    expectPage(await site.get(`${prefix}/validate/email/submitToken?${twice}&${twice}`), 400)
    const other = await site.get(
      `${prefix}/validate/msisdn/submitToken?${new URLSearchParams(session).toString()}`,
    )
    expectPage(other, 404)
  })

  test.each([
    ['https://app.example/next?a=b', 200],
    ['http://app.example', 200],
    ['https://web.example/app/room', 200],
    ['https://web.example/apple', 400],
    ['https://evil.example/', 400],
    ['https://app.example.evil.example/', 400],
    ['https://evil.example/?https://app.example/', 400],
    ['https://app.example@evil.example/', 400],
    ['https://app.example%2f@evil.example/', 400],
    ['https://evil.example\\.app.example/', 400],
    ['https://sub.app.example/', 400],
  ])('may lead to %s: %i', async (nextLink, status) => {
    const answer = await calls.ask(site.mesh.address('next'), { as: alice, prefix, nextLink })
    expect(answer.status).toBe(status)
  })
})

test('a page speaks the language that is asked for', async () => {
  const path = '/v2/validate/email/submitToken?sid=a&client_secret=b&token=c'
  const texts = []
  for (const language of ['de', 'fr', 'xx', '*;q=bad,,,', 'de'.repeat(5_000)]) {
    const answer = await site.call('GET', path, { headers: { 'accept-language': language } })
    expectPage(answer, 404)
    texts.push(/<html lang="([^"]*)"/.exec(answer.text)?.[1])
  }
  expect(texts).toEqual(['de', 'fr', 'en', 'en', 'en'])
})

describe('what is hardly HTTP', () => {
  /** Sends bytes and answers all that comes until the node closes. */
  function raw(...lines: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(site.nodes[0]?.ports.public ?? 0, '127.0.0.1')
      let text = ''
      socket.setEncoding('latin1')
      socket.on('data', (chunk: string) => (text += chunk))
      socket.on('error', reject)
      socket.on('close', () => resolve(text))
      socket.end(lines.join('\r\n'))
    })
  }

  const path = '/_matrix/identity/versions'

  test.each<[string, string[], number]>([
    [
      'an expectation we do not know',
      [`GET ${path} HTTP/1.1`, 'Host: x', 'Expect: wonders', 'Connection: close'],
      200,
    ],
    ['HTTP/1.0', [`GET ${path} HTTP/1.0`], 200],
    [
      'the whole address as target',
      [`GET http://id.example.org${path} HTTP/1.1`, 'Host: x', 'Connection: close'],
      200,
    ],
    [
      'an upgrade',
      [`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: Upgrade, close', 'Upgrade: h2c'],
      200,
    ],
    ['a method nobody knows', [`PROPFIND ${path} HTTP/1.1`, 'Host: x', 'Connection: close'], 405],
    ['a method that is none', [`FOO1 ${path} HTTP/1.1`, 'Host: x', 'Connection: close'], 400],
    ['no HTTP', ['hello'], 400],
    ['headers without end', [`GET ${path} HTTP/1.1`, 'Host: x', `X: ${'y'.repeat(40_000)}`], 431],
    [
      'two lengths',
      [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Length: 5', 'Content-Length: 6'],
      400,
    ],
    [
      'a length and chunks',
      [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Length: 5', 'Transfer-Encoding: chunked'],
      400,
    ],
  ])('%s is answered in words of the API', async (_name, lines, status) => {
    const answer = await raw(...lines, '', '')
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/access-control-allow-origin: \*/i)
    expect(answer).toMatch(/content-type: application\/json/i)
    expect(answer).toMatch(status === 200 ? /"versions"/ : /"errcode":"M_[A-Z_]+","error":"/)
  })

  test('a length beyond all bounds is refused before a byte of it came', async () => {
    const lines = ['POST /_matrix/identity/v2/account/register HTTP/1.1', 'Host: x']
    const answer = await raw(...lines, 'Content-Length: 10485760', '', '')
    expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*M_TOO_LARGE/)
  })

  test('two Authorization headers are none', async () => {
    const lines = ['GET /_matrix/identity/v2/account HTTP/1.1', 'Host: x', 'Connection: close']
    const bearer = `Authorization: Bearer ${alice}`
    expect(await raw(...lines, bearer, '', '')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await raw(...lines, bearer, bearer, '', '')).toMatch(
      /^HTTP\/1\.1 401 [^]*M_UNAUTHORIZED/,
    )
    expect(await raw(...lines, bearer, 'Authorization: X-Matrix origin=x', '', '')).toMatch(/ 401 /)
  })
})

test('nothing of a session is told to whoever asks without its secret', async () => {
  expect(outcome(await site.get('/v2/3pid/getValidated3pid?sid=a&client_secret=b', alice))).toEqual(
    noSession,
  )
})
