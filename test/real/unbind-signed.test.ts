import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { serverKeysRetryMs } from '../../src/domain/api-limits.ts'
import type { HttpServer } from '../../src/http/server.ts'
import {
  homeserverKey,
  hourMs,
  keyObject,
  publicText,
  xMatrix,
} from '../unit/matrix/homeserver-world.ts'
import {
  BindingState,
  send,
  serverName,
  startBinding,
  v1,
  v2,
  type Faults,
  type Reply,
} from './binding-fixture.ts'
import {
  createOutside,
  FakeHomeserver,
  makeCertificate,
  Trap,
  type Outside,
  type Pair,
} from './homeserver-fixture.ts'

const names = ['hs.example', 'evil.example']
const good = homeserverKey('ed25519:a_1', 1)
const evil = homeserverKey('ed25519:a_1', 2)
const other = homeserverKey('ed25519:b_2', 3)
const alice = '@alice:hs.example'
const address = 'alice@example.org'
const content = { mxid: alice, threepid: { medium: 'email', address } }
const pair = `${address} ${alice}`

const federation = new FakeHomeserver((_request, response) => response.end())
const trap = new Trap()
const state = new BindingState()
let caPem: string
let outside: Outside
let server: HttpServer
let faults: Faults
/** What each homeserver says of its keys. */
let statements: Record<string, object | null>

function statement(name: string, more: Partial<Parameters<typeof keyObject>[0]> = {}): object {
  const keys = [name === 'evil.example' ? evil : good]
  return keyObject({ serverName: name, keys, validUntilMs: hourMs, ...more })
}

beforeAll(async () => {
  const pairs = await Promise.all(names.map(async (name) => [name, await makeCertificate([name])]))
  const certificates = Object.fromEntries(pairs) as Record<string, Pair>
  caPem = Object.values(certificates)
    .map(({ cert }) => cert)
    .join('\n')
  await Promise.all([federation.start(certificates), trap.start('127.0.0.2')])
  // Once: reading the usual authorities takes longer than a test.
  outside = createOutside({ ports: new Map([[8448, federation.port]]), caPem })
  federation.answer = ({ headers, url }, response) => {
    const said = url === '/_matrix/key/v2/server' ? statements[headers.host ?? ''] : null
    response.writeHead(said === null || said === undefined ? 404 : 200)
    response.end(JSON.stringify(said ?? {}))
  }
})

afterAll(() => Promise.all([federation.stop(), trap.stop()]))

beforeEach(async () => {
  state.clear()
  state.pairs.add(pair)
  statements = Object.fromEntries(names.map((name) => [name, statement(name)]))
  federation.seen.length = 0
  outside.nowMs = 0
  outside.resolver.hosts.set('hs.example', [['127.0.0.1']])
  outside.resolver.hosts.set('evil.example', [['127.0.0.1']])
  const started = await startBinding(outside, state)
  server = started.server
  faults = started.faults
  return () => server.stop()
})

type Signing = {
  members?: Record<string, unknown>
  key?: typeof good
  destination?: string | null
  path?: string
  body?: object
}

/** As a homeserver signs an unbind, with what the test wants otherwise. */
function header({
  members = {},
  key = good,
  destination = serverName,
  path = v2,
  body = content,
}: Signing = {}): string {
  const named = destination === null ? {} : { destination_is: destination }
  const uri = `${path}/unbind`
  const signed = { method: 'POST', uri, origin: 'hs.example', content: body, ...named, ...members }
  return xMatrix(signed, key, destination)
}

function unbind(
  authorizations: readonly string[],
  more: { path?: string; body?: object | string } = {},
): Promise<Reply> {
  const { path = v2, body = content } = more
  return send(server.port, `${path}/unbind`, { authorizations, body })
}

const done = { status: 200, body: {} }
const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } }

describe('a homeserver unbinds', () => {
  test('a pair of its own, without token or terms', async () => {
    expect(await unbind([header()])).toEqual(done)
    expect(state.pairs).toEqual(new Set())
    expect(federation.seen).toMatchObject([{ host: 'hs.example', url: '/_matrix/key/v2/server' }])
  })

  test('what is not bound, with the same answer', async () => {
    state.pairs.clear()
    expect(await unbind([header()])).toEqual(done)
  })

  test('again what was bound again, with the same bytes', async () => {
    for (let i = 0; i < 3; i++) {
      state.pairs.add(pair)
      expect(await unbind([header()])).toEqual(done)
      expect(state.pairs).toEqual(new Set())
    }
    expect(federation.seen).toHaveLength(1)
  })

  test('by the v1 path, signed for that', async () => {
    expect(await unbind([header({ path: v1 })], { path: v1 })).toEqual(done)
    expect(state.pairs).toEqual(new Set())
  })

  test.each([
    'www.example.org',
    'www.example.org:8443',
    'OLD.example.net',
    `${serverName}/`,
    `${serverName}/some/path`,
  ])('by the name %s, which is ours too', async (destination) => {
    expect(await unbind([header({ destination })])).toEqual(done)
  })

  test('with the destination as the specification spells it', async () => {
    const members = { destination_is: undefined, destination: serverName }
    expect(await unbind([header({ members })])).toEqual(done)
  })

  test('beside a bearer token, whosever', async () => {
    expect(await unbind(['Bearer nonsense', header()])).toEqual(done)
  })

  test('an address written otherwise, which is the same when folded', async () => {
    const body = { ...content, threepid: { medium: 'email', address: 'ALICE@Example.ORG' } }
    expect(await unbind([header({ body })], { body })).toEqual(done)
    expect(state.pairs).toEqual(new Set())
  })

  test('with a body whose members are sorted differently elsewhere', async () => {
    const odd = `{"10":1,"2":2,"__proto__":{"a":1},"\uff5e":3,"\u{1f600}":4,"e":"\\u0007\\u2028\\/"}`
    const body = { ...(JSON.parse(odd) as object), ...content }
    Object.defineProperty(body, '__proto__', { value: { a: 1 }, enumerable: true })
    expect(await unbind([header({ body })], { body })).toEqual(done)
    expect(({} as { a?: number }).a).toBeUndefined()
  })

  test('with keys that were rotated after they were asked for', async () => {
    await unbind([header()])
    statements['hs.example'] = statement('hs.example', { keys: [other] })
    expect(await unbind([header({ key: other })])).toMatchObject(forbidden)
    outside.nowMs += serverKeysRetryMs
    expect(await unbind([header({ key: other })])).toEqual(done)
    expect(await unbind([header()])).toMatchObject(forbidden)
  })
})

describe('nothing is unbound by', () => {
  afterEachKeepsThePair()

  test.each<[string, () => string[]]>([
    ['nothing', () => []],
    ['a bearer token alone', () => ['Bearer alice-token']],
    [
      'the signature of another homeserver',
      () => [header({ members: { origin: 'evil.example' }, key: evil })],
    ],
    ['the signature of another homeserver under this name', () => [header({ key: evil })]],
    [
      'a signature beside that of another homeserver',
      () => [header(), header({ members: { origin: 'evil.example' }, key: evil })],
    ],
    [
      'a signature behind that of another homeserver',
      () => [header({ members: { origin: 'evil.example' }, key: evil }), header()],
    ],
    ['two signatures of which one is bad', () => [header(), header({ key: evil })]],
    [
      'a signature for another body',
      () => [header({ body: { ...content, mxid: '@bob:hs.example' } })],
    ],
    ['a signature for another path', () => [header({ path: v1 })]],
    ['a signature for another method', () => [header({ members: { method: 'PUT' } })]],
    ['a signature for another server', () => [header({ destination: 'evil.example' })]],
    [
      'a signature for another server under our name',
      () => [header({ members: { destination_is: 'evil.example' } })],
    ],
    ['a signature by a key that is not offered', () => [header({ key: other })]],
    ['the origin in another case', () => [header({ members: { origin: 'HS.example' } })]],
    ['the origin with a port', () => [header({ members: { origin: 'hs.example:8448' } })]],
    ['an origin of which this is an ending', () => [header({ members: { origin: 'example' } })]],
    ['an origin that ends the same', () => [header({ members: { origin: 'xhs.example' } })]],
    ['an unreadable header', () => ['X-Matrix nonsense']],
    ['a header with an origin twice', () => [`${header()},origin="hs.example"`]],
  ])('%s', async (_name, authorizations) => {
    expect(await unbind(authorizations())).toMatchObject(forbidden)
  })

  test.each<[string, () => object]>([
    ['has expired', () => statement('hs.example', { validUntilMs: 0 })],
    [
      'is an old one',
      () =>
        statement('hs.example', {
          keys: [other],
          more: {
            old_verify_keys: { 'ed25519:a_1': { key: publicText(good), expired_ts: hourMs } },
          },
        }),
    ],
    ['is offered by a server of another name', () => statement('evil.example', { keys: [good] })],
    ['did not sign the offer', () => statement('hs.example', { signers: [] })],
    [
      'is offered beside one that did not sign',
      () => statement('hs.example', { keys: [good, other], signers: [good] }),
    ],
  ])('a key that %s', async (_name, said) => {
    statements['hs.example'] = said()
    expect(await unbind([header()])).toMatchObject(forbidden)
  })

  test.each([
    '@a:evil.example:hs.example',
    '@alice:hs.example\n',
    'alice',
    '@alice:xhs.example',
    '@alice:HS.example',
  ])('a homeserver that speaks for %j', async (mxid) => {
    const body = { ...content, mxid }
    const { status } = await unbind([header({ body })], { body })
    expect([400, 403]).toContain(status)
  })

  test('a homeserver that has no address we may connect to, or that is a private address', async () => {
    outside.resolver.hosts.set('hs.example', [['127.0.0.2']])
    const answers = [await unbind([header()])]
    for (const origin of ['127.0.0.2', `127.0.0.2:${trap.port}`, '[::ffff:127.0.0.2]']) {
      const body = { ...content, mxid: `@alice:${origin}` }
      answers.push(await unbind([header({ members: { origin }, body })], { body }))
    }
    expect(answers[0]).toMatchObject({ status: 502, body: { errcode: 'M_UNKNOWN' } })
    for (const answer of answers.slice(1)) expect(answer).toMatchObject(forbidden)
    expect(trap.connectionsCount).toBe(0)
  })

  test('half a session, and none', async () => {
    for (const half of [{ sid: 's' }, { client_secret: 'c' }, { sid: 's', client_secret: 'c' }]) {
      expect(await unbind([], { body: { ...content, ...half } })).toMatchObject(forbidden)
      const body = { ...content, ...half }
      expect(await unbind([header({ body })], { body })).toMatchObject(forbidden)
    }
  })

  test.each([
    ['no mxid', { threepid: content.threepid }],
    ['no threepid', { mxid: alice }],
    ['a threepid that is text', { ...content, threepid: 'email' }],
    ['an unknown medium', { ...content, threepid: { medium: 'post', address } }],
    ['a control character', { ...content, threepid: { medium: 'email', address: 'a\u0000@b' } }],
    ['a session id that is a number', { ...content, sid: 5, client_secret: 'c' }],
    ['a body that is a list', '[]'],
    ['a body that is none', ''],
  ])('a request with %s', async (_name, body) => {
    const answer = await unbind([header()], { body })
    expect(answer.status).toBe(400)
    expect(federation.seen).toEqual([])
  })

  function afterEachKeepsThePair(): void {
    beforeEach(() => () => {
      expect(state.pairs).toEqual(new Set([pair]))
      expect(faults).toEqual([])
    })
  }
})

test('a homeserver that may not sign here is not called', async () => {
  const strict = await startBinding(outside, state, { allowed: ['other.example'] })
  try {
    const given = { authorizations: [header()], body: content }
    expect(await send(strict.server.port, `${v2}/unbind`, given)).toMatchObject({ status: 403 })
    expect(federation.seen).toEqual([])
  } finally {
    await strict.server.stop()
  }
})
