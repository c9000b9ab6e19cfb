import { connect } from 'node:net'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startHttpServer } from '../../src/http/server.ts'
import { createTlsKey, selfSignedCertificate } from '../../src/platform/certificate.ts'
import {
  addAccount,
  ask,
  sendRaw,
  startFixture,
  token,
  v2,
  type PublicFixture,
} from './public-fixture.ts'

let fixture: PublicFixture
let port: number

beforeAll(async () => {
  fixture = await startFixture()
  port = fixture.server.port
  addAccount(fixture, token, '@alice:example.org')
})

afterAll(() => fixture.server.stop())

describe('what is no HTTP', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n', 400],
    ['headers without end', `GET /?${'x'.repeat(30_000)} HTTP/1.1\r\n`, 431],
    [
      'two lengths',
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
    ],
  ])('%s is answered as JSON, and the connection closed', async (_name, text, status) => {
    const reply = await sendRaw(port, text)
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    const body = JSON.parse(reply.slice(reply.indexOf('\r\n\r\n'))) as object
    expect(body).toMatchObject({ errcode: /^M_/, error: /./ })
    expect(reply).toContain('Access-Control-Allow-Origin: *')
  })
})

describe('the listener', () => {
  test('a client that does not finish its headers is cut off', { timeout: 20_000 }, async () => {
    const reply = await sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\n')
    expect(reply).toMatch(/^HTTP\/1\.1 408 /)
    expect(reply).toContain('"errcode":"M_UNKNOWN"')
  })

  test('stop lets requests in flight finish and closes what idles', async () => {
    const stopping = await startFixture()
    const { port: slowPort } = stopping.server
    const agent = new Agent({ keepAliveTimeout: 60_000 })
    await (await request(`http://127.0.0.1:${slowPort}${v2}`, { dispatcher: agent })).body.dump()
    const answer = ask(slowPort, '/slow')
    await expect.poll(() => connections(slowPort)).toBe(true)
    const stopped = stopping.server.stop()
    await expect.poll(() => connections(slowPort)).toBe(false)
    stopping.release()
    const reply = await answer
    expect(reply).toMatchObject({ status: 200, text: 'at last' })
    expect(reply.headers['connection']).toBe('close')
    await stopped
    await agent.destroy()
  })

  test('a port that is taken is an error, not a silence', async () => {
    const options = { listen: { host: '127.0.0.1', port } }
    await expect(startHttpServer({ ...minimal, ...options })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  test('with a certificate it speaks TLS, 1.2 at least', async () => {
    const key = createTlsKey()
    const cert = await selfSignedCertificate({
      keyPem: key,
      name: 'localhost',
      nowMs: Date.now(),
      daysValid: 2,
    })
    const secure = await startFixture({ tls: { cert, key } })
    const url = `https://localhost:${secure.server.port}${v2}`
    const trusting = new Agent({ connect: { ca: cert } })
    const old = new Agent({ connect: { ca: cert, maxVersion: 'TLSv1.1' } })
    try {
      const reply = await request(url, { dispatcher: trusting })
      expect([reply.statusCode, await reply.body.text()]).toEqual([200, '{}'])
      await expect(request(url, { dispatcher: old })).rejects.toThrow()
    } finally {
      await Promise.all([trusting.destroy(), old.destroy()])
      await secure.server.stop()
    }
  })
})

const minimal = {
  endpoints: [],
  authenticate: () => null,
  isPublic: true,
  hasFastLane: false,
  trustedProxies: [],
  logger: { debug: () => {}, error: () => {} },
  clock: { monoMs: () => 0, setTimer: () => ({ cancel: () => {} }) },
  random: { bytes: (count: number) => new Uint8Array(count) },
}

function connections(toPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(toPort, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
