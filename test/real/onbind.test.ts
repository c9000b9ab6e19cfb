import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { signAssociation, type Association } from '../../src/domain/association.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { verifySignedJson } from '../../src/domain/matrix-json.ts'
import { tellHomeserver, type OnbindOutcome } from '../../src/matrix/onbind.ts'
import {
  createOutside,
  FakeHomeserver,
  makeCertificate,
  Trap,
  type Outside,
} from './homeserver-fixture.ts'

const seed = Buffer.alloc(32, 5)
const homeserver = new FakeHomeserver((_request, response) => response.end())
const trap = new Trap()
let outside: Outside
let received: { method: string; type: string; authorization: string | undefined; body: string }[]
let statuses: Record<string, number>

beforeAll(async () => {
  const pair = await makeCertificate(['hs.example'])
  await Promise.all([homeserver.start({ 'hs.example': pair, '': pair }), trap.start('127.0.0.2')])
  outside = createOutside({ ports: new Map([[8448, homeserver.port]]), caPem: pair.cert })
  homeserver.answer = (request, response) => {
    const { headers, method = '' } = request
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { authorization } = headers
      received.push({ method, type: headers['content-type'] ?? '', authorization, body })
      response.writeHead(statuses[method] ?? 200, { location: `https://127.0.0.2:${trap.port}/` })
      response.end('{}')
    })
  }
})

afterAll(() => Promise.all([homeserver.stop(), trap.stop()]))

beforeEach(() => {
  received = []
  statuses = {}
  homeserver.seen.length = 0
  outside.resolver.hosts.set('hs.example', [['127.0.0.1']])
})

function tell(mxid = '@alice:hs.example'): Promise<OnbindOutcome> {
  const { association } = signAssociation(
    { address: 'alice@example.org', medium: 'email', mxid, ts: 1, not_before: 1, not_after: 2 },
    { serverName: 'id.example.org', keyId: 'ed25519:1', seed },
  )
  return tellHomeserver(
    { ...outside.deps, homeserversAllowed: ['*'] },
    { association, invites: [] },
  )
}

test('the homeserver of the Matrix ID receives the association as it was signed, without any token', async () => {
  expect(await tell()).toEqual({ result: 'done' })
  expect(homeserver.seen).toEqual([
    { name: 'hs.example', host: 'hs.example', url: '/_matrix/federation/v1/3pid/onbind' },
  ])
  expect(received).toMatchObject([
    { method: 'POST', type: 'application/json', authorization: undefined },
  ])
  const { invites, ...association } = JSON.parse(received[0]?.body ?? '') as Association & {
    invites: unknown
  }
  expect(invites).toEqual([])
  expect(
    verifySignedJson(association, 'id.example.org', 'ed25519:1', publicKeyFromSeed(seed)),
  ).toBe(true)
})

test('a homeserver that knows PUT alone gets the same by PUT', async () => {
  statuses = { POST: 405 }
  expect(await tell()).toEqual({ result: 'done' })
  expect(received.map(({ method }) => method)).toEqual(['POST', 'PUT'])
  expect(received[1]?.body).toBe(received[0]?.body)
})

test('a redirect is not followed', async () => {
  statuses = { POST: 308 }
  expect(await tell()).toMatchObject({ result: 'temporary', reason: 'odd-answer' })
  expect(trap.connectionsCount).toBe(0)
})

test('nobody can have a private address called', async () => {
  outside.resolver.hosts.set('hs.example', [['127.0.0.2']])
  expect(await tell()).toMatchObject({ result: 'temporary', reason: 'blocked' })
  expect(await tell(`@alice:127.0.0.2:${trap.port}`)).toMatchObject({ result: 'permanent' })
  expect(trap.connectionsCount).toBe(0)
})

test('a homeserver that says nothing ends with the time for it', async () => {
  const { answer } = homeserver
  homeserver.answer = () => {}
  try {
    const told = tell()
    await expect.poll(() => homeserver.seen.length).toBe(1)
    outside.expire()
    expect(await told).toMatchObject({ result: 'temporary', reason: 'timeout' })
  } finally {
    homeserver.answer = answer
  }
})
