import { destinationLengthMax } from './api-limits.ts'

/**
 * Names under which callers know this server. A homeserver signs for the `id_server` a client gave it: a host, perhaps
 * a port, perhaps a path, whatever the server calls itself (Client-Server API, `id_server`).
 */
export type Destinations = {
  /** Hosts with and without port, in lower case. */
  readonly names: ReadonlySet<string>
}

const defaultPorts: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 }
const pathPattern = /^\/[\x21-\x7e]*$/

/** `aliases` are further hosts, each perhaps with a port and a path. */
export function ownDestinations(given: {
  readonly serverName: string
  readonly publicBaseUrl: string
  readonly aliases: readonly string[]
}): Destinations {
  const { protocol, host, hostname, port } = new URL(given.publicBaseUrl)
  const reachedAt = `${hostname}:${port === '' ? defaultPorts[protocol] : port}`
  const named = [given.serverName, host, reachedAt, ...given.aliases.map(hostPart)]
  const withoutPort = named.map((name) => name.replace(/:[0-9]+$/, ''))
  return { names: new Set([...named, ...withoutPort].map((name) => name.toLowerCase())) }
}

/** Whether a request signed for this destination is meant for us. The path tells no two servers of a host apart. */
export function isOwnDestination({ names }: Destinations, destination: string): boolean {
  if (destination.length > destinationLengthMax) return false
  const host = hostPart(destination)
  const path = destination.slice(host.length)
  if (path !== '' && !pathPattern.test(path)) return false
  return names.has(host.toLowerCase())
}

function hostPart(destination: string): string {
  const slash = destination.indexOf('/')
  return slash < 0 ? destination : destination.slice(0, slash)
}
