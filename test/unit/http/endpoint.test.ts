import { expect, test } from 'vitest'
import { refusalCodes, RefusalError } from '../../../src/domain/refusal.ts'
import { endpoint, json, redirect, withoutV1, type Endpoint } from '../../../src/http/endpoint.ts'
import { createFastLane } from '../../../src/http/fast-lane.ts'
import { answerTo, isFault, refusalResponses } from '../../../src/http/refusal-responses.ts'
import { z } from '../../../src/platform/shape.ts'

function declare(path: string, more: { method?: 'GET' | 'POST'; isHot?: boolean } = {}): Endpoint {
  return endpoint({ method: 'GET', path, auth: 'none', handle: () => json({}), ...more })
}

const shaped = endpoint({
  method: 'POST',
  path: '/x',
  auth: 'none',
  body: z.object({ name: z.string(), place: z.object({ code: z.number() }) }),
  handle: ({ body }) => json(body),
})

test.each([
  [{}, 'param-missing', 'missing: name, place'],
  [{ name: 'a', place: {} }, 'param-missing', 'missing: place.code'],
  [{ name: 5, place: {} }, 'param-missing', 'missing: place.code'],
  [{ name: 5, place: { code: 1 } }, 'param-invalid', 'name: expected text, got 5'],
  [{ name: null, place: { code: 1 } }, 'param-invalid', 'name: expected text, got nothing'],
])('a body %j is refused as %s', (body, code, message) => {
  expect(() => shaped.readBody?.(body)).toThrowError(expect.objectContaining({ code, message }))
})

test('what a shape does not know is left out', () => {
  const body = JSON.parse('{"name":"a","place":{"code":1},"more":1,"__proto__":{"x":1}}') as object
  expect(shaped.readBody?.(body as Record<string, unknown>)).toStrictEqual({
    name: 'a',
    place: { code: 1 },
  })
})

test('without v1 nothing under its prefix is left, and nothing else goes', () => {
  const v1 = '/_matrix/identity/api/v1'
  const all = [v1, `${v1}/lookup`, `${v1}x`, '/_matrix/identity/v2'].map((path) => declare(path))
  expect(withoutV1(all).map(({ path }) => path)).toEqual([`${v1}x`, '/_matrix/identity/v2'])
})

test('the fast lane finds what is hot and written exactly as declared', () => {
  const find = createFastLane([
    declare('/a', { isHot: true }),
    declare('/cold'),
    declare('/b', { isHot: true, method: 'POST' }),
    declare('/key/isvalid', { isHot: true }),
    declare('/key/:keyId', { isHot: true }),
  ])
  const found = (method: string, url: string): unknown => {
    const match = find(method, url)
    return match === null ? null : [match.endpoint.path, match.params]
  }
  expect(found('GET', '/a')).toEqual(['/a', {}])
  expect(found('HEAD', '/a?x=/y')).toEqual(['/a', {}])
  expect(found('POST', '/b?')).toEqual(['/b', {}])
  expect(found('GET', '/key/isvalid?public_key=a/b')).toEqual(['/key/isvalid', {}])
  expect(found('GET', '/key/ed25519:0')).toEqual(['/key/:keyId', { keyId: 'ed25519:0' }])
  for (const url of [
    '/cold',
    '/a/',
    '/A',
    '/b',
    '/key/',
    '/key/a%3A',
    '/key/a/b',
    'a',
    '',
    '//a',
  ]) {
    expect(found('GET', url)).toBeNull()
  }
  for (const method of ['OPTIONS', 'PUT', 'get', '']) expect(found(method, '/a')).toBeNull()
})

test.each(refusalCodes)('the refusal %s has a status and an errcode', (code) => {
  const { status, errcode } = refusalResponses[code]
  expect(status).toBeGreaterThanOrEqual(400)
  expect(errcode).toMatch(/^M_[A-Z_]+$/)
})

test('details of a refusal stand beside errcode and error, and cannot replace them', () => {
  const details = { lookup_pepper: 'p', errcode: 'x', error: 'y' }
  const { status, text } = answerTo(new RefusalError('pepper-stale', 'another pepper', details))
  expect(status).toBe(400)
  expect(JSON.parse(text)).toEqual({
    lookup_pepper: 'p',
    errcode: 'M_INVALID_PEPPER',
    error: 'another pepper',
  })
})

test('a fault, and a refusal of the mesh that strays here, are opaque', () => {
  for (const error of [new Error('secret'), 'secret', null, new RefusalError('gap', 'secret')]) {
    expect(isFault(error)).toBe(true)
    expect(answerTo(error)).toMatchObject({
      status: 500,
      text: '{"errcode":"M_UNKNOWN","error":"internal fault"}',
    })
  }
  expect(isFault(new RefusalError('storage-full', 'full'))).toBe(false)
})

test('terms are asked of tokens alone, and what changes something is known', () => {
  const shared = { method: 'GET', path: '/x', handle: () => json({}) } as const
  expect(endpoint({ ...shared, auth: 'none' }).needsTerms).toBe(false)
  expect(endpoint({ ...shared, auth: 'token' }).needsTerms).toBe(true)
  expect(endpoint({ ...shared, auth: 'token', terms: 'exempt' }).needsTerms).toBe(false)
  expect(endpoint({ ...shared, auth: 'none' }).changesState).toBe(false)
  expect(endpoint({ ...shared, auth: 'none', changesState: true }).changesState).toBe(true)
  expect(endpoint({ ...shared, auth: 'none', method: 'POST' }).changesState).toBe(true)
})

test('a redirect holds nothing a header cannot, and goes to an absolute URL only', () => {
  expect(redirect('https://a.example/x\r\nSet-Cookie: b').headers?.join('\n')).not.toMatch(
    /\r|Set-Cookie: b$/m,
  )
  expect(() => redirect('//a.example')).toThrow(TypeError)
  expect(() => redirect('/x')).toThrow(TypeError)
})
