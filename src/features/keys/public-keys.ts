import { fromAnyBase64, toBase64Unpadded } from '../../domain/base64.ts'
import { formatEphemeralKey } from '../../domain/invite.ts'
import { RefusalError } from '../../domain/refusal.ts'

/** The long-term Matrix keys of this node and of its siblings (DESIGN 2.1). Keys are unpadded standard base64. */
export type SiteKeys = {
  publicKey(keyId: string): string | null
  isValid(publicKey: string): boolean
}

/** The one-time keys of invites, in the form they are handed out in: unpadded URL-safe base64. */
export type EphemeralKeys = {
  isValid(publicKey: string): Promise<boolean>
}

export type KeysDeps = { readonly site: SiteKeys; readonly ephemeral: EphemeralKeys }

const keyBytes = 32

/** Unpadded standard base64. Refuses with not-found. */
export function publicKey({ site }: KeysDeps, keyId: string): string {
  const found = site.publicKey(keyId)
  if (found === null) throw new RefusalError('not-found', 'no key of this id is known here')
  return found
}

/** Either alphabet, padded or not; what is no key at all is not valid. */
export function isSiteKeyValid({ site }: KeysDeps, sent: string): boolean {
  const bytes = fromAnyBase64(unspaced(sent))
  return bytes?.length === keyBytes && site.isValid(toBase64Unpadded(bytes))
}

/** Either alphabet, padded or not: a homeserver may have written the key of a room event anew. */
export async function isEphemeralKeyValid({ ephemeral }: KeysDeps, sent: string): Promise<boolean> {
  const bytes = fromAnyBase64(unspaced(sent))
  return bytes?.length === keyBytes && (await ephemeral.isValid(formatEphemeralKey(bytes)))
}

/** A plus that was not percent-encoded in the query arrives as a space, and no key has spaces. */
function unspaced(sent: string): string {
  return sent.replaceAll(' ', '+')
}
