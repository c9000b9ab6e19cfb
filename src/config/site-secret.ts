import { createHmac } from 'node:crypto'
import { fromAnyBase64, toBase64UrlUnpadded } from '../domain/base64.ts'

/**
 * The secret siblings share (DESIGN 2.6): 32 random bytes that key the MACs of tokens. Its file holds one line,
 * `mycelid-site1 <43 characters of URL-safe base64>`, mode 0600. It travels by hand (`init --site-secret-file`, `mesh
 * pair --secret-file`, `keys site-secret export` and `import`), never in a card, a log or over the mesh.
 */
export type SiteSecret = Uint8Array

const marker = 'mycelid-site1'
export const siteSecretBytes = 32

export function formatSiteSecret(secret: SiteSecret): string {
  return `${marker} ${toBase64UrlUnpadded(secret)}\n`
}

/** Null when the text holds no site secret. */
export function parseSiteSecret(text: string): SiteSecret | null {
  const [given, encoded, ...rest] = text.trim().split(/\s+/)
  if (given !== marker || encoded === undefined || rest.length > 0) return null
  const secret = fromAnyBase64(encoded)
  return secret?.length === siteSecretBytes ? secret : null
}

/**
 * What two siblings may compare in public to see whether their secrets are equal: 16 hex characters that tell nothing
 * of the secret.
 */
export function siteSecretFingerprint(secret: SiteSecret): string {
  return derive(secret, 'fingerprint').slice(0, 16)
}

/**
 * The pepper `init` writes when the configuration names none: siblings initialised with one secret announce one
 * pepper. It becomes public (`hash_details`) and tells nothing of the secret.
 */
export function sitePepper(secret: SiteSecret): string {
  return derive(secret, 'pepper').slice(0, 32)
}

function derive(secret: SiteSecret, purpose: string): string {
  return createHmac('sha256', secret).update(`mycelid site secret ${purpose}`).digest('hex')
}
