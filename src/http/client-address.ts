import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import {
  isInNetwork,
  parseNetworkAddress,
  type Network,
  type NetworkAddress,
} from '../domain/network-address.ts'

/**
 * The address a request came from. X-Forwarded-For is believed from the right, as far as trusted proxies wrote it:
 * what stands left of the first address that is none of them, anybody may have made up.
 */
export function clientAddress(request: IncomingMessage, trusted: readonly Network[]): string {
  let address = request.socket.remoteAddress ?? ''
  const forwarded = request.headers['x-forwarded-for']
  if (forwarded === undefined || trusted.length === 0) return plain(address)
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded).split(',')
  while (hops.length > 0 && isTrusted(address, trusted)) {
    const hop = hops.pop()?.trim() ?? ''
    if (parseNetworkAddress(hop) === null) break
    address = hop
  }
  return plain(address)
}

/** What one client is taken for: an IPv4 address, or the /64 that a household or a machine has of IPv6. */
export function clientNetwork(address: string): string {
  const parsed = parseNetworkAddress(address)
  return parsed?.length === 16 ? `${Buffer.from(parsed.slice(0, 8)).toString('hex')}/64` : address
}

function isTrusted(text: string, trusted: readonly Network[]): boolean {
  const address = parseNetworkAddress(text)
  return address !== null && trusted.some((network) => isInNetwork(address, network))
}

/** IPv4-mapped IPv6 addresses in their IPv4 form, so that one client has one name. */
function plain(text: string): string {
  const address: NetworkAddress | null = parseNetworkAddress(text)
  return address?.length === 4 ? address.join('.') : text
}
