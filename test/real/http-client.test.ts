import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  configuredDestinations,
  createHttpClient,
  type HttpCall,
  type HttpReply,
} from '../../src/platform/http-client.ts'
import {
  createOutside,
  FakeHomeserver,
  FakeResolver,
  makeCertificate,
  startPlain,
  Trap,
  type Outside,
} from './homeserver-fixture.ts'

const server = new FakeHomeserver((_request, response) => response.end())
const trap = new Trap()
let caPem: string
let outside: Outside

beforeAll(async () => {
  const pair = await makeCertificate(['hs.example'])
  caPem = pair.cert
  await Promise.all([server.start({ 'hs.example': pair, '': pair }), trap.start('127.0.0.2')])
  outside = createOutside({ ports: new Map([[8448, server.port]]), caPem })
})

afterAll(() => Promise.all([server.stop(), trap.stop()]))

beforeEach(() => {
  server.seen.length = 0
  outside.resolver.hosts.clear()
  outside.resolver.hosts.set('hs.example', [['127.0.0.1']])
})

function call(more: Partial<HttpCall> = {}): Promise<HttpReply> {
  return outside.http.call({
    method: 'GET',
    url: new URL('https://hs.example:8448/'),
    answerBytesMax: 100_000,
    timeoutMs: 5_000,
    ...more,
  })
}

describe('bounds', () => {
  test('a redirect is an answer, not followed', async () => {
    server.answer = (_request, response) => {
      response.writeHead(307, { location: `https://127.0.0.2:${trap.port}/` })
      response.end('moved')
    }
    const reply = await call({ method: 'POST', body: 'secret' })
    expect([reply.status, Buffer.from(reply.body).toString()]).toEqual([307, 'moved'])
    expect(server.seen).toHaveLength(1)
    expect(trap.connectionsCount).toBe(0)
  })

  test('what is packed stays packed, however large it would be', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    server.answer = ({ headers }, response) => {
      expect(headers['accept-encoding']).toBeUndefined()
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(bomb)
    }
    expect(Buffer.from((await call()).body)).toEqual(bomb)
    await expect(call({ answerBytesMax: bomb.length - 1 })).rejects.toMatchObject({
      reason: 'too-large',
    })
  })

  test.each([
    ['body', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['head', 'HTTP/1.1 200 OK\r\nX-Slow: '],
  ])('a %s that comes byte by byte ends with the time for the call', async (_name, start) => {
    let isClosed = false
    server.answer = ({ socket }) => {
      socket.write(start)
      const drip = setInterval(() => socket.write('a'), 20)
      socket.on('close', () => {
        clearInterval(drip)
        isClosed = true
      })
    }
    await expect(call({ timeoutMs: 300 })).rejects.toMatchObject({ reason: 'timeout' })
    await expect.poll(() => isClosed).toBe(true)
  })

  test('a head without end is no answer', async () => {
    server.answer = ({ socket }) => {
      socket.on('error', () => {})
      socket.write(`HTTP/1.1 200 OK\r\n${'X-More: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(20_000)}`)
    }
    await expect(call()).rejects.toMatchObject({ reason: 'unreachable' })
  })

  test.each(['hs.example\r\nX-More: 1', 'hs.example\n'])(
    'the host %j is not sent',
    async (hostHeader) => {
      await expect(call({ hostHeader })).rejects.toMatchObject({ name: 'HttpFault' })
      expect(server.seen).toEqual([])
    },
  )
})

describe('addresses', () => {
  test.each([
    '127.0.0.2',
    '2130706434',
    '0177.0.0.2',
    '0x7f.2',
    '127.2',
    '[::ffff:127.0.0.2]',
    '[::ffff:7f00:2]',
    '[64:ff9b::7f00:2]',
    '[2002:7f00:2::]',
    '[::127.0.0.2]',
    '0.0.0.0',
    '[::]',
  ])('%s is not connected to', async (host) => {
    const url = new URL(`https://${host}:${trap.port}/`)
    await expect(call({ url })).rejects.toMatchObject({ reason: 'blocked' })
    expect(trap.connectionsCount).toBe(0)
  })

  test.each([
    [['127.0.0.2']],
    [['127.0.0.1', '127.0.0.2']],
    [['::ffff:127.0.0.2']],
    [['64:ff9b::7f00:2']],
    [['fe80::1%lo']],
    [['nonsense']],
  ])('a name with the addresses %j leads nowhere', async (addresses) => {
    outside.resolver.hosts.set('two.example', [addresses])
    const url = new URL(`https://two.example:${trap.port}/`)
    await expect(call({ url })).rejects.toMatchObject({ reason: 'blocked' })
    expect(trap.connectionsCount).toBe(0)
  })
})

describe('what the operator configured', () => {
  const resolver = new FakeResolver()

  test('may stand in a private network', async () => {
    const http = createHttpClient({ ...configuredDestinations, resolver, callsMax: 1 })
    resolver.hosts.set('sms.internal', [['127.0.0.1']])
    const plain = await startPlain((_request, response) => response.end('taken'))
    try {
      for (const host of ['127.0.0.1', 'sms.internal']) {
        const reply = await http.call({
          method: 'POST',
          url: new URL(`http://${host}:${plain.port}/sms`),
          body: '{}',
          answerBytesMax: 10,
          timeoutMs: 5_000,
        })
        expect(Buffer.from(reply.body).toString()).toBe('taken')
      }
    } finally {
      await plain.stop()
    }
  })

  test('must show a certificate somebody trusts, for its name', async () => {
    resolver.hosts.set('hs.example', [['127.0.0.1']])
    const post = (caPemGiven: string | null, name: string): Promise<HttpReply> =>
      createHttpClient({
        ...configuredDestinations,
        resolver,
        callsMax: 1,
        ...(caPemGiven === null ? {} : { caPem: caPemGiven }),
      }).call({
        method: 'POST',
        url: new URL(`https://${name}:${server.port}/`),
        body: 'secret',
        answerBytesMax: 10,
        timeoutMs: 5_000,
      })
    server.answer = (_request, response) => response.end()
    await expect(post(null, 'hs.example')).rejects.toMatchObject({ reason: 'unreachable' })
    await expect(post(caPem, '127.0.0.1')).rejects.toMatchObject({ reason: 'unreachable' })
    expect(server.seen).toEqual([])
    expect((await post(caPem, 'hs.example')).status).toBe(200)
  })
})
