/** A Matrix server name taken apart. `host` is as written, an IPv6 literal without its brackets. */
export type ServerName = {
  readonly text: string
  readonly host: string
  readonly kind: 'ipv4' | 'ipv6' | 'dns'
  readonly port: number | null
}

const partsPattern = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z.-]{1,255}))(?::([1-9][0-9]{0,4}))?$/
const ipv4Pattern = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/
const labelPattern = /^[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?$/
/** The last label of what a resolver or a URL parser may take for an IPv4 address: 2130706433, 0177.0.0.1, 0x7f.1. */
const numberPattern = /^(?:[0-9]+|0[xX][0-9A-Fa-f]*)$/
const serverNameLengthMax = 255

/**
 * Reads a server name by the grammar of the Matrix specification (appendix "Server Name"), stricter in three points
 * that only attackers use: a port is 1 to 65535 without leading zero, DNS labels are well formed, and a host that ends
 * in a number is a plain dotted IPv4 address or nothing. Null when the text is none.
 */
export function parseServerName(text: string): ServerName | null {
  if (text.length > serverNameLengthMax) return null
  const parts = partsPattern.exec(text)
  if (parts === null) return null
  const [, ipv6, name, portText] = parts
  const port = portText === undefined ? null : Number(portText)
  if (port !== null && port > 65_535) return null
  if (ipv6 !== undefined) {
    return isIpv6(ipv6) ? { text, host: ipv6, kind: 'ipv6', port } : null
  }
  if (name === undefined) return null
  if (ipv4Pattern.test(name)) return { text, host: name, kind: 'ipv4', port }
  return isDnsName(name) ? { text, host: name, kind: 'dns', port } : null
}

export function isServerName(text: string): boolean {
  return parseServerName(text) !== null
}

function isDnsName(name: string): boolean {
  const labels = name.split('.')
  return (
    labels.every((label) => labelPattern.test(label)) && !numberPattern.test(labels.at(-1) ?? '')
  )
}

function isIpv6(text: string): boolean {
  return parseIpv6(text) !== null
}

/** The eight 16-bit groups of an IPv6 address in any of its textual forms (RFC 4291 2.2), without zone; null if none. */
export function parseIpv6(text: string): number[] | null {
  const dotted = /^(.*:)([0-9.]+)$/.exec(text)
  let source = text
  if (dotted?.[2]?.includes('.') === true) {
    if (!ipv4Pattern.test(dotted[2])) return null
    const [a = 0, b = 0, c = 0, d = 0] = dotted[2].split('.').map(Number)
    source = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const halves = source.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')))
  if (head === undefined) return null
  const given = [...head, ...(tail ?? [])]
  if (!given.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return null
  const missing = 8 - given.length
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  const groups = [...head, ...Array<string>(missing).fill('0'), ...(tail ?? [])]
  return groups.map((group) => Number.parseInt(group, 16))
}

/** The four bytes of a dotted IPv4 address without leading zeros; null if none. */
export function parseIpv4(text: string): number[] | null {
  return ipv4Pattern.test(text) ? text.split('.').map(Number) : null
}
