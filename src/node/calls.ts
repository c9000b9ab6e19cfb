import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { ownDestinations } from '../domain/destination.ts'
import { callsMax, dnsTimeoutMs } from '../domain/api-limits.ts'
import {
  mayConnect,
  parseNetwork,
  parseNetworkAddress,
  type Network,
} from '../domain/network-address.ts'
import { tellHomeserver, type OnbindNotice, type OnbindOutcome } from '../matrix/onbind.ts'
import { askVouch } from '../matrix/openid.ts'
import { ServerKeys } from '../matrix/server-keys.ts'
import { verifyRequest, type SignedRequest } from '../matrix/verify-request.ts'
import { WellKnown } from '../matrix/well-known.ts'
import {
  configuredDestinations,
  createHttpClient,
  type HttpClient,
} from '../platform/http-client.ts'
import { createNameResolver } from '../platform/name-resolver.ts'
import type { Outside } from './outside.ts'

export type Calls = {
  readonly vouch: (serverName: string, openidToken: string) => Promise<string>
  readonly verifyRequest: (request: SignedRequest) => Promise<void>
  readonly tellHomeserver: (notice: OnbindNotice) => Promise<OnbindOutcome>
  /** To addresses the operator configured, wherever they are. */
  readonly providerHttp: HttpClient
}

/** The ways out. To homeservers: addresses checked when connecting, names of certificates verified. */
export function createCalls(
  config: Config,
  { clock, random, logger, resolver = createNameResolver({ timeoutMs: dnsTimeoutMs }) }: Outside,
): Calls {
  const { homeservers, node, outbound } = config
  const allowed = networksOf(outbound.allowNetworks)
  const isAllowed = (address: string): boolean => {
    const parsed = parseNetworkAddress(address)
    return parsed !== null && mayConnect(parsed, allowed)
  }
  const http = createHttpClient({
    resolver,
    mayConnect: isAllowed,
    verifyTls: homeservers.verifyTls,
    callsMax,
    ...(homeservers.caFile === null ? {} : { caPem: readFileSync(homeservers.caFile, 'utf8') }),
  })
  const wellKnown = new WellKnown({ http, clock })
  const deps = { http, resolver, random, clock, logger, mayConnect: isAllowed, wellKnown }
  const homeserversAllowed = homeservers.allow
  const destinations = ownDestinations({
    serverName: node.serverName,
    publicBaseUrl: node.publicBaseUrl,
    aliases: node.aliases,
  })
  const signed = { ...deps, keys: new ServerKeys(deps), destinations, homeserversAllowed }
  return {
    vouch: (serverName, openidToken) => askVouch(deps, serverName, openidToken),
    verifyRequest: (request) => verifyRequest(signed, request),
    tellHomeserver: (notice) => tellHomeserver({ ...deps, homeserversAllowed }, notice),
    providerHttp: createHttpClient({ ...configuredDestinations, resolver, callsMax }),
  }
}

export function networksOf(texts: readonly string[]): readonly Network[] {
  return texts.flatMap((text) => {
    const network = parseNetwork(text)
    return network === null ? [] : [network]
  })
}
