import { createServer as createTlsServer } from 'node:tls'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Peer } from '../../src/domain/peer.ts'
import type { MeshHandlers } from '../../src/replication/mesh-exchange.ts'
import {
  startMeshListener,
  type ListenerRefusal,
  type MeshListener,
  type MeshListenerOptions,
} from '../../src/replication/mesh-listener.ts'
import { createMtlsTransport, type MtlsTransport } from '../../src/replication/mtls-transport.ts'
import type { PeerAddress } from '../../src/replication/transport.ts'
import { Authority, dayMs, party, peerRow, RawCaller, until, type Party } from './mesh-parties.ts'

const paris = 'paris.id.example.org'
const lyon = 'lyon.id.example.org'
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

const handlers: MeshHandlers = {
  heads: async (peer, full) => ({ to: peer.name, full }),
  push: async () => ({ status: 200, body: {} }),
  entries: async () => ({ status: 404, body: {} }),
}

type Started = MeshListener & { refusals: ListenerRefusal[]; peers: Peer[] }

async function listen(options: Partial<MeshListenerOptions> = {}): Promise<Started> {
  const refusals: ListenerRefusal[] = []
  const peers = [peerRow(lyon, caller.pin)]
  const listener = await startMeshListener({
    host: '127.0.0.1',
    port: 0,
    tls: server.tls,
    livePeers: () => peers,
    handlers,
    nowMs: Date.now,
    onRefused: (refusal) => refusals.push(refusal),
    onFault: () => undefined,
    ...options,
  })
  ends.push(() => listener.stop(AbortSignal.abort()))
  return { ...listener, refusals, peers }
}

function transportOf({ name, tls }: Party, nowMs = Date.now): MtlsTransport {
  const transport = createMtlsTransport({ name, tls, nowMs })
  ends.push(() => transport.close())
  return transport
}

function address(port: number, ...tlsPins: string[]): PeerAddress {
  return { name: paris, url: `https://127.0.0.1:${port}`, tlsPins }
}

async function headsOf(transport: MtlsTransport, peer: PeerAddress) {
  return await transport.heads(peer, { full: false, signal: AbortSignal.timeout(8_000) })
}

async function tcpPort(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => server.close())
  return (server.address() as AddressInfo).port
}

describe('pinned keys', () => {
  test('a caller and a callee that know each other by their keys talk', async () => {
    const { port } = await listen()
    const transport = transportOf(caller)
    const answer = await headsOf(transport, address(port, server.pin))
    expect(answer).toEqual({ status: 200, body: { to: lyon, full: false } })
    const expiries = transport.certificateExpiriesMs()
    expect([...expiries.keys()].sort()).toEqual([lyon, paris])
    expect((expiries.get(paris) ?? 0) - Date.now()).toBeGreaterThan(364 * dayMs)
  })

  test('a callee with another key is not talked to, and the fault names the key it has', async () => {
    const { port } = await listen()
    const call = headsOf(transportOf(caller), address(port, caller.pin))
    const reason = `its certificate is not the one peers.json pins: got ${server.pin}`
    await expect(call).rejects.toMatchObject({ name: 'TransportFault', reason })
  })

  test('no byte of a request reaches a server that is not the peer', async () => {
    let receivedBytes = 0
    let connections = 0
    const { keyPem, certPem } = (await party('thief.example.org')).tls
    const thief = createTlsServer({ key: keyPem, cert: certPem, requestCert: true }, (socket) => {
      socket.on('data', (bytes) => (receivedBytes += bytes.length))
      socket.on('error', () => undefined)
    })
    thief.on('connection', () => connections++)
    const port = await tcpPort(thief)
    const transport = transportOf(caller)
    const signal = AbortSignal.timeout(8_000)
    async function* chunk(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a secret line\n')
    }
    const calls = [
      transport.heads(address(port, server.pin), { full: true, signal }),
      transport.push(address(port, server.pin), chunk(), { signal }),
    ]
    for (const call of calls) await expect(call).rejects.toThrow('peers.json pins')
    await until('the thief saw connections', () => connections >= 1)
    expect(receivedBytes).toBe(0)
  })

  test('a caller without a certificate is refused by name and cut off', async () => {
    const { port, refusals } = await listen()
    const stranger = new RawCaller(port)
    stranger.get('/_mesh/v1/heads')
    await until('the stranger is cut off', () => stranger.isClosed)
    expect(stranger.statuses).toEqual([403])
    expect(stranger.received).toContain('"code":"caller-unknown"')
    expect(refusals).toMatchObject([{ cause: 'caller-unknown', address: '127.0.0.1' }])
  })

  test('a caller with a certificate of its own making is refused, though it bears a peer’s name', async () => {
    const { port } = await listen()
    const impostor = RawCaller.as(await party(lyon), port)
    impostor.get('/_mesh/v1/heads')
    await until('the impostor is cut off', () => impostor.isClosed)
    expect(impostor.statuses).toEqual([403])
  })

  test('a stranger who sends a large body still hears why', async () => {
    const { port } = await listen()
    const call = transportOf(await party('else.example.org'))
    async function* chunk(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 100; i++) yield Buffer.alloc(65_536, 'x')
    }
    const signal = AbortSignal.timeout(8_000)
    const answer = await call.push(address(port, server.pin), chunk(), { signal })
    expect(answer).toMatchObject({ status: 403, body: { code: 'caller-unknown' } })
  })

  test('a peer is who its key says, whoever else is in the list', async () => {
    const other = await party('nice.id.example.org')
    const { port, peers } = await listen()
    peers.push(peerRow(other.name, other.pin))
    const answer = await headsOf(transportOf(other), address(port, server.pin))
    expect(answer.body).toMatchObject({ to: other.name })
    // Reaching one peer where another was called is a fault, although both are known.
    const call = headsOf(transportOf(caller), address(port, other.pin))
    await expect(call).rejects.toThrow('peers.json pins')
  })

  test('a key listed for two peers is nobody’s', async () => {
    const { port, peers } = await listen()
    peers.push(peerRow('nice.id.example.org', caller.pin))
    const answer = await headsOf(transportOf(caller), address(port, server.pin))
    expect(answer).toMatchObject({ status: 403, body: { code: 'caller-unknown' } })
  })

  test('of two pins either is accepted, on both sides', async () => {
    const next = await party(lyon)
    const { port, peers } = await listen()
    peers.splice(0, 1, peerRow(lyon, caller.pin, next.pin))
    const peer = address(port, next.pin, server.pin)
    for (const party of [caller, next])
      expect((await headsOf(transportOf(party), peer)).status).toBe(200)
  })

  test('a renewed certificate under the same key is still the peer', async () => {
    const { port, reload } = await listen()
    const transport = transportOf(caller)
    const peer = address(port, server.pin)
    expect((await headsOf(transport, peer)).status).toBe(200)
    const { tls } = await party(paris, { keyPem: server.tls.keyPem, daysValid: 700 })
    reload(tls)
    const renewed = await party(lyon, { keyPem: caller.tls.keyPem, daysValid: 500 })
    transport.changeTls(renewed.tls)
    expect((await headsOf(transport, peer)).status).toBe(200)
    const expiries = transport.certificateExpiriesMs()
    expect((expiries.get(paris) ?? 0) - Date.now()).toBeGreaterThan(699 * dayMs)
    expect((expiries.get(lyon) ?? 0) - Date.now()).toBeGreaterThan(499 * dayMs)
  })
})

describe('dates', () => {
  test('an expired certificate of a caller is refused, also on a connection it already has', async () => {
    let laterMs = 0
    const { port } = await listen({ nowMs: () => Date.now() + laterMs })
    const peer = RawCaller.as(caller, port)
    peer.get('/_mesh/v1/heads')
    await until('the first answer', () => peer.statuses.length === 1)
    laterMs = 366 * dayMs
    peer.get('/_mesh/v1/heads')
    await until('the peer is cut off', () => peer.isClosed)
    expect(peer.statuses).toEqual([200, 403])
    expect(peer.received).toContain('expired on')
  })

  test('a certificate that is not valid yet is refused', async () => {
    const { port } = await listen({ nowMs: () => Date.now() - 3 * dayMs })
    const answer = await headsOf(transportOf(caller), address(port, server.pin))
    expect(answer).toMatchObject({ status: 403, body: { code: 'caller-unknown' } })
  })

  test('an expired certificate of a callee is refused, also on a connection already open', async () => {
    const { port } = await listen()
    let laterMs = 0
    const transport = transportOf(caller, () => Date.now() + laterMs)
    const peer = address(port, server.pin)
    for (let i = 0; i < 5; i++) expect((await headsOf(transport, peer)).status).toBe(200)
    laterMs = 366 * dayMs
    await expect(headsOf(transport, peer)).rejects.toThrow('its certificate expired on')
  })
})

describe('a connection that outlives its right', () => {
  test('a removed peer is refused on its next request over a live connection', async () => {
    const { port, peers } = await listen()
    const peer = RawCaller.as(caller, port)
    peer.get('/_mesh/v1/heads')
    await until('the first answer', () => peer.statuses.length === 1)
    peers.splice(0)
    peer.get('/_mesh/v1/heads')
    await until('the peer is cut off', () => peer.isClosed)
    expect(peer.statuses).toEqual([200, 403])
  })

  test('a reload cuts the connections of removed peers and of nobody else', async () => {
    const other = await party('nice.id.example.org')
    const { port, peers, reload } = await listen()
    peers.push(peerRow(other.name, other.pin))
    const [removed, kept] = [RawCaller.as(caller, port), RawCaller.as(other, port)]
    for (const each of [removed, kept]) each.get('/_mesh/v1/heads')
    await until('both answers', () => removed.statuses.length + kept.statuses.length === 2)
    peers.shift()
    reload()
    await until('the removed peer is cut off', () => removed.isClosed)
    kept.get('/_mesh/v1/heads')
    await until('the other is answered', () => kept.statuses.length === 2)
    kept.socket.destroy()
  })

  test('a resumed session is nobody', async () => {
    const { port } = await listen()
    const first = RawCaller.as(caller, port)
    first.get('/_mesh/v1/heads')
    await until('the first answer', () => first.statuses.length === 1)
    await until('a ticket, if there is one', () => first.tickets.length > 0, 300).catch(() => null)
    const sessions = [...first.tickets, first.socket.getSession()].filter(
      (held) => held !== undefined,
    )
    first.socket.destroy()
    expect(sessions.length).toBeGreaterThan(0)
    for (const session of sessions) {
      const second = new RawCaller(port, { session })
      second.get('/_mesh/v1/heads')
      await until('it is cut off', () => second.isClosed)
      expect(second.statuses).toEqual([403])
      expect(second.isReused).toBe(false)
    }
  })

  test('pins that change are compared anew, not served from an old connection', async () => {
    const { port } = await listen()
    const transport = transportOf(caller)
    expect((await headsOf(transport, address(port, server.pin))).status).toBe(200)
    const call = headsOf(transport, address(port, caller.pin))
    await expect(call).rejects.toThrow('peers.json pins')
  })
})

describe('what is not TLS 1.3', () => {
  test('a caller of TLS 1.2 is refused in the handshake', async () => {
    const { port, refusals } = await listen()
    const old = RawCaller.as(caller, port, { maxVersion: 'TLSv1.2' })
    await until('it is cut off', () => old.isClosed)
    expect(old.received).toBe('')
    await until('it was noted', () => refusals.length === 1)
    expect(refusals[0]).toMatchObject({ cause: 'handshake' })
    expect(refusals[0]?.problem).toContain('TLS 1.3')
  })

  test('a callee of TLS 1.2 is refused in words', async () => {
    const { keyPem, certPem } = server.tls
    const old = createTlsServer({ key: keyPem, cert: certPem, maxVersion: 'TLSv1.2' })
    const port = await tcpPort(old)
    const call = headsOf(transportOf(caller), address(port, server.pin))
    await expect(call).rejects.toThrow('does not speak TLS 1.3')
  })

  test('plain HTTP is refused on both sides', async () => {
    const { port, refusals } = await listen()
    const plain = createTcpServer((socket) => {
      socket.on('error', () => undefined)
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
    const plainPort = await tcpPort(plain)
    const transport = transportOf(caller)
    const call = headsOf(transport, address(plainPort, server.pin))
    await expect(call).rejects.toThrow('does not speak TLS')
    const url = `http://127.0.0.1:${port}`
    await expect(headsOf(transport, { ...address(port, server.pin), url })).rejects.toThrow('https')
    expect(refusals).toEqual([])
  })

  test('faults of the network are told in words', async () => {
    const transport = transportOf(caller)
    const closed = createTcpServer()
    const port = await tcpPort(closed)
    await new Promise((resolve) => closed.close(resolve))
    const call = headsOf(transport, address(port, server.pin))
    await expect(call).rejects.toThrow(`nothing listens at 127.0.0.1:${port}`)
    const url = 'https://nowhere.invalid:8449'
    const lost = headsOf(transport, { ...address(1, server.pin), url })
    await expect(lost).rejects.toThrow('DNS does not know the host of nowhere.invalid:8449')
  })

  test('a server that drops us after the handshake probably does not know us', async () => {
    const { keyPem, certPem } = server.tls
    const strict = createTlsServer({ key: keyPem, cert: certPem }, (socket) => {
      socket.once('data', () => socket.destroy())
    })
    const port = await tcpPort(strict)
    const call = headsOf(transportOf(caller), address(port, server.pin))
    await expect(call).rejects.toThrow('probably does not know our certificate')
  })
})

describe('pki mode', () => {
  let authority: Authority
  let pkiServer: Party
  beforeAll(async () => {
    authority = await Authority.create('Mesh Authority')
    pkiServer = await authority.issue(paris, [paris])
  })
  const listenPki = async (): Promise<Started> => await listen({ tls: pkiServer.tls })

  test('names under the configured authority talk, whatever host the URL has', async () => {
    const { port } = await listenPki()
    const transport = transportOf(await authority.issue(lyon, ['other.example.org', lyon]))
    expect(await headsOf(transport, address(port))).toMatchObject({
      status: 200,
      body: { to: lyon },
    })
  })

  test('a caller with a name that is no peer’s is refused', async () => {
    const { port } = await listenPki()
    for (const sans of [['nice.id.example.org'], ['*.id.example.org'], null]) {
      const transport = transportOf(await authority.issue(lyon, sans))
      const answer = await headsOf(transport, address(port))
      expect(answer).toMatchObject({ status: 403, body: { code: 'caller-unknown' } })
    }
  })

  test('a caller under another authority, or its own, is refused', async () => {
    const { port, refusals } = await listenPki()
    const foreign = await (await Authority.create('Mesh Authority')).issue(lyon, [lyon])
    for (const stranger of [foreign, caller]) {
      const raw = RawCaller.as(stranger, port)
      raw.get('/_mesh/v1/heads')
      await until('it is cut off', () => raw.isClosed)
      expect(raw.statuses).toEqual([403])
    }
    expect(refusals.map(({ cause }) => cause)).toEqual(['caller-unknown', 'caller-unknown'])
  })

  test('a callee with another name, without a name, or under another authority is not talked to', async () => {
    const me = await authority.issue(lyon, [lyon])
    const foreign = await (await Authority.create('Mesh Authority')).issue(paris, [paris])
    const wrongs = [
      [await authority.issue(paris, ['nice.id.example.org']), 'does not bear the name'],
      [await authority.issue(paris, null), 'does not bear the name'],
      [await authority.issue(paris, ['*.id.example.org']), 'does not bear the name'],
      [foreign, 'trusted authority'],
      [server, 'trusted authority'],
    ] as const
    for (const [wrong, reason] of wrongs) {
      const { port } = await listen({ tls: { ...wrong.tls, mode: 'pinned' } })
      await expect(headsOf(transportOf(me), address(port, wrong.pin))).rejects.toThrow(reason)
    }
  })

  test('pki without an authority does not start, for it would trust the whole web', async () => {
    const { keyPem, certPem } = pkiServer.tls
    await expect(listen({ tls: { keyPem, certPem, mode: 'pki' } })).rejects.toThrow('authorities')
  })
})
