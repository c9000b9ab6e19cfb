import { xMatrixBytesMax, xMatrixParamsMax } from './api-limits.ts'

/** What one `Authorization: X-Matrix` header says (Server-Server API, "Request Authentication"); nothing of it is proven. */
export type XMatrix = {
  readonly origin: string
  readonly keyId: string
  /** Base64 as it was sent. */
  readonly signature: string
  readonly destination: string | null
}

const schemePattern = /^x-matrix(?= |\t|$)/i
/** One parameter: name, and a quoted or plain value. Plain ones hold colons and base64 too, as old senders write them. */
const paramPattern =
  /[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[^])*)"|([^\s,"\\]+))[ \t]*(?:,|$)/y
const unfitPattern = /[^\t\x20-\x7e]/

/** Whether a header is of this scheme, readable or not. */
export function isXMatrix(header: string): boolean {
  return schemePattern.test(header)
}

/**
 * Reads one header: parameters in any order, names in any case, unknown ones passed over. Null when it is of another
 * scheme or malformed: an origin, key or signature missing, anything twice, bytes beyond printable ASCII, too long.
 */
export function parseXMatrix(header: string): XMatrix | null {
  const scheme = schemePattern.exec(header)
  if (scheme === null || header.length > xMatrixBytesMax || unfitPattern.test(header)) return null
  const params = readParams(header.slice(scheme[0].length).trim())
  const origin = params?.get('origin')
  const keyId = params?.get('key')
  const signature = params?.get('sig')
  if (origin === undefined || keyId === undefined || signature === undefined) return null
  return { origin, keyId, signature, destination: params?.get('destination') ?? null }
}

function readParams(text: string): ReadonlyMap<string, string> | null {
  const params = new Map<string, string>()
  paramPattern.lastIndex = 0
  while (paramPattern.lastIndex < text.length) {
    const [, name, quoted, plain] = paramPattern.exec(text) ?? []
    if (name === undefined) return null
    const key = name.toLowerCase()
    // Two readers could take two different ones of a pair.
    if (params.has(key) || params.size >= xMatrixParamsMax) return null
    params.set(key, quoted?.replace(/\\([^])/g, '$1') ?? plain ?? '')
  }
  return params
}
