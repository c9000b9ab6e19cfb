import { Buffer } from 'node:buffer'
import { mxidBytesMax } from './limits.ts'
import { isServerName } from './server-name.ts'

export type MxidParts = { readonly localpart: string; readonly serverName: string }

const localpartPattern = /^[^\p{Cc}\p{Cs}]+$/u

/**
 * The parts of a Matrix user ID; null when the text is none (Matrix specification, appendix "User Identifiers").
 * Historical localparts are taken, except empty ones and such with control characters or lone surrogates.
 */
export function parseMxid(text: string): MxidParts | null {
  if (text.length > mxidBytesMax || !text.startsWith('@')) return null
  const colon = text.indexOf(':')
  if (colon < 2) return null
  const localpart = text.slice(1, colon)
  const serverName = text.slice(colon + 1)
  if (!localpartPattern.test(localpart) || !isServerName(serverName)) return null
  return Buffer.byteLength(text) <= mxidBytesMax ? { localpart, serverName } : null
}

export function isMxid(value: unknown): value is string {
  return typeof value === 'string' && parseMxid(value) !== null
}
