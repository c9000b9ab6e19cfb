/**
 * Owns: what we ask of homeservers: finding them, and whom they vouch for.
 * Relies on: domain, platform/http-client.
 * Never: talks to an address the client's guard has not checked, or tells a caller why a server was not reached.
 */
import { srvTargetsMax } from '../domain/api-limits.ts'
import { parseServerName, type ServerName } from '../domain/server-name.ts'
import type { NameResolver, SrvRecord } from '../platform/name-resolver.ts'
import type { Random } from '../platform/random.ts'
import type { WellKnown } from './well-known.ts'

/** Where to connect for a server name, what to call it there, and the name its certificate must bear. */
export type HomeserverTarget = {
  /** An IPv6 literal without brackets. */
  readonly host: string
  readonly port: number
  readonly hostHeader: string
  readonly tlsName: string
}

export type DiscoveryDeps = {
  readonly wellKnown: Pick<WellKnown, 'read'>
  readonly resolver: Pick<NameResolver, 'srv'>
  readonly random: Pick<Random, 'fraction'>
}

const federationPort = 8448
/** The second is deprecated and still in use. */
const srvServices = ['_matrix-fed._tcp', '_matrix._tcp']

/**
 * The targets of a homeserver, best first, at least one (Matrix specification, "Resolving server names"): an IP literal
 * or explicit port is taken as it is; else well-known, then SRV, then port 8448.
 */
export async function findHomeserver(
  deps: DiscoveryDeps,
  serverName: ServerName,
  signal: AbortSignal,
): Promise<readonly HomeserverTarget[]> {
  if (isFinal(serverName)) return [directTarget(serverName)]
  const delegated = await deps.wellKnown.read(serverName.host.toLowerCase(), signal)
  if (delegated !== null && isFinal(delegated)) return [directTarget(delegated)]
  return targetsByName(deps, delegated ?? serverName)
}

function isFinal({ kind, port }: ServerName): boolean {
  return kind !== 'dns' || port !== null
}

function directTarget({ text, host, port }: ServerName): HomeserverTarget {
  return { host, port: port ?? federationPort, hostHeader: text, tlsName: host }
}

async function targetsByName(
  { resolver, random }: DiscoveryDeps,
  { host }: ServerName,
): Promise<readonly HomeserverTarget[]> {
  for (const service of srvServices) {
    const records = (await srvOrNone(resolver, `${service}.${host}`)).filter(isUsable)
    if (records.length === 0) continue
    return orderSrv(records, () => random.fraction())
      .slice(0, srvTargetsMax)
      .map(({ name, port }) => ({ host: name, port, hostHeader: host, tlsName: host }))
  }
  return [{ host, port: federationPort, hostHeader: host, tlsName: host }]
}

async function srvOrNone(
  resolver: Pick<NameResolver, 'srv'>,
  name: string,
): Promise<readonly SrvRecord[]> {
  try {
    return await resolver.srv(name)
  } catch {
    // A name server that fails for one kind of record may still know the addresses.
    return []
  }
}

function isUsable({ name, port }: SrvRecord): boolean {
  return port > 0 && parseServerName(name)?.kind === 'dns'
}

/** RFC 2782: lowest priority first; within one, drawn by weight, so that a heavier target comes first more often. */
export function orderSrv(records: readonly SrvRecord[], fraction: () => number): SrvRecord[] {
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight)
  const ordered: SrvRecord[] = []
  while (left.length > 0) {
    const priority = left[0]?.priority
    const group = left.filter((record) => record.priority === priority)
    const total = group.reduce((sum, { weight }) => sum + weight, 0)
    let mark = fraction() * total
    const drawn = group.find(({ weight }) => (mark -= weight) < 0) ?? group[0]
    if (drawn === undefined) break
    ordered.push(drawn)
    left.splice(left.indexOf(drawn), 1)
  }
  return ordered
}
