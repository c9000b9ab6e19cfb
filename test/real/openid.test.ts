import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  userinfoBytesMax,
  wellKnownDefaultMs,
  wellKnownFailureMs,
} from '../../src/domain/api-limits.ts'
import {
  createOutside,
  FakeHomeserver,
  makeCertificate,
  startPlain,
  Trap,
  type Answering,
  type Outside,
  type Pair,
} from './homeserver-fixture.ts'

const alice = JSON.stringify({ sub: '@alice:hs.example' })
const userinfo = '/_matrix/federation/v1/openid/userinfo'

const names = ['hs.example', 'fed.example', 'srv.example', 'other.example']
let certificates: Record<string, Pair>
let caPem: string
/** What stands behind port 443, behind 8448, and behind another port. */
const web = new FakeHomeserver(notFound)
const federation = new FakeHomeserver(notFound)
const elsewhere = new FakeHomeserver(notFound)
const trap = new Trap()
let outside: Outside

function notFound(_request: unknown, response: ServerResponse): void {
  response.writeHead(404)
  response.end()
}

function answering(text: string, headers: Record<string, string> = {}, status = 200): Answering {
  return (_request, response) => {
    response.writeHead(status, headers)
    response.end(text)
  }
}

function redirecting(location: string): Answering {
  return answering('', { location }, 302)
}

const delegating = (server: unknown, headers: Record<string, string> = {}): Answering =>
  answering(JSON.stringify({ 'm.server': server }), headers)

beforeAll(async () => {
  const pairs = await Promise.all(names.map(async (name) => [name, await makeCertificate([name])]))
  const byName = Object.fromEntries(pairs) as Record<string, Pair>
  const unnamed = await makeCertificate([], ['127.0.0.1'])
  certificates = { ...byName, '': unnamed }
  caPem = Object.values(certificates)
    .map(({ cert }) => cert)
    .join('\n')
  await Promise.all([
    web.start(certificates),
    federation.start(certificates),
    elsewhere.start(certificates),
    trap.start('127.0.0.2'),
  ])
})

afterAll(() => Promise.all([web.stop(), federation.stop(), elsewhere.stop(), trap.stop()]))

beforeEach(() => {
  for (const server of [web, federation, elsewhere]) {
    server.seen.length = 0
    server.answer = notFound
  }
  federation.answer = answering(alice)
  outside = newOutside()
})

function newOutside(more: { verifyTls?: boolean; caPem?: string } = {}): Outside {
  const ports = new Map([
    [443, web.port],
    [8448, federation.port],
  ])
  const made = createOutside({ ports, caPem, ...more })
  for (const name of names) made.resolver.hosts.set(name, [['127.0.0.1']])
  return made
}

const unreachable = {
  code: 'homeserver-unreachable',
  message: 'the homeserver gave no usable answer',
}
const refused = { code: 'homeserver-refused' }

describe('finding the homeserver', () => {
  test('without well-known and SRV it is the name itself at port 8448', async () => {
    expect(await outside.vouch('hs.example')).toBe('@alice:hs.example')
    const url = `${userinfo}?access_token=opaque`
    expect(federation.seen).toEqual([{ name: 'hs.example', host: 'hs.example', url }])
    expect(web.seen.map(({ url: asked }) => asked)).toEqual(['/.well-known/matrix/server'])
    expect(outside.resolver.asked).toEqual([
      'hs.example',
      '_matrix-fed._tcp.hs.example',
      '_matrix._tcp.hs.example',
      'hs.example',
    ])
  })

  test('well-known may name a host and a port', async () => {
    web.answer = delegating(`fed.example:${elsewhere.port}`)
    elsewhere.answer = answering(alice)
    await outside.vouch('hs.example')
    expect(elsewhere.seen).toMatchObject([
      { name: 'fed.example', host: `fed.example:${elsewhere.port}` },
    ])
  })

  test('well-known may name a host, whose SRV records count then, under its own name', async () => {
    web.answer = delegating('fed.example')
    elsewhere.answer = answering(alice)
    outside.resolver.services.set('_matrix-fed._tcp.fed.example', [
      { name: 'srv.example', port: elsewhere.port, priority: 1, weight: 1 },
    ])
    await outside.vouch('hs.example')
    expect(elsewhere.seen).toMatchObject([{ name: 'fed.example', host: 'fed.example' }])
    expect(outside.resolver.asked).toContain('srv.example')
  })

  test('well-known may name a host without SRV records: port 8448 of it', async () => {
    web.answer = delegating('fed.example')
    await outside.vouch('hs.example')
    expect(federation.seen).toMatchObject([{ name: 'fed.example', host: 'fed.example' }])
  })

  test('well-known may name an address, whose certificate must bear it', async () => {
    web.answer = delegating(`127.0.0.1:${elsewhere.port}`)
    elsewhere.answer = answering(alice)
    await outside.vouch('hs.example')
    expect(elsewhere.seen).toMatchObject([{ name: '', host: `127.0.0.1:${elsewhere.port}` }])
  })

  test.each(['_matrix-fed._tcp', '_matrix._tcp'])(
    'SRV records of %s are followed',
    async (service) => {
      elsewhere.answer = answering(alice)
      outside.resolver.services.set(`${service}.hs.example`, [
        { name: 'srv.example', port: elsewhere.port, priority: 1, weight: 1 },
      ])
      await outside.vouch('hs.example')
      expect(elsewhere.seen).toMatchObject([{ name: 'hs.example', host: 'hs.example' }])
    },
  )

  test('the next target of SRV is tried when the first is not there', async () => {
    elsewhere.answer = answering(alice)
    outside.resolver.services.set('_matrix-fed._tcp.hs.example', [
      { name: 'srv.example', port: elsewhere.port, priority: 20, weight: 0 },
      { name: 'gone.example', port: 1, priority: 10, weight: 0 },
    ])
    expect(await outside.vouch('hs.example')).toBe('@alice:hs.example')
  })

  test('an explicit port asks neither well-known nor SRV', async () => {
    const server = `hs.example:${elsewhere.port}`
    elsewhere.answer = answering(JSON.stringify({ sub: `@alice:${server}` }))
    expect(await outside.vouch(server)).toBe(`@alice:${server}`)
    expect(elsewhere.seen).toMatchObject([{ name: 'hs.example', host: server }])
    expect(web.seen).toEqual([])
    expect(outside.resolver.asked).toEqual(['hs.example'])
  })

  test('an address that may be connected to is a homeserver too', async () => {
    const server = `127.0.0.1:${elsewhere.port}`
    elsewhere.answer = answering(JSON.stringify({ sub: `@alice:${server}` }))
    expect(await outside.vouch(server)).toBe(`@alice:${server}`)
    expect(outside.resolver.asked).toEqual([])
  })

  test.each([
    ['no JSON', answering('no')],
    ['an array', answering('[]')],
    ['no such member', answering('{}')],
    ['an odd name', delegating('a/b')],
    ['a number in disguise', delegating('2130706433')],
    ['an object', delegating({})],
    ['more than it may be', delegating(`${'a'.repeat(60_000)}.example`)],
    ['a redirect to http', redirecting('http://hs.example/')],
    ['a redirect to a file', redirecting('file:///etc/passwd')],
    ['a redirect with credentials', redirecting('https://a:b@other.example/')],
    ['a redirect to nowhere', answering('', {}, 302)],
    ['a redirect without end', redirecting('/again')],
  ])('a well-known with %s counts as none', async (_name, answer) => {
    web.answer = answer
    expect(await outside.vouch('hs.example')).toBe('@alice:hs.example')
    expect(federation.seen).toMatchObject([{ host: 'hs.example' }])
    expect(web.seen.length).toBeLessThan(10)
  })

  test('a well-known may redirect to another host', async () => {
    web.answer = (request, response) => {
      const isFirst = request.headers.host === 'hs.example'
      const answer = isFirst
        ? redirecting('https://other.example/moved')
        : delegating(`fed.example:${elsewhere.port}`)
      answer(request, response)
    }
    elsewhere.answer = answering(alice)
    await outside.vouch('hs.example')
    expect(web.seen.map(({ name, url }) => [name, url])).toEqual([
      ['hs.example', '/.well-known/matrix/server'],
      ['other.example', '/moved'],
    ])
  })

  test('a well-known is kept as long as it says, within bounds, and a missing one for a while', async () => {
    const askedAfter = async (ms: number): Promise<number> => {
      outside.nowMs += ms
      web.seen.length = 0
      await outside.vouch('hs.example')
      return web.seen.length
    }
    expect(await askedAfter(0)).toBe(1)
    expect(await askedAfter(wellKnownFailureMs - 1)).toBe(0)
    web.answer = delegating('fed.example')
    expect(await askedAfter(1)).toBe(1)
    expect(await askedAfter(wellKnownDefaultMs - 1)).toBe(0)
    web.answer = delegating('fed.example', { 'cache-control': 'public, max-age=3600' })
    expect(await askedAfter(1)).toBe(1)
    expect(await askedAfter(3_599_999)).toBe(0)
    web.answer = delegating('fed.example', { 'cache-control': 'max-age=999999999' })
    expect(await askedAfter(1)).toBe(1)
    expect(await askedAfter(2 * wellKnownDefaultMs - 1)).toBe(0)
    expect(await askedAfter(1)).toBe(1)
  })
})

describe('certificates', () => {
  test('one for another name is not taken', async () => {
    await withCertificate('other.example', async (port) => {
      await expect(outside.vouch(`hs.example:${port}`)).rejects.toMatchObject(unreachable)
    })
  })

  test('one for the target of SRV is not taken for the server', async () => {
    await withCertificate('srv.example', async (port) => {
      outside.resolver.services.set('_matrix-fed._tcp.hs.example', [
        { name: 'srv.example', port, priority: 1, weight: 1 },
      ])
      await expect(outside.vouch('hs.example')).rejects.toMatchObject(unreachable)
    })
  })

  test('one for a name is not taken for an address', async () => {
    await withCertificate('hs.example', async (port) => {
      await expect(outside.vouch(`127.0.0.1:${port}`)).rejects.toMatchObject(unreachable)
    })
  })

  test('one nobody trusts is not taken, unless nothing is verified', async () => {
    const { cert } = await makeCertificate(['hs.example'])
    await expect(newOutside({ caPem: cert }).vouch('hs.example')).rejects.toMatchObject(unreachable)
    const careless = newOutside({ caPem: cert, verifyTls: false })
    expect(await careless.vouch('hs.example')).toBe('@alice:hs.example')
  })

  /** Whatever name is announced, the certificate shown is that of `name`. */
  async function withCertificate(
    name: string,
    run: (port: number) => Promise<void>,
  ): Promise<void> {
    const server = new FakeHomeserver(answering(alice))
    const pair = certificates[name]
    if (pair === undefined) throw new Error(`no certificate for ${name}`)
    await server.start({ '': pair })
    try {
      await run(server.port)
      expect(server.seen).toEqual([])
    } finally {
      await server.stop()
    }
  }
})

describe('addresses nobody may reach', () => {
  test.each([
    '127.0.0.2',
    '[::1]',
    '0.0.0.0',
    '[::]',
    '169.254.169.254',
    '10.0.0.1',
    '100.64.0.1',
    '[::ffff:127.0.0.2]',
    '[fd00::1]',
    '2130706434',
    '0177.0.0.2',
    '0x7f.2',
    '127.2',
  ])('%s is refused like any odd name, and nobody connects', async (host) => {
    for (const server of [host, `${host}:${trap.port}`]) {
      await expect(outside.vouch(server)).rejects.toMatchObject({
        code: 'server-name-invalid',
        message: 'expected the name of a homeserver',
      })
    }
    expect(outside.resolver.asked).toEqual([])
    expect(trap.connectionsCount).toBe(0)
  })

  test.each([
    ['its own', [['127.0.0.2']]],
    ['one among others', [['127.0.0.1', '127.0.0.2']]],
    ['IPv4 in IPv6', [['::ffff:127.0.0.2']]],
    ['none at all', [[]]],
  ])('a name with %s is refused like a server that is down', async (_name, answers) => {
    outside.resolver.hosts.set('hs.example', answers)
    for (const server of [`hs.example:${trap.port}`, 'hs.example:1', 'hs.example']) {
      await expect(outside.vouch(server)).rejects.toMatchObject(unreachable)
    }
    expect(trap.connectionsCount).toBe(0)
    expect(federation.seen).toEqual([])
  })

  test('rebinding: the connection goes to the address that was checked', async () => {
    const server = `hs.example:${elsewhere.port}`
    elsewhere.answer = answering(JSON.stringify({ sub: `@alice:${server}` }))
    outside.resolver.hosts.set('hs.example', [['127.0.0.1'], ['127.0.0.2']])
    expect(await outside.vouch(server)).toBe(`@alice:${server}`)
    expect(outside.resolver.asked).toEqual(['hs.example'])
    await expect(outside.vouch(server)).rejects.toMatchObject(unreachable)
    expect(trap.connectionsCount).toBe(0)
  })

  test.each([
    ['an address', (port: number) => `127.0.0.2:${port}`],
    ['a name that has it', (port: number) => `private.example:${port}`],
  ])('a well-known that delegates to %s leads nowhere', async (_name, server) => {
    outside.resolver.hosts.set('private.example', [['127.0.0.2']])
    web.answer = delegating(server(trap.port))
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(unreachable)
    expect(trap.connectionsCount).toBe(0)
  })

  test.each([
    ['an address', (port: number) => `https://127.0.0.2:${port}/`],
    ['a number', (port: number) => `https://2130706434:${port}/`],
    ['a name that has it', (port: number) => `https://private.example:${port}/`],
  ])('a well-known that redirects to %s is none', async (_name, location) => {
    outside.resolver.hosts.set('private.example', [['127.0.0.2']])
    web.answer = redirecting(location(trap.port))
    expect(await outside.vouch('hs.example')).toBe('@alice:hs.example')
    expect(trap.connectionsCount).toBe(0)
  })

  test('SRV records that point there lead nowhere', async () => {
    outside.resolver.hosts.set('private.example', [['127.0.0.2']])
    outside.resolver.services.set('_matrix-fed._tcp.hs.example', [
      { name: 'private.example', port: trap.port, priority: 1, weight: 1 },
    ])
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(unreachable)
    expect(trap.connectionsCount).toBe(0)
  })
})

describe('what the homeserver says', () => {
  test('a token arrives as it is, whatever it contains', async () => {
    const token = 'a&b=c#d?e/f%20 g+h\u00e9'
    await outside.vouch('hs.example', token)
    const { url } = federation.seen[0] ?? { url: '' }
    expect(new URL(url, 'https://a').searchParams.getAll('access_token')).toEqual([token])
    expect(url).not.toMatch(/[ #]/)
  })

  test('no content type and HTTP/1.0 will do', async () => {
    federation.answer = (request, response) => {
      response.shouldKeepAlive = false
      request.socket.end(`HTTP/1.0 200 OK\r\n\r\n${alice}`)
    }
    expect(await outside.vouch('hs.example')).toBe('@alice:hs.example')
  })

  test.each([
    '@alice:other.example',
    '@alice:hs.example:8448',
    '@alice:HS.example',
    '@alice:evil:hs.example',
    '@alice:noths.example',
    'alice:hs.example',
    '@:hs.example',
    '@alice',
    'alice',
    '',
    '@a\u0000:hs.example',
    '@a\nb:hs.example',
    `@${'a'.repeat(300)}:hs.example`,
    5,
    null,
    { sub: '@alice:hs.example' },
    ['@alice:hs.example'],
    undefined,
  ])('nobody is %j', async (sub) => {
    federation.answer = answering(JSON.stringify({ sub }))
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(refused)
  })

  test.each([400, 401, 403, 404, 429])('status %i is a no', async (status) => {
    federation.answer = answering(alice, {}, status)
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(refused)
  })

  test.each([
    ['a redirect', redirecting(`https://hs.example${userinfo}`)],
    ['a fault', answering(alice, {}, 500)],
    ['another success', answering(alice, {}, 202)],
    ['no JSON', answering('no')],
    ['a key twice', answering('{"sub":"@a:hs.example","sub":"@alice:hs.example"}')],
    ['nothing', answering('')],
    ['packed JSON', answering('\u001f\u008b', { 'content-encoding': 'gzip' })],
    ['one byte too many', answering(alice.padEnd(userinfoBytesMax + 1))],
    ['ten megabytes of JSON', answering(alice.padEnd(10 * 1024 * 1024))],
  ])('%s is no usable answer', async (_name, answer) => {
    federation.answer = answer
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(unreachable)
    expect(federation.seen).toHaveLength(1)
  })

  test('an answer of just the allowed size is read', async () => {
    federation.answer = answering(alice.padEnd(userinfoBytesMax))
    expect(await outside.vouch('hs.example')).toBe('@alice:hs.example')
  })

  test('an answer without end is cut short', async () => {
    let isClosed = false
    federation.answer = (_request, response) => {
      response.writeHead(200)
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      }
      response.on('drain', pour)
      response.on('close', () => (isClosed = true))
      pour()
    }
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(unreachable)
    await expect.poll(() => isClosed).toBe(true)
  })

  test('an answer that never comes ends with the time for it, and the connection too', async () => {
    let isClosed = false
    federation.answer = (request) => request.socket.on('close', () => (isClosed = true))
    const vouched = outside.vouch('hs.example').catch((error: unknown) => error)
    await expect.poll(() => federation.seen.length).toBe(1)
    outside.expire()
    expect(await vouched).toMatchObject(unreachable)
    await expect.poll(() => isClosed).toBe(true)
  })

  test('a body that drips ends with the time for it', async () => {
    federation.answer = (_request, response) => {
      response.writeHead(200)
      response.write('{')
    }
    const vouched = outside.vouch('hs.example').catch((error: unknown) => error)
    await expect.poll(() => federation.seen.length).toBe(1)
    outside.expire()
    expect(await vouched).toMatchObject(unreachable)
  })

  test('a well-known that never comes is not remembered as missing', async () => {
    web.answer = () => {}
    const vouched = outside.vouch('hs.example').catch((error: unknown) => error)
    await expect.poll(() => web.seen.length).toBe(1)
    outside.expire()
    expect(await vouched).toMatchObject(unreachable)
    web.answer = delegating('fed.example')
    await outside.vouch('hs.example')
    expect(federation.seen).toMatchObject([{ host: 'fed.example' }])
  })

  test('what failed is told to the log alone', async () => {
    outside.resolver.hosts.set('hs.example', [['127.0.0.2']])
    await expect(outside.vouch('hs.example')).rejects.toMatchObject(unreachable)
    expect(outside.log).toMatchObject([{ target: 'hs.example', reason: 'blocked' }])
    expect(JSON.stringify(outside.log)).not.toContain('opaque')
  })
})

describe('the client', () => {
  test('refuses more calls at once than it may make', async () => {
    federation.answer = () => {}
    const ending = new AbortController()
    const call = (): Promise<unknown> =>
      outside.http.call({
        method: 'GET',
        url: new URL('https://hs.example:8448/'),
        answerBytesMax: 10,
        timeoutMs: 10_000,
        signal: ending.signal,
      })
    const waiting = [call(), call(), call(), call()].map((one) =>
      one.catch((error: unknown) => error),
    )
    await expect(call()).rejects.toMatchObject({ reason: 'busy' })
    ending.abort()
    for (const fault of await Promise.all(waiting))
      expect(fault).toMatchObject({ reason: 'timeout' })
    federation.answer = answering('ok')
    const reply = await outside.http.call({
      method: 'GET',
      url: new URL('https://hs.example:8448/'),
      answerBytesMax: 10,
      timeoutMs: 10_000,
    })
    expect(Buffer.from(reply.body).toString()).toBe('ok')
  })

  test('announces the name for the certificate, and says another one in the request', async () => {
    await outside.http.call({
      method: 'GET',
      url: new URL('https://srv.example:8448/'),
      hostHeader: 'other.example:8448',
      tlsName: 'hs.example',
      answerBytesMax: 100,
      timeoutMs: 5_000,
    })
    expect(federation.seen).toEqual([{ name: 'hs.example', host: 'other.example:8448', url: '/' }])
  })

  test('gives up by itself after the time it was given', async () => {
    federation.answer = () => {}
    const call = outside.http.call({
      method: 'GET',
      url: new URL('https://hs.example:8448/'),
      answerBytesMax: 10,
      timeoutMs: 50,
    })
    await expect(call).rejects.toMatchObject({ reason: 'timeout' })
  })

  test('sends bodies and headers, in plain HTTP too, and hands back what came', async () => {
    const received: string[] = []
    const plain = await startPlain((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(chunk.toString()))
      request.on('end', () => {
        received.push(request.headers['x-test'] as string, request.method ?? '')
        response.writeHead(201, { 'x-answer': 'a' })
        response.end('made')
      })
    })
    try {
      const reply = await outside.http.call({
        method: 'POST',
        url: new URL(`http://hs.example:${plain.port}/x`),
        headers: { 'x-test': 'b' },
        body: '{}',
        answerBytesMax: 10,
        timeoutMs: 5_000,
      })
      expect(reply.status).toBe(201)
      expect(reply.headers.get('x-answer')).toBe('a')
      expect(received).toEqual(['{}', 'b', 'POST'])
    } finally {
      await plain.stop()
    }
  })
})
