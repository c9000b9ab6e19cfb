import { randomBytes } from 'node:crypto'
import { createServer as createTlsServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { headsBytesMax } from '../../src/domain/limits.ts'
import { RefusalError } from '../../src/domain/refusal.ts'
import type { MeshHandlers } from '../../src/replication/mesh-exchange.ts'
import {
  startMeshListener,
  type MeshListener,
  type MeshListenerOptions,
} from '../../src/replication/mesh-listener.ts'
import {
  createMtlsTransport,
  type MtlsTransport,
  type MtlsTransportOptions,
} from '../../src/replication/mtls-transport.ts'
import type { PeerAddress } from '../../src/replication/transport.ts'
import { party, peerRow, RawCaller, until, type Party } from './mesh-parties.ts'

const paris = 'paris.id.example.org'
const lyon = 'lyon.id.example.org'
const log = `${paris}/site~abcdefgh`
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

let server: Party
let caller: Party
beforeAll(async () => {
  server = await party(paris)
  caller = await party(lyon)
})

async function listen(
  handlers: Partial<MeshHandlers>,
  options: Partial<MeshListenerOptions> = {},
): Promise<MeshListener> {
  const unused = async (): Promise<never> => {
    throw new Error('not expected here')
  }
  const listener = await startMeshListener({
    host: '127.0.0.1',
    port: 0,
    tls: server.tls,
    livePeers: () => [peerRow(lyon, caller.pin)],
    handlers: { heads: unused, push: unused, entries: unused, ...handlers },
    nowMs: Date.now,
    onRefused: () => undefined,
    onFault: () => undefined,
    ...options,
  })
  ends.push(() => listener.stop(AbortSignal.abort()))
  return listener
}

function transportOf(options: Partial<MtlsTransportOptions> = {}): MtlsTransport {
  const { name, tls } = caller
  const transport = createMtlsTransport({ name, tls, nowMs: Date.now, ...options })
  ends.push(() => transport.close())
  return transport
}

function parisAt(port: number, prefix = ''): PeerAddress {
  return { name: paris, url: `https://127.0.0.1:${port}${prefix}`, tlsPins: [server.pin] }
}

const signal = (): AbortSignal => AbortSignal.timeout(15_000)

async function* pieces(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++)
    yield randomBytes(size / 2 - 1)
      .toString('hex')
      .padEnd(size) as never
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of stream) all.push(piece)
  return Buffer.concat(all)
}

async function* bytesOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

describe('heads', () => {
  test('full is asked for by name and answers come packed when that is wanted', async () => {
    const body = { logs: Array.from({ length: 2_000 }, (_, i) => ({ log: `log ${i}` })) }
    const asked: boolean[] = []
    const heads = async (_: unknown, full: boolean): Promise<object> => (asked.push(full), body)
    const { port } = await listen({ heads })
    for (const packing of ['never', 'always'] as const) {
      const transport = transportOf({ packing })
      const answer = await transport.heads(parisAt(port), { full: true, signal: signal() })
      expect(answer).toEqual({ status: 200, body })
    }
    expect(asked).toEqual([true, true])
    const raw = RawCaller.as(caller, port)
    raw.send('GET /_mesh/v1/heads HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n')
    await until('the answer', () => raw.received.includes('content-encoding: gzip'))
    raw.socket.destroy()
  })

  test('an answer longer than the bound is refused, packed or not', async () => {
    const { port } = await listen({ heads: async () => ({ text: 'ab'.repeat(headsBytesMax / 2) }) })
    for (const packing of ['never', 'always'] as const) {
      const call = transportOf({ packing }).heads(parisAt(port), { full: false, signal: signal() })
      await expect(call).rejects.toMatchObject({ name: 'TransportFault' })
    }
  })

  test('a prefix in the peer’s URL stands before every path', async () => {
    const paths: string[] = []
    const { keyPem, certPem } = server.tls
    const proxy = createTlsServer({ key: keyPem, cert: certPem }, (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        paths.push(bytes.toString().split(' ')[1] ?? '')
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    ends.push(() => proxy.close())
    const { port } = proxy.address() as AddressInfo
    const transport = transportOf()
    await transport.heads(parisAt(port, '/mesh/'), { full: false, signal: signal() })
    await transport.entries(parisAt(port, '/mesh/'), { log, from: 7, signal: signal() })
    const segment = `${paris}%2Fsite~abcdefgh`
    expect(paths).toEqual(['/mesh/_mesh/v1/heads', `/mesh/_mesh/v1/logs/${segment}/entries?from=7`])
  })
})

describe('push', () => {
  test('a chunk arrives as it was, short or long, packed or not', async () => {
    const received: Buffer[] = []
    const push: MeshHandlers['push'] = async (_, body) => {
      received.push(await read(body))
      return { status: 200, body: { have: { [log]: 3 } } }
    }
    const { port } = await listen({ push })
    const long = randomBytes(200_000).toString('hex')
    for (const packing of ['never', 'always', 'auto'] as const) {
      const transport = transportOf({ packing })
      for (const texts of [['short\n'], [long.slice(0, 3_000), long], []]) {
        const answer = await transport.push(parisAt(port), bytesOf(...texts), { signal: signal() })
        expect(answer).toEqual({ status: 200, body: { have: { [log]: 3 } } })
        expect(received.pop()?.toString() === texts.join('')).toBe(true)
      }
    }
  })

  test('a refusal before the end of a long body arrives, with what the caller needs to go on', async () => {
    const push: MeshHandlers['push'] = async (_, body) => {
      for await (const piece of body) if (piece.length > 0) break
      throw new RefusalError('gap', 'expected 5, got 9', { log, have: 5 })
    }
    const { port } = await listen({ push })
    for (const packing of ['never', 'always'] as const) {
      const transport = transportOf({ packing })
      for (let i = 0; i < 5; i++) {
        const chunk = pieces(100, 65_536)
        const answer = await transport.push(parisAt(port), chunk, { signal: signal() })
        const body = { code: 'gap', message: 'expected 5, got 9', log, have: 5 }
        expect(answer).toEqual({ status: 409, body })
      }
    }
  })

  test('a gzip bomb is refused by name and its connection is not needed for it to end', async () => {
    let unpackedBytes = 0
    const push: MeshHandlers['push'] = async (_, body) => {
      for await (const piece of body) unpackedBytes += piece.length
      return { status: 200, body: {} }
    }
    const { port } = await listen({ push })
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024))
    const raw = RawCaller.as(caller, port)
    raw.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\n')
    raw.send(`content-length: ${bomb.length}\r\n\r\n`)
    raw.send(bomb)
    await until('the refusal', () => raw.statuses.length === 1)
    expect(raw.statuses).toEqual([413])
    expect(raw.received).toContain('"code":"unpacked-too-long"')
    expect(unpackedBytes).toBeLessThan(8 * 1024 * 1024)
    raw.socket.destroy()
  })

  test('a caller that leaves in the middle ends the stream as truncated', async () => {
    const ended: unknown[] = []
    const push: MeshHandlers['push'] = async (_, body) => {
      await read(body).catch((error: unknown) => ended.push(error))
      return { status: 200, body: {} }
    }
    const { port } = await listen({ push })
    const raw = RawCaller.as(caller, port)
    raw.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf a chunk')
    await until('it was sent', () => raw.socket.bytesWritten > 60)
    await new Promise((resolve) => setTimeout(resolve, 50))
    raw.socket.destroy()
    await until('the handler heard of it', () => ended.length === 1)
    expect(ended).toMatchObject([{ code: 'chunk-truncated' }])
  })

  test('a caller that stops sending is cut off, one that waits for us is not', async () => {
    const ended: unknown[] = []
    let answer = (): void => undefined
    const slow = new Promise<void>((resolve) => (answer = resolve))
    const push: MeshHandlers['push'] = async (_, body) => {
      await read(body).catch((error: unknown) => ended.push(error))
      await slow
      return { status: 200, body: {} }
    }
    const { port } = await listen({ push }, { peerIdleMs: 200 })
    const [silent, patient] = [RawCaller.as(caller, port), RawCaller.as(caller, port)]
    silent.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf')
    patient.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nwhole')
    await until('the silent one is cut off', () => silent.isClosed)
    expect(ended).toMatchObject([{ code: 'chunk-truncated' }])
    await new Promise((resolve) => setTimeout(resolve, 300))
    answer()
    await until('the patient one is answered', () => patient.statuses.length === 1)
    expect(patient.statuses).toEqual([200])
    patient.socket.destroy()
  })

  test('a chunk that breaks in the making is a fault of its maker', async () => {
    const { port } = await listen({
      push: async (_, body) => ({ status: 200, body: { length: (await read(body)).length } }),
    })
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield randomBytes(10_000)
      throw new Error('the store broke')
    }
    const call = transportOf().push(parisAt(port), broken(), { signal: signal() })
    await expect(call).rejects.toThrow('the store broke')
  })
})

describe('entries', () => {
  const streaming = (stream: () => AsyncIterable<Uint8Array>): Partial<MeshHandlers> => ({
    entries: async () => ({ status: 200, stream: stream() }),
  })
  const pull = async (
    transport: MtlsTransport,
    port: number,
  ): Promise<AsyncIterable<Uint8Array>> => {
    const answer = await transport.entries(parisAt(port), { log, from: 0, signal: signal() })
    if (!('body' in answer)) throw new Error(`expected a stream, got ${answer.status}`)
    return answer.body
  }

  test('a log travels whole, packed or not', async () => {
    const text = randomBytes(500_000).toString('hex')
    const asked: unknown[] = []
    const { port } = await listen({
      entries: async (...range) => {
        asked.push(range.slice(1))
        return { status: 200, stream: bytesOf(text.slice(0, 100_000), text.slice(100_000)) }
      },
    })
    for (const packing of ['never', 'always'] as const) {
      const body = await pull(transportOf({ packing }), port)
      expect((await read(body)).toString() === text).toBe(true)
    }
    expect(asked).toEqual([
      [log, 0],
      [log, 0],
    ])
  })

  test('a slow stream moves although it is packed', async () => {
    let goOn = (): void => undefined
    const pause = new Promise<void>((resolve) => (goOn = resolve))
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first\n')
      await pause
      yield Buffer.from('second\n')
    }
    const { port } = await listen(streaming(slow))
    const body = (await pull(transportOf({ packing: 'always' }), port))[Symbol.asyncIterator]()
    expect(Buffer.from((await body.next()).value as Uint8Array).toString()).toBe('first\n')
    goOn()
    expect(Buffer.from((await body.next()).value as Uint8Array).toString()).toBe('second\n')
    expect((await body.next()).done).toBe(true)
  })

  test('a reader that pauses pauses the sender, and one that stays away is cut off', async () => {
    let made = 0
    let isEnded = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          made++
          yield randomBytes(65_536)
        }
      } finally {
        isEnded = true
      }
    }
    const { port } = await listen(streaming(endless), { peerIdleMs: 1_000 })
    const raw = RawCaller.as(caller, port)
    raw.get(`/_mesh/v1/logs/${encodeURIComponent(log)}/entries?from=0`)
    raw.socket.pause()
    let [madeLast, lastMs] = [0, Date.now()]
    await until('the sender rests', () => {
      if (made !== madeLast) [madeLast, lastMs] = [made, Date.now()]
      return made > 0 && Date.now() - lastMs > 200
    })
    expect(made).toBeLessThan(400)
    await until('the sender ended', () => isEnded)
    raw.socket.destroy()
  })

  test('a sender that breaks in the middle is a truncated stream, never a whole one', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first\n')
      throw new Error('the store broke')
    }
    const faults: unknown[] = []
    const { port } = await listen(streaming(broken), { onFault: (fault) => faults.push(fault) })
    for (const packing of ['never', 'always'] as const) {
      const call = pull(transportOf({ packing }), port).then(read)
      await expect(call).rejects.toMatchObject({ code: 'chunk-truncated' })
    }
    expect(faults).toHaveLength(2)
  })

  test('a refusal at the first piece is still a refusal in words', async () => {
    const refusal = { code: 'log-not-readable', message: 'not for you', log }
    async function* refusing(): AsyncGenerator<Uint8Array> {
      if (refusal.log === log) throw new RefusalError('log-not-readable', 'not for you', { log })
      yield Buffer.from('never')
    }
    const { port } = await listen(streaming(refusing))
    const answer = await transportOf().entries(parisAt(port), { log, from: 0, signal: signal() })
    expect(answer).toEqual({ status: 403, refusal })
  })

  test('a long pull delays neither heads nor a push', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield randomBytes(1000)
    }
    const { port } = await listen({
      ...streaming(endless),
      heads: async () => ({}),
      push: async () => ({ status: 200, body: {} }),
    })
    const transport = transportOf()
    const body = (await pull(transport, port))[Symbol.asyncIterator]()
    await body.next()
    const push = transport.push(parisAt(port), bytesOf('x'), { signal: signal() })
    expect((await push).status).toBe(200)
    const heads = transport.heads(parisAt(port), { full: false, signal: signal() })
    expect((await heads).status).toBe(200)
    await body.return?.()
  })
})

describe('what is no call', () => {
  test('other paths, methods and parameters are refused in JSON, and the connection lives on', async () => {
    const { port } = await listen({ heads: async () => ({}) })
    const raw = RawCaller.as(caller, port)
    const wrongs: [string, number, string][] = [
      ['GET /', 404, 'path-unknown'],
      ['GET /_mesh/v1/heads/', 404, 'path-unknown'],
      ['GET /_mesh/v2/heads', 404, 'path-unknown'],
      ['GET /_matrix/identity/versions', 404, 'path-unknown'],
      [`GET /_mesh/v1/logs/${log}/entries?from=0`, 404, 'path-unknown'],
      ['GET /_mesh/v1/logs/nonsense/entries?from=0', 404, 'log-unknown'],
      ['GET /_mesh/v1/logs/%ff/entries?from=0', 404, 'log-unknown'],
      ['PUT /_mesh/v1/heads', 405, 'method-unknown'],
      ['GET /_mesh/v1/push', 405, 'method-unknown'],
      [`GET /_mesh/v1/logs/${encodeURIComponent(log)}/entries`, 400, 'param-missing'],
      [`GET /_mesh/v1/logs/${encodeURIComponent(log)}/entries?from=-1`, 400, 'param-invalid'],
      [
        `GET /_mesh/v1/logs/${encodeURIComponent(log)}/entries?from=9007199254740993`,
        400,
        'param-invalid',
      ],
    ]
    for (const [call, status, code] of wrongs) {
      raw.received = ''
      raw.send(`${call} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`)
      await until(`an answer to ${call}`, () => raw.received.includes('}'))
      expect([call, raw.statuses]).toEqual([call, [status]])
      expect(raw.received).toContain(`"code":"${code}"`)
      expect(raw.received).toContain('content-type: application/json')
    }
    expect(raw.isClosed).toBe(false)
    raw.socket.destroy()
  })

  test('a fault says nothing of itself outside and everything inside', async () => {
    const faults: unknown[] = []
    const fault = new Error('secret path /var/lib')
    const { port } = await listen(
      { heads: () => Promise.reject(fault) },
      { onFault: (each) => faults.push(each) },
    )
    const answer = await transportOf().heads(parisAt(port), { full: false, signal: signal() })
    expect(answer).toEqual({ status: 500, body: { code: 'fault', message: 'internal fault' } })
    expect(faults).toEqual([fault])
  })

  test('busy is answered with when to come again', async () => {
    const { port } = await listen({
      push: () => Promise.reject(new RefusalError('writer-busy', 'later')),
    })
    const raw = RawCaller.as(caller, port)
    raw.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
    await until('the refusal', () => raw.statuses.length === 1)
    expect(raw.statuses).toEqual([429])
    expect(raw.received).toMatch(/retry-after: 1\r\n/i)
    raw.socket.destroy()
  })

  test('headers that are too long are refused', async () => {
    const { port } = await listen({})
    const raw = RawCaller.as(caller, port)
    raw.send(`GET /_mesh/v1/heads HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)
    await until('it is cut off', () => raw.isClosed)
    expect(raw.statuses).toEqual([431])
  })
})

describe('stopping', () => {
  test('a stop cuts pulls and idle connections and lets a push end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield randomBytes(1000)
    }
    let finish = (): void => undefined
    const held = new Promise<void>((resolve) => (finish = resolve))
    const listener = await listen({
      heads: async () => ({}),
      push: async () => (await held, { status: 200, body: {} }),
      entries: async () => ({ status: 200, stream: endless() }),
    })
    const { port } = listener
    const [idle, pushing] = [RawCaller.as(caller, port), RawCaller.as(caller, port)]
    idle.get('/_mesh/v1/heads')
    pushing.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
    await until('an answer', () => idle.statuses.length === 1)
    const answer = await transportOf().entries(parisAt(port), { log, from: 0, signal: signal() })
    if (!('body' in answer)) throw new Error('expected a stream')
    const pulled = read(answer.body)
    const noted = expect(pulled).rejects.toMatchObject({ code: 'chunk-truncated' })
    let isStopped = false
    const stopped = listener.stop().then(() => (isStopped = true))
    await noted
    await until('the idle connection is cut', () => idle.isClosed)
    expect(isStopped).toBe(false)
    finish()
    await stopped
    await until('the push is answered and closed', () => pushing.isClosed)
    expect(pushing.statuses).toEqual([200])
  })

  test('a stop that may not wait cuts everything', async () => {
    const listener = await listen({ push: () => new Promise(() => undefined) })
    const raw = RawCaller.as(caller, listener.port)
    raw.send('POST /_mesh/v1/push HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
    await until('it was sent', () => raw.socket.bytesWritten > 0)
    const cut = new AbortController()
    const stopped = listener.stop(cut.signal)
    cut.abort()
    await stopped
    await until('it is cut off', () => raw.isClosed)
  })

  test('a call that is given up says why', async () => {
    const { port } = await listen({ heads: () => new Promise(() => undefined) })
    const transport = transportOf()
    const reasons = [
      [AbortSignal.timeout(50), 'it did not answer in time'],
      [AbortSignal.abort(), 'the call was given up'],
      [AbortSignal.abort(new Error('no answer within 60 s')), 'no answer within 60 s'],
    ] as const
    for (const [given, reason] of reasons) {
      const call = transport.heads(parisAt(port), { full: false, signal: given })
      await expect(call).rejects.toMatchObject({ name: 'TransportFault', reason })
    }
  })

  test('a closed transport makes no calls', async () => {
    const { port } = await listen({ heads: async () => ({}) })
    const transport = transportOf()
    await transport.close()
    const call = transport.heads(parisAt(port), { full: false, signal: signal() })
    await expect(call).rejects.toThrow('this node is stopping')
  })
})
