import { timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { NodeKeys } from '../config/key-files.ts'
import { hashToken } from '../domain/access-token.ts'
import { callsMax, dnsTimeoutMs } from '../domain/limits.ts'
import {
  mayConnect,
  parseNetwork,
  parseNetworkAddress,
  type Network,
} from '../domain/network-address.ts'
import { accountsEndpoints } from '../features/accounts/endpoints.ts'
import { adminEndpoints } from '../features/admin/endpoints.ts'
import { Authenticator } from '../features/authentication/authenticate.ts'
import type { BindDeps } from '../features/binding/bind.ts'
import { internalBindingEndpoints } from '../features/binding/endpoints.ts'
import { healthEndpoints, type HealthReport } from '../features/health/endpoints.ts'
import { keysEndpoints } from '../features/keys/endpoints.ts'
import { lookupEndpoints } from '../features/lookup/endpoints.ts'
import { versionsEndpoints } from '../features/versions/endpoints.ts'
import { withoutV1, type Endpoint } from '../http/endpoint.ts'
import { startHttpServer, type HttpServer, type HttpServerOptions } from '../http/server.ts'
import { askVouch } from '../matrix/openid.ts'
import { WellKnown } from '../matrix/well-known.ts'
import { createHttpClient } from '../platform/http-client.ts'
import { createNameResolver } from '../platform/name-resolver.ts'
import type { Core } from './core.ts'
import type { NodeStatus, Outside, Undo } from './outside.ts'

export type Served = {
  readonly keys: NodeKeys
  readonly core: Core
  readonly bindDeps: BindDeps
  readonly status: () => Promise<NodeStatus>
  readonly health: () => Promise<HealthReport>
  /** Prometheus text. */
  readonly metrics: () => Promise<string>
}

export async function startServers(
  config: Config,
  outside: Outside,
  served: Served,
  undo: Undo,
): Promise<{ public: HttpServer; admin: HttpServer }> {
  const { clock, random, logger, events } = outside
  const trustedProxies = networksOf(config.trustedProxies)
  const common = { clock, random, trustedProxies, onRequest: events.requestServed }
  const { endpoints, authenticate } = publicApi(config, outside, served)
  const { tls, ...listen } = config.listen.public
  const publicServer = await startHttpServer({
    ...common,
    listen,
    endpoints,
    authenticate,
    isPublic: true,
    hasFastLane: true,
    logger: logger.child({ listener: 'public' }),
    ...(tls === null
      ? {}
      : {
          tls: { cert: readFileSync(tls.certFile, 'utf8'), key: readFileSync(tls.keyFile, 'utf8') },
        }),
  })
  undo.push(() => publicServer.stop())
  const { token, internalBind } = config.admin
  const adminServer = await startHttpServer({
    ...common,
    listen: config.listen.admin,
    endpoints: [
      ...healthEndpoints(served.health),
      ...adminEndpoints({ metrics: served.metrics, status: served.status }),
      ...(internalBind
        ? internalBindingEndpoints(served.bindDeps, token === null ? 'none' : 'token')
        : []),
    ],
    authenticate: (given) =>
      token !== null && isSameText(given, token) ? { mxid: '', token: given } : null,
    isPublic: false,
    hasFastLane: false,
    logger: logger.child({ listener: 'admin' }),
  })
  undo.push(() => adminServer.stop())
  return { public: publicServer, admin: adminServer }
}

function isSameText(a: string, b: string): boolean {
  return timingSafeEqual(hashToken(a), hashToken(b))
}

function networksOf(texts: readonly string[]): readonly Network[] {
  return texts.flatMap((text) => {
    const network = parseNetwork(text)
    return network === null ? [] : [network]
  })
}

/** The public Matrix API: what is served, and whose token is whose. */
function publicApi(
  config: Config,
  outside: Outside,
  { keys, core }: Served,
): { endpoints: readonly Endpoint[]; authenticate: HttpServerOptions['authenticate'] } {
  const { clock, random, logger } = outside
  const { storage, writer, associations, siteKeys } = core
  const authenticator = new Authenticator({
    secret: keys.siteSecret,
    findAccount: (tokenHash) => storage.findAccount(tokenHash),
    clock,
  })
  const vouch = homeserverCalls(config, outside)
  const endpoints = [
    ...versionsEndpoints({ isV1Served: config.api.v1 }),
    ...keysEndpoints({
      site: {
        publicKey: (keyId) => siteKeys().get(keyId)?.key ?? null,
        isValid: (publicKey) =>
          [...siteKeys().values()].some((key) => key.key === publicKey && key.expired_at === null),
      },
      ephemeral: { isValid: async () => false },
    }),
    ...accountsEndpoints({
      secret: keys.siteSecret,
      vouch,
      saveToken: async (change) => {
        await writer.side({ accounts: [change], meta: {} })
      },
      removeToken: async (tokenHash) => {
        await writer.side({ accounts: [{ type: 'remove', tokenHash }], meta: {} })
      },
      forgetToken: (token) => authenticator.forget(token),
      homeserversAllowed: config.homeservers.allow,
      clock,
      random,
    }),
    ...lookupEndpoints({ associations, ...config.lookup }),
  ]
  logger.debug({ endpoints: endpoints.length }, 'public API composed')
  return {
    endpoints: config.api.v1 ? endpoints : withoutV1(endpoints),
    authenticate: (token) => authenticator.authenticate(token),
  }
}

/** The one way out to homeservers: addresses checked when connecting, names of certificates verified. */
function homeserverCalls(
  config: Config,
  { clock, random, logger, resolver = createNameResolver({ timeoutMs: dnsTimeoutMs }) }: Outside,
): (serverName: string, openidToken: string) => Promise<string> {
  const { caFile, verifyTls } = config.homeservers
  const allowed = networksOf(config.outbound.allowNetworks)
  const isAllowed = (address: string): boolean => {
    const parsed = parseNetworkAddress(address)
    return parsed !== null && mayConnect(parsed, allowed)
  }
  const http = createHttpClient({
    resolver,
    mayConnect: isAllowed,
    verifyTls,
    callsMax,
    ...(caFile === null ? {} : { caPem: readFileSync(caFile, 'utf8') }),
  })
  const deps = {
    http,
    resolver,
    random,
    clock,
    logger,
    mayConnect: isAllowed,
    wellKnown: new WellKnown({ http, clock }),
  }
  return (serverName, openidToken) => askVouch(deps, serverName, openidToken)
}
