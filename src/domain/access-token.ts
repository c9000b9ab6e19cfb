import { Buffer } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Access tokens of clients: `myc_` and 64 URL-safe base64 characters of 32 random bytes followed by 16 bytes of
 * HMAC-SHA256 under the site's secret. Any sibling can tell a genuine token it has not heard of yet, and garbage is
 * refused without a look at storage (DESIGN 2.6).
 */

const prefix = 'myc_'
const randomBytes = 32
const macBytes = 16
/** Keeps these MACs apart from others under the same secret. */
const macLabel = 'mycelid access token v1\n'
const tokenPattern = /^myc_[A-Za-z0-9_-]{64}$/

/** `random32` must be 32 bytes nobody can guess. */
export function mintAccessToken(secret: Uint8Array, random32: Uint8Array): string {
  if (random32.length !== randomBytes) {
    throw new RangeError(`a token takes ${randomBytes} random bytes, got ${random32.length}`)
  }
  return prefix + Buffer.concat([random32, mac(secret, random32)]).toString('base64url')
}

/** Whether a sibling under the same secret made this token. Takes the same time for every wrong MAC. */
export function isGenuineToken(secret: Uint8Array, token: string): boolean {
  if (!tokenPattern.test(token)) return false
  const bytes = Buffer.from(token.slice(prefix.length), 'base64url')
  return timingSafeEqual(bytes.subarray(randomBytes), mac(secret, bytes.subarray(0, randomBytes)))
}

/** What is stored and replicated instead of the token: SHA-256 of its text. */
export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}

function mac(secret: Uint8Array, random: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update(macLabel).update(random).digest().subarray(0, macBytes)
}
