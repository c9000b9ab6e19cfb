/** Base64 of RFC 4648: standard and padded in lines and notes, unpadded in Matrix JSON, URL-safe in lookup hashes. */

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function toBase64Unpadded(bytes: Uint8Array): string {
  return toBase64(bytes).replace(/=+$/, '')
}

export function toBase64UrlUnpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** Strict standard base64, padded and canonical; null when malformed or of another length in bytes. */
export function fromBase64(text: string, lengthBytes?: number): Uint8Array | null {
  if (text.length % 4 !== 0) return null
  const bytes = Buffer.from(text, 'base64')
  if (lengthBytes !== undefined && bytes.length !== lengthBytes) return null
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : null
}

/** Either alphabet, padded or not, as Matrix software writes it; null when malformed. */
export function fromAnyBase64(text: string): Uint8Array | null {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/={0,2}$/, '')
  if (!/^[A-Za-z0-9+/]*$/.test(plain) || plain.length % 4 === 1) return null
  return new Uint8Array(Buffer.from(plain, 'base64'))
}
