import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { webcrypto } from 'node:crypto'
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { createSecureContext, type TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import { mayConnect, parseNetwork, parseNetworkAddress } from '../../src/domain/network-address.ts'
import { askVouch } from '../../src/matrix/openid.ts'
import type { ServerKeysDeps } from '../../src/matrix/server-keys.ts'
import { WellKnown } from '../../src/matrix/well-known.ts'
import { createHttpClient, type HttpClient } from '../../src/platform/http-client.ts'
import type { NameResolver, SrvRecord } from '../../src/platform/name-resolver.ts'

export type Pair = { readonly cert: string; readonly key: string }

/** A self-signed certificate for DNS names and IP addresses. */
export async function makeCertificate(dns: string[], ip: string[] = []): Promise<Pair> {
  x509.cryptoProvider.set(webcrypto as Crypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const names = [
    ...dns.map((value) => ({ type: 'dns', value }) as const),
    ...ip.map((value) => ({ type: 'ip', value }) as const),
  ]
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Issuers are found by name: two certificates of one name would hide each other.
    name: `CN=${[...dns, ...ip].join(' ')}`,
    keys: keys as CryptoKeyPair,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const body = pkcs8.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  const key = `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`
  return { cert: certificate.toString('pem'), key }
}

export type Seen = { name: string; host: string; url: string }
export type Answering = (request: IncomingMessage, response: ServerResponse) => void

/** A homeserver with a certificate per announced name; what it is asked it writes down. */
export class FakeHomeserver {
  readonly seen: Seen[] = []
  port = 0
  answer: Answering
  #server: Server | null = null

  constructor(answer: Answering) {
    this.answer = answer
  }

  /** `certificates` by announced name; the empty name for callers that announce none. */
  async start(certificates: Record<string, Pair>, host = '127.0.0.1'): Promise<void> {
    const fallback = certificates['']
    const server = createServer(
      {
        ...fallback,
        SNICallback: (name, done) => {
          const pair = certificates[name] ?? fallback
          done(null, pair === undefined ? undefined : createSecureContext(pair))
        },
      },
      (request, response) => {
        const { servername } = request.socket as TLSSocket & { servername: string | false }
        const name = servername === false ? '' : servername
        this.seen.push({ name, host: request.headers.host ?? '', url: request.url ?? '' })
        this.answer(request, response)
      },
    )
    this.#server = server
    this.port = await listen(server, host)
  }

  stop(): Promise<void> {
    return close(this.#server)
  }
}

/** A listener that must see nobody. */
export class Trap {
  connectionsCount = 0
  port = 0
  readonly #server = createTcpServer((socket) => {
    this.connectionsCount++
    socket.destroy()
  })

  async start(host: string): Promise<void> {
    this.port = await listen(this.#server, host)
  }

  stop(): Promise<void> {
    return close(this.#server)
  }
}

export async function startPlain(
  answer: Answering,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const server = createPlainServer(answer)
  return { port: await listen(server, '127.0.0.1'), stop: () => close(server) }
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function close(server: Server | null): Promise<void> {
  return new Promise((resolve) => {
    if (server === null) resolve()
    else server.close(() => resolve())
    ;(server as { closeAllConnections?: () => void } | null)?.closeAllConnections?.()
  })
}

export class FakeResolver implements NameResolver {
  readonly asked: string[] = []
  /** One list of addresses per question; the last one stays. */
  readonly hosts = new Map<string, string[][]>()
  readonly services = new Map<string, SrvRecord[]>()

  async addresses(host: string): Promise<readonly string[]> {
    this.asked.push(host)
    const answers = this.hosts.get(host) ?? []
    return (answers.length > 1 ? answers.shift() : answers[0]) ?? []
  }

  async srv(name: string): Promise<readonly SrvRecord[]> {
    this.asked.push(name)
    return this.services.get(name) ?? []
  }
}

export type Outside = {
  readonly resolver: FakeResolver
  readonly http: HttpClient
  /** What calls to homeservers are made with. */
  readonly deps: ServerKeysDeps
  readonly vouch: (serverName: string, token?: string) => Promise<string>
  /** Milliseconds of both clocks, which date what is kept. */
  nowMs: number
  /** Lets the time for a vouching end. */
  readonly expire: () => void
  readonly log: object[]
}

/** The calling side as production composes it, with ports of the tests in the place of 443 and 8448. */
export function createOutside(options: {
  ports: ReadonlyMap<number, number>
  allowed?: readonly string[]
  verifyTls?: boolean
  caPem?: string
}): Outside {
  const resolver = new FakeResolver()
  const networks = (options.allowed ?? ['127.0.0.1/32']).flatMap((text) => parseNetwork(text) ?? [])
  const isAllowed = (text: string): boolean => {
    const address = parseNetworkAddress(text)
    return address !== null && mayConnect(address, networks)
  }
  const http = createHttpClient({
    resolver,
    mayConnect: isAllowed,
    verifyTls: options.verifyTls ?? true,
    ...(options.caPem === undefined ? {} : { caPem: options.caPem }),
    callsMax: 4,
    makeConnector: (connectOptions) => {
      const connect = buildConnector(connectOptions)
      return (opts, callback) => {
        const port = Number(opts.port === '' ? 443 : opts.port)
        connect({ ...opts, port: String(options.ports.get(port) ?? port) }, callback)
      }
    },
  })
  const timers = new Set<() => void>()
  const log: object[] = []
  const clock = {
    wallMs: () => outside.nowMs,
    monoMs: () => outside.nowMs,
    setTimer: (_afterMs: number, run: () => void) => {
      timers.add(run)
      return { cancel: () => void timers.delete(run) }
    },
  }
  const deps = {
    http,
    resolver,
    clock,
    random: { fraction: () => 0 },
    logger: { debug: (fields: object) => void log.push(fields) },
    mayConnect: isAllowed,
    wellKnown: new WellKnown({ http, clock }),
  }
  const outside: Outside = {
    resolver,
    http,
    deps,
    nowMs: 0,
    log,
    expire: () => timers.forEach((run) => run()),
    vouch: (serverName, token = 'opaque') => askVouch(deps, serverName, token),
  }
  return outside
}
