import { createHmac } from 'node:crypto'
import { toBase64 } from './base64.ts'
import type { MatrixSigner } from './association.ts'
import { signJson } from './matrix-json.ts'
import type { SignedInvite } from './signed-invite.ts'
import type { Threepid } from './threepid.ts'

/** An invitation to a room, kept until its address is bound (Identity Service API, "Invitation storage"). */
export type Invite = {
  /** Names it; 1 to 255 of `[0-9a-zA-Z.=_-]`. It becomes the state key of a room event. */
  readonly token: string
  readonly threepid: Threepid
  readonly roomId: string
  /** Matrix ID of whoever invites. */
  readonly sender: string
  /** Every other text the homeserver sent, by its name: room_name, sender_display_name and so on. */
  readonly details: Readonly<Record<string, string>>
  readonly storedMs: number
  /** `owed`: its address is bound and the homeserver is being told; `used`: it has been. */
  readonly state: 'open' | 'owed' | 'used'
}

/**
 * The seed of an invite's one-time key. It is mailed, and made again when it is mailed again; it is never stored, and
 * nobody without the site's secret can make it.
 */
export function ephemeralSeed(siteSecret: Uint8Array, token: string): Uint8Array {
  return createHmac('sha256', siteSecret).update(`mycelid invite key v1\n${token}`).digest()
}

/** Unpadded URL-safe base64, as one-time keys are handed out and asked for. */
export function formatEphemeralKey(key: Uint8Array): string {
  return toBase64(key).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** Signed with the long-term key, by which the inviting homeserver admits the bearer of `mxid` and nobody else. */
export function signInvite(
  { token, threepid, roomId, sender }: Invite,
  mxid: string,
  signer: MatrixSigner,
): SignedInvite {
  const signed = signJson({ mxid, token }, signer.serverName, signer.keyId, signer.seed)
  return {
    ...threepid,
    mxid,
    room_id: roomId,
    sender,
    token,
    signed: signed as SignedInvite['signed'],
  }
}

/** How many characters of either side of the @ others see. */
export type Shown = { readonly local: number; readonly domain: number }

/**
 * The address as a public room event may show it: a few characters of either side, then dots; of a short side fewer, so
 * that something is always hidden (Identity Service API, `display_name`).
 */
export function redactAddress(address: string, shown: Shown): string {
  const at = address.lastIndexOf('@')
  const local = redact(address.slice(0, at), shown.local)
  return `${local}@${redact(address.slice(at + 1), shown.domain)}`
}

function redact(text: string, count: number): string {
  const letters = [...text]
  const fewer = letters.length > 5 ? 3 : letters.length > 1 ? 1 : 0
  const kept = letters.length > count ? count : fewer
  return `${letters.slice(0, kept).join('')}...`
}

/** A word the operator does not wish to see in what an invitation says; compared without regard to case. */
export function holdsWord(texts: readonly string[], words: readonly string[]): boolean {
  const folded = texts.map((text) => text.toLowerCase())
  return words.some((word) => folded.some((text) => text.includes(word.toLowerCase())))
}
