import { fromAnyBase64 } from '../../domain/base64.ts'
import { signJson } from '../../domain/matrix-json.ts'
import { isMxid } from '../../domain/mxid.ts'
import { RefusalError } from '../../domain/refusal.ts'
import type { Signatures } from '../../domain/association.ts'
import { isOpaqueId } from '../../domain/validation-session.ts'
import type { Clock } from '../../platform/clock.ts'
import type { InviteStore } from './invite-store.ts'

export type SignDeps = {
  readonly invites: InviteStore
  readonly serverName: string
  readonly clock: Pick<Clock, 'wallMs'>
}

export type SignRequest = {
  readonly mxid: string
  readonly token: string
  readonly privateKey: string
}

export type SignedAcceptance = {
  readonly mxid: string
  readonly sender: string
  readonly token: string
  readonly signatures: Signatures
}

/** What one-time keys sign under; whoever checks tries every key of the invitation. */
const ephemeralKeyId = 'ed25519:0'

/**
 * Signs for an invited person with the one-time key that was mailed and that the caller brings; never with a key of
 * ours, and only for an invitation that stands. Refuses with invite-unknown, mxid-invalid or param-invalid.
 */
export async function signWithEphemeralKey(
  { invites, serverName, clock }: SignDeps,
  { mxid, token, privateKey }: SignRequest,
): Promise<SignedAcceptance> {
  if (!isMxid(mxid)) throw new RefusalError('mxid-invalid', 'mxid: expected a Matrix user ID')
  // A plus that was not percent-encoded arrives as a space.
  const seed = fromAnyBase64(privateKey.replaceAll(' ', '+'))
  if (seed?.length !== 32) {
    throw new RefusalError('param-invalid', 'private_key: expected 32 bytes in base64')
  }
  const kept = isOpaqueId(token) ? await invites.find(token, clock.wallMs()) : null
  if (kept === null) throw new RefusalError('invite-unknown', 'no invitation has this token')
  const { sender } = kept.invite
  const signed = signJson({ mxid, sender, token }, serverName, ephemeralKeyId, seed)
  return signed as SignedAcceptance
}
