import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { readAcceptLanguage } from '../../../src/http/accept-language.ts'
import { authorizationsOf } from '../../../src/http/authorizations.ts'
import { readSentParameters } from '../../../src/http/sent-parameters.ts'

function read(body: string | Buffer, query = '', type?: string): unknown {
  const request = {
    url: `/x${query}`,
    headers: type === undefined ? {} : { 'content-type': type },
  } as unknown as IncomingMessage
  return readSentParameters(request, Buffer.from(body))
}

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'

test.each([
  ['a form', 'sid=1&email=a%2Bb%40c.org', '', form, { sid: '1', email: 'a+b@c.org' }],
  ['a form with a charset', 'a=1', '', `${form}; charset=UTF-8`, { a: '1' }],
  ['a form without a type', 'a=1&b=x+y', '', undefined, { a: '1', b: 'x y' }],
  ['a JSON object', '{"a":1}', '', json, { a: 1 }],
  ['a JSON object without a type', ' \n{"a":1}', '', undefined, { a: 1 }],
  ['a JSON object that is called a form', '{"a":"="}', '', form, { a: '=' }],
  [
    'an empty body and a query',
    '',
    '?token=t&private_key=a_b',
    undefined,
    { token: 't', private_key: 'a_b' },
  ],
  ['white space and a query', ' \r\n', '?token=t', form, { token: 't' }],
  ['null and a query', 'null', '?token=t', json, { token: 't' }],
  ['a body that wins over the query', '{"a":"body"}', '?a=query&b=2', json, { a: 'body', b: '2' }],
  ['a token in the query', 'a=1', '?access_token=t', form, { a: '1' }],
  ['nothing', '', '', undefined, {}],
])('parameters are read from %s', (_what, body, query, type, expected) => {
  expect({ ...(read(body, query, type) as object) }).toEqual(expected)
})

test.each([
  ['text', 'hello', undefined, 'body-not-json'],
  ['a list', '[1]', undefined, 'body-not-object'],
  ['a list called JSON', '["a=b"]', json, 'body-not-object'],
  ['broken JSON', '{"a":', json, 'body-not-json'],
  ['the same key twice', '{"a":1,"a":2}', undefined, 'body-not-json'],
  ['the same field twice', 'a=1&a=2', form, 'param-invalid'],
  ['raw bytes as a form', Buffer.from([0x61, 0x3d, 0xff]), form, 'param-invalid'],
  [
    'very many fields',
    Array.from({ length: 100 }, (_, i) => `f${i}=1`).join('&'),
    form,
    'param-invalid',
  ],
])('%s is refused', (_what, body, type, code) => {
  expect(() => read(body, '', type)).toThrowError(expect.objectContaining({ code }))
})

test('fields named like members of a prototype change nothing', () => {
  const sent = read('__proto__=x&constructor=y', '', form) as Record<string, unknown>
  expect(Object.keys(sent)).toEqual(['__proto__', 'constructor'])
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  expect(Object.getPrototypeOf(sent)).not.toBe('x')
})

test.each([
  [undefined, []],
  ['de', ['de']],
  ['en;q=0.5, de-AT, fr;q=0.9, *;q=0.1', ['de-AT', 'fr', 'en']],
  ['en;q=0, de;q=1.000', ['de']],
  ['../../etc, <script>, en', ['en']],
  ['en;q=2, de;q=abc, fr', ['fr']],
  [`${'a'.repeat(600)}, en`, []],
  [Array.from({ length: 60 }, () => 'en').join(','), Array.from({ length: 20 }, () => 'en')],
])('Accept-Language %j wants %j', (header, languages) => {
  expect(readAcceptLanguage(header)).toEqual(languages)
})

test('a second Authorization header does not hide', () => {
  const raw = ['Host', 'a', 'Authorization', 'X-Matrix 1', 'X', 'y', 'AUTHORIZATION', 'X-Matrix 2']
  expect(authorizationsOf(raw)).toEqual(['X-Matrix 1', 'X-Matrix 2'])
})
