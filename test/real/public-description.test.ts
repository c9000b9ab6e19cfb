import { afterAll, beforeAll, expect, test } from 'vitest'
import { readShape } from '../../src/platform/shape.ts'
import {
  addAccount,
  aliceHash,
  ask,
  bearer,
  bobHash,
  lookupBody,
  startFixture,
  token,
  v1,
  v2,
  type PublicFixture,
} from './public-fixture.ts'

let fixture: PublicFixture

beforeAll(async () => {
  fixture = await startFixture()
  addAccount(fixture, token, '@alice:example.org')
})

afterAll(() => fixture.server.stop())

type Operation = { summary: string; responses: Record<string, { description: string }> }

async function described(): Promise<Record<string, Record<string, Operation>>> {
  const reply = await ask(fixture.server.port, '/_matrix/identity/openapi.json')
  return (reply.json as { paths: Record<string, Record<string, Operation>> }).paths
}

test('every endpoint that is served is described, and nothing else', async () => {
  const paths = await described()
  const served = fixture.endpoints
    .filter(({ path }) => !/openapi\.json$|docs$/.test(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const told = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(told.sort()).toEqual(served.sort())
})

test.each([
  ['GET', '/_matrix/identity/versions', null],
  ['GET', v2, null],
  ['GET', v1, null],
  ['GET', `${v2}/account`, null],
  ['GET', `${v2}/hash_details`, null],
  ['GET', `${v2}/pubkey/ed25519:paris`, null],
  ['GET', `${v2}/pubkey/isvalid?public_key=a`, null],
  ['GET', `${v1}/pubkey/ephemeral/isvalid?public_key=a`, null],
  ['POST', `${v2}/lookup`, lookupBody([aliceHash, bobHash])],
  ['GET', `${v1}/lookup?medium=email&address=alice@example.com`, null],
  ['GET', `${v1}/lookup?medium=email&address=nobody@example.com`, null],
  ['POST', `${v1}/bulk_lookup`, { threepids: [['email', 'alice@example.com']] }],
  ['POST', `${v2}/account/register`, { access_token: 'a', matrix_server_name: 'example.org' }],
])('%s %s answers as described', async (method, path, body) => {
  const reply = await ask(fixture.server.port, path, {
    method,
    headers: bearer,
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  })
  const plain = path.split('?')[0] ?? ''
  const endpoint = fixture.endpoints.find(
    (one) => one.method === method && (one.path === plain || one.path === keyed(plain)),
  )
  const answer = endpoint?.about?.answer
  expect(reply.status).toBe(200)
  expect(answer).toBeDefined()
  if (answer !== undefined) expect(readShape(answer, reply.json)).toMatchObject({ ok: true })
})

test.each([
  ['GET', `${v2}/account`, {}, null],
  ['GET', `${v2}/pubkey/ed25519:none`, {}, null],
  ['POST', `${v2}/lookup`, bearer, lookupBody([], { pepper: 'stale' })],
  ['POST', `${v2}/lookup`, bearer, {}],
  ['POST', `${v2}/account/register`, {}, { access_token: 'a', matrix_server_name: '' }],
  ['POST', `${v1}/bulk_lookup`, {}, []],
])('%s %s refuses as described', async (method, path, headers, body) => {
  const reply = await ask(fixture.server.port, path, {
    method,
    headers,
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  })
  const paths = await described()
  const operation = (paths[path] ?? paths[keyed(path, '{keyId}')])?.[method.toLowerCase()]
  const { errcode } = reply.json as { errcode: string }
  expect(operation?.responses[String(reply.status)]?.description).toContain(errcode)
})

test('the page for people is served with a strict policy and nothing from elsewhere', async () => {
  const { status, headers, text } = await ask(fixture.server.port, '/_matrix/identity/docs')
  expect(status).toBe(200)
  expect(String(headers['content-security-policy'])).toContain("default-src 'none'")
  expect(text).toContain('hash_details')
})

function keyed(path: string, name = ':keyId'): string {
  return path.replace(/pubkey\/ed25519:\w+$/, `pubkey/${name}`)
}
