import { request } from 'undici'
import { ownDestinations } from '../../src/domain/destination.ts'
import type { BindOperation, UnbindOperation } from '../../src/domain/entry-line.ts'
import { RefusalError, type RefusalCode } from '../../src/domain/refusal.ts'
import type { SignedInvite } from '../../src/domain/signed-invite.ts'
import { bindingEndpoints } from '../../src/features/binding/endpoints.ts'
import type { ProvenSession } from '../../src/features/binding/proven-binding.ts'
import { withoutV1 } from '../../src/http/endpoint.ts'
import { startHttpServer, type HttpServer } from '../../src/http/server.ts'
import { ServerKeys } from '../../src/matrix/server-keys.ts'
import { verifyRequest } from '../../src/matrix/verify-request.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import type { Outside } from './homeserver-fixture.ts'

export const serverName = 'id.example.org'
export const signingSeed = Buffer.alloc(32, 3)
export const v1 = '/_matrix/identity/api/v1/3pid'
export const v2 = '/_matrix/identity/v2/3pid'

/** What a node knows that the binding endpoints touch; tests set it and look at it. */
export class BindingState {
  /** By session id and client secret. */
  readonly sessions = new Map<string, ProvenSession | RefusalCode>()
  /** Address and Matrix ID, as the log would fold them. */
  readonly pairs = new Set<string>()
  readonly invites = new Map<string, SignedInvite[]>()
  /** By token. */
  readonly accounts = new Map([['alice-token', '@alice:hs.example']])

  clear(): void {
    for (const kept of [this.sessions, this.pairs, this.invites]) kept.clear()
  }

  async append(operations: readonly (BindOperation | UnbindOperation)[]): Promise<void> {
    for (const { kind, address, mxid } of operations) {
      if (kind === 'bind') this.pairs.add(`${address} ${mxid}`)
      else this.pairs.delete(`${address} ${mxid}`)
    }
  }

  async findProven(sid: string, clientSecret: string): Promise<ProvenSession> {
    const found = this.sessions.get(`${sid} ${clientSecret}`) ?? 'session-unknown'
    if (typeof found === 'string') throw new RefusalError(found, 'this session proves nothing')
    return found
  }
}

export type Faults = object[]

/** The binding endpoints on a real listener, with homeservers called as production calls them. */
export async function startBinding(
  outside: Outside,
  state: BindingState,
  options: { isV1Served?: boolean; isV1BindServed?: boolean; allowed?: string[] } = {},
): Promise<{ server: HttpServer; faults: Faults }> {
  const { isV1Served = true, isV1BindServed = true, allowed = ['*'] } = options
  const faults: Faults = []
  const verifyDeps = {
    ...outside.deps,
    keys: new ServerKeys(outside.deps),
    destinations: ownDestinations({
      serverName,
      publicBaseUrl: 'https://www.example.org:8443/',
      aliases: ['old.example.net'],
    }),
    homeserversAllowed: allowed,
  }
  const endpoints = bindingEndpoints({
    signer: { serverName, keyId: 'ed25519:paris', seed: signingSeed },
    append: (operations) => state.append(operations),
    nowMs: () => 1_000,
    random: (count) => systemRandom.bytes(count),
    sessions: { findProven: (sid, secret) => state.findProven(sid, secret) },
    bound: { deliver: async ({ address }) => ({ invites: state.invites.get(address) ?? [] }) },
    verifyRequest: (signed) => verifyRequest(verifyDeps, signed),
    isV1BindServed,
  })
  const server = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    endpoints: isV1Served ? endpoints : withoutV1(endpoints),
    authenticate: (token) => {
      const mxid = state.accounts.get(token)
      return mxid === undefined ? null : { mxid, token, hasAcceptedTerms: true }
    },
    isPublic: true,
    hasFastLane: true,
    trustedProxies: [],
    logger: { debug: () => {}, error: (fields) => void faults.push(fields) },
    clock: systemClock,
    random: systemRandom,
  })
  return { server, faults }
}

export type Reply = { status: number; body: Record<string, unknown> }

/** Sends JSON, or text as it is; several Authorization headers as several. */
export async function send(
  port: number,
  path: string,
  given: {
    method?: 'GET' | 'POST'
    body?: object | string
    authorizations?: readonly string[]
    contentType?: string
  } = {},
): Promise<Reply> {
  const { method = 'POST', body, authorizations = [], contentType = 'application/json' } = given
  const headers = authorizations.flatMap((value) => ['authorization', value])
  const answer = await request(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: [...headers, 'content-type', contentType],
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.statusCode, body: (await answer.body.json()) as Reply['body'] }
}
