import { expect, test } from 'vitest'
import { keysEndpoints } from '../../../src/features/keys/endpoints.ts'
import { lookupEndpoints } from '../../../src/features/lookup/endpoints.ts'
import { accountsEndpoints } from '../../../src/features/accounts/endpoints.ts'
import { termsEndpoints } from '../../../src/features/terms/endpoints.ts'
import { versionsEndpoints } from '../../../src/features/versions/endpoints.ts'
import { descriptionEndpoints } from '../../../src/http/description.ts'
import { endpoint, html, json, type Endpoint, type JsonObject } from '../../../src/http/endpoint.ts'
import { describeApi } from '../../../src/http/openapi.ts'
import { openApiPage } from '../../../src/http/openapi-page.ts'
import { readShape, z } from '../../../src/platform/shape.ts'

const never = async (): Promise<never> => {
  throw new Error('nothing is handled here')
}

const endpoints: Endpoint[] = [
  ...versionsEndpoints({ isV1Served: true }),
  ...keysEndpoints({
    site: { publicKey: () => null, isValid: () => false },
    ephemeral: { isValid: never },
  }),
  ...lookupEndpoints({
    associations: {
      pepper: () => '',
      mxidsByHash: never,
      mxidsByThreepid: never,
      signedAssociation: never,
    },
    algorithms: ['sha256'],
  }),
  ...accountsEndpoints({
    secret: Buffer.alloc(32),
    vouch: never,
    saveToken: never,
    removeToken: never,
    forgetToken: () => {},
    homeserversAllowed: [],
    rateLimits: { spend: () => {} },
    clock: { wallMs: () => 0 },
    random: { bytes: (count) => Buffer.alloc(count) },
  }),
  ...termsEndpoints({ policies: [], acceptances: { read: never, add: never } }),
  endpoint({
    method: 'POST',
    path: '/forms',
    auth: 'none',
    sent: 'any',
    body: z.object({ sid: z.string(), extra: z.string().optional() }),
    about: { summary: 'Takes <b>forms</b>', answer: z.object({ success: z.boolean() }) },
    handle: () => json({ success: true }),
  }),
  endpoint({
    method: 'GET',
    path: '/page',
    auth: 'none',
    query: z.object({ sid: z.string(), token: z.string().optional() }),
    about: { summary: 'A page' },
    handle: () => html(''),
  }),
]

const about = { version: '1.2.3', baseUrl: 'https://id.example.org' }
const document = describeApi(endpoints, about)

test('every endpoint stands in the document, with a summary and an id of its own', () => {
  for (const { method, path } of endpoints) {
    const operation = document.paths[path.replace(':keyId', '{keyId}')]?.[method.toLowerCase()]
    expect(operation?.summary, `${method} ${path}`).not.toBe('')
    expect(operation?.responses['200'], `${method} ${path}`).toBeDefined()
  }
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
  expect(operations).toHaveLength(endpoints.length)
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
})

test('the document is JSON whose references and path parameters lead somewhere', () => {
  const text = JSON.stringify(document)
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    expect(document.components['schemas']).toHaveProperty(name ?? '')
  }
  expect(text).not.toContain('$schema')
  for (const [path, methods] of Object.entries(document.paths)) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    for (const { parameters = [] } of Object.values(methods)) {
      const named = parameters.filter((one) => one['in'] === 'path').map((one) => one['name'])
      expect(named).toEqual(wanted)
    }
  }
})

test('what the pipeline asks for is said: token, terms, limits, bodies', () => {
  const lookup = document.paths['/_matrix/identity/v2/lookup']?.['post']
  expect(lookup?.security).toEqual([{ accessToken: [] }])
  expect(lookup?.responses['401']?.['description']).toBe('M_UNAUTHORIZED')
  expect(lookup?.responses['403']?.['description']).toBe('M_TERMS_NOT_SIGNED')
  expect(lookup?.responses['429']?.['description']).toBe('M_LIMIT_EXCEEDED')
  expect(lookup?.responses['400']?.['description']).toContain('M_INVALID_PEPPER')
  const terms = document.paths['/_matrix/identity/v2/terms']
  expect(terms?.['post']?.responses).not.toHaveProperty('403')
  expect(terms?.['get']?.security).toEqual([])
  const forms = document.paths['/forms']?.['post']?.requestBody
  expect(Object.keys(forms?.['content'] as object)).toEqual([
    'application/json',
    'application/x-www-form-urlencoded',
  ])
  expect(document.paths['/page']?.['get']?.parameters).toMatchObject([
    { name: 'sid', in: 'query', required: true },
    { name: 'token', in: 'query', required: false },
  ])
})

test('examples are taken, and answered as described', () => {
  for (const { about: described, readBody, path } of endpoints) {
    const { body, answer } = described?.example ?? {}
    if (body !== undefined) expect(() => readBody?.(body), path).not.toThrow()
    if (answer !== undefined && described?.answer !== undefined) {
      expect(readShape(described.answer, answer), path).toMatchObject({ ok: true })
    }
  }
})

/** One that is taken; then, for every member: without it, and with values of other types. */
function variants(good: JsonObject): JsonObject[] {
  const odd = [null, 1, 'text', true, {}, [], [1], [['a', 'b', 'c']], [[1, 2]], ['a']]
  return Object.keys(good).flatMap((name) => {
    const { [name]: _left, ...rest } = good
    return [rest, ...odd.map((value) => ({ ...good, [name]: value }))]
  })
}

test.each(endpoints.filter(({ about: described }) => described?.bodyShape !== undefined))(
  'what $path reads by hand is what is described',
  ({ about: described, readBody }) => {
    const good = described?.example?.body ?? {}
    const isTaken = (body: JsonObject): boolean => {
      try {
        readBody?.(body)
        return true
      } catch {
        return false
      }
    }
    expect(Object.keys(good).length).toBeGreaterThan(0)
    for (const body of [good, ...variants(good)]) {
      const isDescribed =
        described?.bodyShape !== undefined && readShape(described.bodyShape, body).ok
      expect(isTaken(body), JSON.stringify(body)).toBe(isDescribed)
    }
  },
)

test('the page shows every operation, loads nothing and escapes what it shows', () => {
  const page = openApiPage(document)
  expect(page.match(/<details/g)).toHaveLength(endpoints.length)
  expect(page).not.toMatch(/<script|<link|<img|src=|url\(|@import|(href|action)=.https?:/)
  const shown = openApiPage(
    describeApi(
      endpoints.map((one) => ({ ...one, path: `/_matrix/identity/v2${one.path}` })),
      { ...about, baseUrl: 'https://a/"><script>' },
    ),
  )
  expect(shown).toContain('Takes &lt;b&gt;forms&lt;/b&gt;')
  expect(shown).not.toContain('<script>')
})

test('both are made once, when they are first asked for', async () => {
  const [program, person] = descriptionEndpoints(endpoints, about)
  const served = { params: {} } as never
  const answer = await program?.handle(served)
  expect(answer).toBe(await program?.handle(served))
  expect(JSON.parse(answer?.text ?? '')).toMatchObject({ openapi: '3.1.1' })
  const page = await person?.handle(served)
  expect(page?.headers?.join(' ')).toContain("default-src 'none'")
})

test('the lookups that need no token can be left out', () => {
  const deps = {
    associations: {
      pepper: () => '',
      mxidsByHash: never,
      mxidsByThreepid: never,
      signedAssociation: never,
    },
    algorithms: ['sha256'] as const,
  }
  const pathsOf = (served: readonly Endpoint[]): string[] => served.map(({ path }) => path)
  const left = pathsOf(lookupEndpoints({ ...deps, isV1Served: false }))
  expect(left).toEqual(pathsOf(lookupEndpoints(deps)).filter((path) => !path.includes('/api/v1')))
})
