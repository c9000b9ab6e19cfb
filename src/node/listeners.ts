import { timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { NodeKeys } from '../config/key-files.ts'
import { hashToken } from '../domain/access-token.ts'
import { adminEndpoints } from '../features/admin/endpoints.ts'
import type { BindDeps } from '../features/binding/bind.ts'
import { internalBindingEndpoints } from '../features/binding/endpoints.ts'
import { healthEndpoints, type HealthReport } from '../features/health/endpoints.ts'
import { createRateLimits, noRateLimits } from '../http/rate-limit.ts'
import { startHttpServer, type HttpServer } from '../http/server.ts'
import { networksOf } from './calls.ts'
import type { Core } from './core.ts'
import type { NodeStatus, Outside, Undo } from './outside.ts'
import { createPublicApi, type PublicApi } from './public-api.ts'

export type Served = {
  readonly keys: NodeKeys
  readonly core: Core
  readonly bindDeps: BindDeps
  readonly status: () => Promise<NodeStatus>
  readonly health: () => Promise<HealthReport>
  /** Prometheus text. */
  readonly metrics: () => Promise<string>
}

export type Servers = {
  readonly public: HttpServer
  readonly admin: HttpServer
  readonly api: PublicApi
  /** Reads the public listener's certificate again. Throws when it cannot be used; the former one stays then. */
  reloadTls(): void
}

export async function startServers(
  config: Config,
  outside: Outside,
  served: Served,
  undo: Undo,
): Promise<Servers> {
  const { clock, random, logger, events } = outside
  const trustedProxies = networksOf(config.trustedProxies)
  const common = { clock, random, trustedProxies, onRequest: events.requestServed }
  const { enabled, rates } = config.rateLimits
  const rateLimits = enabled ? createRateLimits({ rates, clock }) : noRateLimits
  const api = createPublicApi(config, outside, { ...served, rateLimits })
  undo.push(() => api.stop())
  const { tls, ...listen } = config.listen.public
  const publicServer = await startHttpServer({
    ...common,
    listen,
    endpoints: api.endpoints,
    authenticate: api.authenticate,
    rateLimits,
    isPublic: true,
    hasFastLane: true,
    logger: logger.child({ listener: 'public' }),
    ...(tls === null ? {} : { tls: readPair(tls) }),
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
      token !== null && isSameText(given, token)
        ? { mxid: '', token: given, hasAcceptedTerms: true }
        : null,
    isPublic: false,
    hasFastLane: false,
    logger: logger.child({ listener: 'admin' }),
  })
  undo.push(() => adminServer.stop())
  return {
    public: publicServer,
    admin: adminServer,
    api,
    reloadTls: () => {
      if (tls !== null) publicServer.changeTls(readPair(tls))
    },
  }
}

function readPair(files: { readonly certFile: string; readonly keyFile: string }): {
  readonly cert: string
  readonly key: string
} {
  return { cert: readFileSync(files.certFile, 'utf8'), key: readFileSync(files.keyFile, 'utf8') }
}

function isSameText(a: string, b: string): boolean {
  return timingSafeEqual(hashToken(a), hashToken(b))
}
