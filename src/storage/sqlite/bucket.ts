import { lookupHashLatin1 } from '../../domain/lookup-hash.ts'
import type { Threepid } from '../../domain/threepid.ts'

/**
 * A bucket is the first 53 bits of a lookup hash: the longest prefix that is a safe integer. Two 3PIDs may share one,
 * and somebody may have ground them to; callers compare in full.
 */
export type Bucket = number

export function bucketOfThreepid(threepid: Threepid, pepper: string): Bucket {
  const h = lookupHashLatin1(threepid, pepper)
  const high = (h.charCodeAt(0) << 16) | (h.charCodeAt(1) << 8) | h.charCodeAt(2)
  const low =
    (h.charCodeAt(3) << 21) |
    (h.charCodeAt(4) << 13) |
    (h.charCodeAt(5) << 5) |
    (h.charCodeAt(6) >>> 3)
  return high * 0x20000000 + low
}

const hashLength = 43
const notBase64Url = 64
const sextets = new Uint8Array(128).fill(notBase64Url)
for (const [value, character] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
].entries()) {
  sextets[character.charCodeAt(0)] = value
}

/**
 * The bucket of a hash as a client sends it (43 characters of URL-safe base64); -1 when it is none. Only the prefix is
 * looked at: this runs for every hash of every lookup, and most of them are unknown.
 */
export function bucketOfText(text: string): Bucket {
  if (text.length !== hashLength) return -1
  let high = 0
  let low = 0
  let seen = 0
  for (let i = 0; i < 4; i++) {
    const a = text.charCodeAt(i)
    const b = text.charCodeAt(i + 4)
    if ((a | b) > 127) return -1
    const left = sextets[a] as number
    const right = sextets[b] as number
    seen |= left | right
    high = (high << 6) | left
    low = (low << 6) | right
  }
  const last = text.charCodeAt(8)
  if (last > 127) return -1
  const ninth = sextets[last] as number
  if (((seen | ninth) & notBase64Url) !== 0) return -1
  return high * 0x20000000 + low * 32 + (ninth >>> 1)
}

/** Whether the rest of the text is URL-safe base64 too, ending without stray bits. */
export function isHashText(text: string): boolean {
  for (let i = 0; i < hashLength; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || sextets[code] === notBase64Url) return false
  }
  return (
    text.length === hashLength && ((sextets[text.charCodeAt(hashLength - 1)] as number) & 3) === 0
  )
}
