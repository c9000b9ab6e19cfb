import { connect } from 'node:net'
import { request } from 'undici'
import { hashToken, mintAccessToken } from '../../src/domain/access-token.ts'
import type { Association } from '../../src/domain/association.ts'
import { RefusalError } from '../../src/domain/refusal.ts'
import type { Threepid } from '../../src/domain/threepid.ts'
import { accountsEndpoints } from '../../src/features/accounts/endpoints.ts'
import { Authenticator } from '../../src/features/authentication/authenticate.ts'
import { keysEndpoints } from '../../src/features/keys/endpoints.ts'
import { lookupEndpoints } from '../../src/features/lookup/endpoints.ts'
import { versionsEndpoints } from '../../src/features/versions/endpoints.ts'
import { descriptionEndpoints } from '../../src/http/description.ts'
import { endpoint, json, withoutV1, type Endpoint } from '../../src/http/endpoint.ts'
import type { RequestRecord } from '../../src/http/pipeline.ts'
import { startHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { AssociationReader } from '../../src/log/association-reader.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import type { Account } from '../../src/storage/storage.ts'

export const secret = Buffer.alloc(32, 7)
export const siteKey = Buffer.alloc(32, 0xfb).toString('base64').replace(/=+$/, '')
export const aliceHash = '4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc'
export const bobHash = 'LJwSazmv46n0hlMlsb_iYxI0_HXEqy_yj6Jm636cdT8'

export class FakeAssociations implements AssociationReader {
  readonly byThreepid = new Map([
    ['email alice@example.com', '@alice:example.org'],
    ['email strauss@example.com', '@strauss:example.org'],
    ['msisdn 18005552067', '@carl:example.org'],
  ])
  readonly byHash = new Map([[aliceHash, '@alice:example.org']])

  pepper(): string {
    return 'matrixrocks'
  }

  async mxidsByHash(hashes: readonly string[]): Promise<(string | null)[]> {
    return hashes.map((hash) => this.byHash.get(hash) ?? null)
  }

  async mxidsByThreepid(threepids: readonly Threepid[]): Promise<(string | null)[]> {
    return threepids.map(
      ({ medium, address }) => this.byThreepid.get(`${medium} ${address}`) ?? null,
    )
  }

  async signedAssociation(threepid: Threepid): Promise<Association | null> {
    const [mxid] = await this.mxidsByThreepid([threepid])
    if (mxid === undefined || mxid === null) return null
    const signatures = { 'id.example.org': { 'ed25519:paris': 'c2ln' } }
    return { ...threepid, mxid, ts: 1, not_before: 0, not_after: 9, signatures }
  }
}

export class FakeAccounts {
  readonly byHash = new Map<string, Account>()
  findCount = 0

  async find(tokenHash: Uint8Array): Promise<Account | null> {
    this.findCount++
    return this.byHash.get(Buffer.from(tokenHash).toString('hex')) ?? null
  }

  save(tokenHash: Uint8Array, mxid: string): void {
    this.byHash.set(Buffer.from(tokenHash).toString('hex'), { mxid, createdAtMs: 0 })
  }

  remove(tokenHash: Uint8Array): void {
    this.byHash.delete(Buffer.from(tokenHash).toString('hex'))
  }
}

export type LogLine = { readonly fields: object; readonly message: string }

export type PublicFixture = {
  readonly server: HttpServer
  /** What it serves as a product does; beside them are odd ones. */
  readonly endpoints: readonly Endpoint[]
  readonly accounts: FakeAccounts
  readonly faults: LogLine[]
  readonly requests: RequestRecord[]
  /** Lets the endpoint /slow answer. */
  readonly release: () => void
}

type FixtureOptions = {
  hasFastLane?: boolean
  isV1Served?: boolean
  vouch?: (serverName: string, token: string) => Promise<string>
  tls?: { cert: string; key: string }
}

/** Endpoints of no feature: what a handler may do wrong. */
function oddEndpoints(slow: Promise<void>): Endpoint[] {
  const shared = { method: 'GET', auth: 'none' } as const
  return [
    endpoint({
      ...shared,
      path: '/fault',
      handle: () => {
        throw new TypeError('alice@example.com must not be shown')
      },
    }),
    endpoint({
      ...shared,
      path: '/stopping',
      handle: () => {
        throw new RefusalError('node-stopping', 'this node is stopping')
      },
    }),
    endpoint({
      ...shared,
      path: '/odd-header',
      handle: () => ({ ...json({}), headers: ['X-Odd', 'a\r\nb'] }),
    }),
    endpoint({
      method: 'POST',
      path: '/slow',
      auth: 'none',
      body: (sent) => sent,
      handle: async () => {
        await slow
        return json({})
      },
    }),
    endpoint({
      ...shared,
      path: '/slow',
      handle: async () => {
        await slow
        return { status: 200, contentType: 'text/plain', text: 'at last' }
      },
    }),
  ]
}

function featureEndpoints(
  accounts: FakeAccounts,
  authenticator: Authenticator,
  { vouch, isV1Served = true }: FixtureOptions,
): Endpoint[] {
  const endpoints = [
    ...versionsEndpoints({ isV1Served }),
    ...keysEndpoints({
      site: {
        publicKey: (keyId) => (keyId === 'ed25519:paris' ? siteKey : null),
        isValid: (key) => key === siteKey,
      },
      ephemeral: { isValid: async () => false },
    }),
    ...lookupEndpoints({ associations: new FakeAssociations(), algorithms: ['sha256', 'none'] }),
    ...accountsEndpoints({
      secret,
      vouch: vouch ?? (async () => '@alice:example.org'),
      saveToken: async ({ tokenHash, mxid }) => accounts.save(tokenHash, mxid),
      removeToken: async (tokenHash) => accounts.remove(tokenHash),
      forgetToken: (token) => authenticator.forget(token),
      homeserversAllowed: ['*.example.org', 'example.org'],
      rateLimits: { spend: () => {} },
      clock: systemClock,
      random: systemRandom,
    }),
  ]
  return isV1Served ? endpoints : withoutV1(endpoints)
}

export async function startFixture(options: FixtureOptions = {}): Promise<PublicFixture> {
  const accounts = new FakeAccounts()
  const faults: LogLine[] = []
  const requests: RequestRecord[] = []
  let release = (): void => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  const authenticator = new Authenticator({
    secret,
    findAccount: (tokenHash) => accounts.find(tokenHash),
    clock: systemClock,
  })
  const features = featureEndpoints(accounts, authenticator, options)
  const about = { version: '0', baseUrl: 'https://id.example.org' }
  const endpoints = [...features, ...descriptionEndpoints(features, about)]
  const server = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    endpoints: [...endpoints, ...oddEndpoints(slow)],
    authenticate: (token) => authenticator.authenticate(token),
    isPublic: true,
    hasFastLane: options.hasFastLane ?? true,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    trustedProxies: [],
    logger: {
      debug: () => {},
      error: (fields, message) => faults.push({ fields, message }),
    },
    clock: systemClock,
    random: systemRandom,
    onRequest: (record) => requests.push(record),
  })
  return { server, endpoints, accounts, faults, requests, release: () => release() }
}

export function addAccount({ accounts }: PublicFixture, token: string, mxid: string): void {
  accounts.save(hashToken(token), mxid)
}

/** Sends bytes as they are and answers what came back until the server closed. */
export function sendRaw(port: number, text: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    socket.write(text)
  })
}

export const v1 = '/_matrix/identity/api/v1'
export const v2 = '/_matrix/identity/v2'
/** Of @alice:example.org, once addAccount said so. */
export const token = mintAccessToken(secret, Buffer.alloc(32, 1))
export const bearer = { authorization: `Bearer ${token}` }

export type Reply = {
  status: number
  headers: Record<string, unknown>
  text: string
  json: unknown
}

export type Asked = { method?: string; headers?: Record<string, string>; body?: string | Buffer }

export async function ask(port: number, path: string, asked: Asked = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body } = asked
  const reply = await request(`http://127.0.0.1:${port}${path}`, {
    method: method as 'GET',
    headers,
    ...(body === undefined ? {} : { body }),
  })
  const text = await reply.body.text()
  const isJson = reply.headers['content-type'] === 'application/json' && text !== ''
  return {
    status: reply.statusCode,
    headers: reply.headers,
    text,
    json: isJson ? (JSON.parse(text) as unknown) : null,
  }
}

/** POST of a value as JSON, or of text and bytes as they are, under alice's token unless told otherwise. */
export function post(
  port: number,
  path: string,
  body: unknown,
  headers: Record<string, string> = bearer,
): Promise<Reply> {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  return ask(port, path, { method: 'POST', headers, body: isRaw ? body : JSON.stringify(body) })
}

export function lookupBody(addresses: unknown, more: object = {}): object {
  return { addresses, algorithm: 'sha256', pepper: 'matrixrocks', ...more }
}
