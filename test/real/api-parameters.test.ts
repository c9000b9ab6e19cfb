import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nameOf, operationsOf, queryOf, v1, type Operation } from './api-operations.ts'
import { IdentitySite, type Answer } from './identity-site.ts'
import { SmsProvider } from './sms-server.ts'

/** Every required parameter of every operation: left out, of another type, empty, hostile; and whole bodies likewise. */

const site = new IdentitySite()
const provider = new SmsProvider()
let token = ''

beforeAll(async () => {
  await provider.start()
  await site.start({
    sms: { provider: 'http', http: { url: `http://127.0.0.1:${provider.port}/sms` } },
  })
  token = await site.register('alice')
})

afterAll(async () => {
  // Whatever was sent, the node still serves, and nothing of it took effect.
  expect((await site.get('/v2/account', token)).json).toEqual({
    user_id: site.homeserver.mxid('alice'),
  })
  expect((await site.get('/versions')).status).toBe(200)
  expect(await site.end()).toEqual([])
  await provider.stop()
})

const operations = operationsOf({ mxid: '@x:x.example', server: 'x.example' })
const posts = operations
  .map((operation, at): [string, number] => [nameOf(operation), at])
  .filter(([, at]) => operations[at]?.method === 'POST')
/** Operation, parameter. */
const parameters = operations.flatMap((operation, at) =>
  Object.keys(operation.good ?? {}).map((name): [string, string, number] => [
    nameOf(operation),
    name,
    at,
  ]),
)

function operationAt(at: number): Operation {
  const { homeserver } = site
  const found = operationsOf({ mxid: homeserver.mxid('alice'), server: homeserver.name })[at]
  if (found === undefined) throw new Error('no such operation')
  return found
}

function send({ method, path }: Operation, sent: object): Promise<Answer> {
  if (method === 'POST') return site.call('POST', path, { body: sent, token })
  return site.call('GET', `${path}?${queryOf(sent as Record<string, unknown>)}`, { token })
}

function expectRefusal(answer: Answer, status: number, errcode: string, about: unknown = ''): void {
  expect([about, answer.status, answer.json['errcode']]).toEqual([about, status, errcode])
  expect(answer.json['error']).toMatch(/\w/)
  expect(answer.headers['access-control-allow-origin']).toBe('*')
}

/** No answer but JSON that says what is wrong with the request, or that somebody else is at fault. */
function expectSane(answer: Answer, about: unknown): void {
  expect([about, answer.status, answer.text.slice(0, 300)]).toSatisfy(
    ([, status]: [unknown, number]) => [200, 400, 401, 403, 404, 413, 431, 502].includes(status),
  )
  if (answer.status === 200) return
  expect(answer.json['errcode']).toMatch(/^M_[A-Z_]+$/)
  expect(answer.json['error']).toMatch(/\w/)
  // Fault reports name files and functions; answers do not.
  expect(answer.text).not.toMatch(/node_modules|\.ts:|\.js:|\bat \w+ \(|SQLITE|ZodError/)
}

describe.each(parameters)('%s without a good %s', (_name, parameter, at) => {
  test('says that it is missing', async () => {
    const operation = operationAt(at)
    const { [parameter]: _left, ...rest } = operation.good ?? {}
    const answer = await send(operation, rest)
    expectRefusal(answer, 400, 'M_MISSING_PARAMS')
    expect(answer.json['error']).toContain(parameter)
  })

  test('refuses values of another type', async () => {
    const operation = operationAt(at)
    if (operation.method === 'GET') return
    const good = operation.good?.[parameter]
    const wrong = [null, true, false, -1, 1.5, 1e300, [], {}, ['x'], { x: 1 }, [null], [[1]], 'x']
    const tried = wrong.filter((value) => !isOfType(good, value))
    expect(tried.length).toBeGreaterThan(8)
    const answers = await Promise.all(
      tried.map((value) => send(operation, { ...operation.good, [parameter]: value })),
    )
    for (const [at, answer] of answers.entries()) {
      expectRefusal(answer, 400, 'M_INVALID_PARAM', tried[at])
      expect(answer.json['error']).toContain(parameter)
    }
  })

  test('survives hostile texts', async () => {
    const operation = operationAt(at)
    const texts = [
      '',
      ' ',
      'a\u0000b',
      '\u0001',
      'a\r\nBcc: victim@people.example',
      '\u202e',
      '__proto__',
      'constructor',
      "' OR 1=1 --",
      '{{7*7}}',
      '../../../../etc/passwd',
      '😀'.repeat(300),
      '%00%0a',
    ]
    const answers = await Promise.all(
      texts.map((text) => {
        const value = typeof operation.good?.[parameter] === 'object' ? [text] : text
        return send(operation, { ...operation.good, [parameter]: value })
      }),
    )
    for (const [at, answer] of answers.entries()) expectSane(answer, texts[at])
    if (operation.method === 'POST') {
      const long = await send(operation, { ...operation.good, [parameter]: 'x'.repeat(100_000) })
      expectSane(long, 'long')
    }
  })
})

/** Roughly: an empty list is a list of anything, and an object has members missing rather than wrong. */
function isOfType(good: unknown, value: unknown): boolean {
  if (!Array.isArray(good))
    return (
      typeof good === typeof value &&
      (good === null) === (value === null) &&
      !Array.isArray(value) &&
      typeof good !== 'number'
    )
  return Array.isArray(value) && value.every((one) => typeof one === typeof good[0])
}

describe.each(posts)('%s', (_name, at) => {
  const notObjects = ['[]', 'null', '1', '"text"', 'true', '[{}]']
  const notJson = ['{', '{"a":}', "{'a':1}", '{"a":NaN}', '{"a":1,}', '{"a":"\\ud800"}', '{"a":1}x']

  test('takes nothing but a JSON object', async () => {
    const operation = operationAt(at)
    const post = (body: string | Buffer): Promise<Answer> =>
      site.call('POST', operation.path, {
        body,
        token,
        headers: { 'content-type': 'application/json' },
      })
    const isDialect = operation.isDialect === true
    for (const body of notObjects) {
      // v1 takes no body, which some write as null, and the query.
      const expected = isDialect && body === 'null' ? 'M_MISSING_PARAMS' : 'M_BAD_JSON'
      expectRefusal(await post(body), 400, expected, body)
    }
    for (const body of notJson) expectRefusal(await post(body), 400, 'M_NOT_JSON', body)
    const good = JSON.stringify(operation.good)
    const bytes = [
      Buffer.from(`\ufeff${good}`),
      Buffer.from(good, 'utf16le'),
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      Buffer.from(`{"a":1,${good.slice(1, -1)},"a":2}`),
      Buffer.from(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
    ]
    for (const body of bytes) expectRefusal(await post(body), 400, 'M_NOT_JSON', body.length)
    const none = await post('')
    expectRefusal(none, 400, isDialect ? 'M_MISSING_PARAMS' : 'M_NOT_JSON')
    expectRefusal(await post('{}'), 400, 'M_MISSING_PARAMS')
  })

  test('does not care about the content type of JSON, nor for further members', async () => {
    const operation = operationAt(at)
    const [status] = operation.answer
    const body = `{"__proto__":{"mxid":"@eve:hs.example"},"constructor":1,"toString":[],${JSON.stringify(operation.good).slice(1)}`
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'x',
      'application/json; charset=utf-16',
    ]) {
      const answer = await site.call('POST', operation.path, {
        body,
        token,
        headers: { 'content-type': type },
      })
      expect([type, answer.status, answer.text]).toEqual([type, status, answer.text])
    }
  })

  test('takes forms and queries in v1, and neither in v2', async () => {
    const operation = operationAt(at)
    const [status, errcode] = operation.answer
    const form = queryOf(operation.good ?? {})
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const asForm = await site.call('POST', operation.path, { body: form, token, headers })
    const asQuery = await site.call('POST', `${operation.path}?${form}`, { token })
    for (const answer of [asForm, asQuery]) {
      if (operation.isDialect === true && operation.path.startsWith(v1)) {
        expect([answer.status, answer.json['errcode']]).toEqual([status, errcode])
      } else expectRefusal(answer, 400, 'M_NOT_JSON')
    }
  })

  test('refuses a body that is too large, announced or not', async () => {
    const operation = operationAt(at)
    const answer = await site.call('POST', operation.path, {
      body: { ...operation.good, padding: 'x'.repeat(600_000) },
      token,
    })
    expectRefusal(answer, 413, 'M_TOO_LARGE')
  })
})
