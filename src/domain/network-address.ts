import { parseIpv4, parseIpv6 } from './server-name.ts'

/** An IP address as bytes: 4 for IPv4, 16 for IPv6. IPv4-mapped IPv6 addresses are read as the IPv4 they mean. */
export type NetworkAddress = readonly number[]

/** A CIDR block. */
export type Network = { readonly address: NetworkAddress; readonly prefixLength: number }

const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
const nat64Prefix = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
const sixToFourPrefix = [0x20, 0x02]

/**
 * Addresses no homeserver has any business at: IANA special-purpose registries, RFC 6890 and successors. Forms that
 * carry an IPv4 address are judged by that address instead, see `carriedIpv4`.
 */
const blockedNetworks: readonly Network[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
].map(requireNetwork)

/** Reads an IP address without brackets or zone; null when the text is none. */
export function parseNetworkAddress(text: string): NetworkAddress | null {
  const ipv4 = parseIpv4(text)
  if (ipv4 !== null) return ipv4
  const groups = parseIpv6(text)
  if (groups === null) return null
  const bytes = groups.flatMap((group) => [group >> 8, group & 255])
  return startsWith(bytes, mappedPrefix) ? bytes.slice(12) : bytes
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address; null when the text is none or has bits beyond its prefix. */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/')
  const address = parseNetworkAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) return null
  const bits = address.length * 8
  if (slash < 0) return { address, prefixLength: bits }
  const lengthText = text.slice(slash + 1)
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(lengthText)) return null
  // A mapped block counts its prefix from the front of the IPv6 form.
  const isMapped = address.length === 4 && text.includes(':')
  const prefixLength = Number(lengthText) - (isMapped ? 96 : 0)
  if (prefixLength < 0 || prefixLength > bits) return null
  const isAligned = address.every((byte, i) => (byte & hostMask(prefixLength - i * 8)) === 0)
  return isAligned ? { address, prefixLength } : null
}

export function isInNetwork(address: NetworkAddress, network: Network): boolean {
  if (address.length !== network.address.length) return false
  return address.every((byte, i) => {
    const mask = 255 & ~hostMask(network.prefixLength - i * 8)
    return (byte & mask) === ((network.address[i] ?? 0) & mask)
  })
}

/**
 * Whether a connection may go there: the address is public, or lies in an allowed network. A form that carries an IPv4
 * address (NAT64, 6to4) is as public as what it carries.
 */
export function mayConnect(address: NetworkAddress, allowed: readonly Network[]): boolean {
  if (allowed.some((network) => isInNetwork(address, network))) return true
  if (blockedNetworks.some((network) => isInNetwork(address, network))) return false
  const carried = carriedIpv4(address)
  return carried === null || mayConnect(carried, allowed)
}

function carriedIpv4(address: NetworkAddress): NetworkAddress | null {
  if (address.length !== 16) return null
  if (startsWith(address, nat64Prefix)) return address.slice(12)
  if (startsWith(address, sixToFourPrefix)) return address.slice(2, 6)
  return null
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte)
}

/** The bits of a byte that lie beyond a prefix which has `prefixBits` bits from this byte on. */
function hostMask(prefixBits: number): number {
  if (prefixBits >= 8) return 0
  return prefixBits <= 0 ? 255 : 255 >> prefixBits
}

function requireNetwork(text: string): Network {
  const network = parseNetwork(text)
  if (network === null) throw new Error(`not a network: ${text}`)
  return network
}
