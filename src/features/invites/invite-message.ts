import { ephemeralSeed, formatEphemeralKey, type Invite } from '../../domain/invite.ts'
import { readNextLink } from '../../domain/next-link.ts'
import { v1Prefix } from '../../http/endpoint.ts'
import type { InviteMessage } from '../../mediums/medium.ts'
import type { Clock } from '../../platform/clock.ts'
import type { InviteStore } from './invite-store.ts'
import type { InviteErrand } from './store-invite.ts'

export type InviteMessageDeps = {
  readonly siteSecret: Uint8Array
  readonly invites: InviteStore
  readonly publicBaseUrl: string
  /** Where links lead, unless the homeserver names a client the operator allows. */
  readonly webClientUrl: string
  readonly webClientAllow: readonly string[]
  readonly clock: Pick<Clock, 'wallMs'>
}

/** What the homeserver says about itself in a member of this name is believed where the operator allows it. */
const webClientMember = 'org.matrix.web_client_location'

/** The mail of an invitation, made when it is sent; null when the invitation is no longer open. */
export async function inviteMessage(
  deps: InviteMessageDeps,
  errand: InviteErrand,
  id: string,
): Promise<InviteMessage | null> {
  const kept = await deps.invites.find(errand.token, deps.clock.wallMs())
  if (kept === null || kept.invite.state !== 'open') return null
  const { invite } = kept
  const text = (name: string): string => invite.details[name] ?? ''
  const privateKey = formatEphemeralKey(ephemeralSeed(deps.siteSecret, invite.token))
  const webClient = webClientOf(deps, text(webClientMember))
  return {
    type: 'invite',
    medium: 'email',
    id,
    address: invite.threepid.address,
    token: invite.token,
    link: linkOf(deps, { invite, privateKey, webClient }),
    webClientLink: webClient,
    brand: errand.brand,
    languages: errand.languages,
    roomId: invite.roomId,
    roomName: text('room_name'),
    roomAlias: text('room_alias'),
    roomAvatarUrl: text('room_avatar_url'),
    roomType: text('room_type'),
    sender: invite.sender,
    senderDisplayName: text('sender_display_name'),
    senderAvatarUrl: text('sender_avatar_url'),
    ephemeralPrivateKey: privateKey,
    extra: { ...invite.details },
  }
}

function webClientOf({ webClientUrl, webClientAllow }: InviteMessageDeps, named: string): string {
  if (named === '' || webClientAllow.length === 0) return webClientUrl
  return readNextLink(named, webClientAllow)?.replace(/\/+$/, '') ?? webClientUrl
}

/**
 * Opens the room in the web client, which has the invitation signed at `signurl` (adding `mxid`) and joins with that.
 * Clients call it without a token, so it leads to v1.
 */
function linkOf(
  { publicBaseUrl }: InviteMessageDeps,
  given: { readonly invite: Invite; readonly privateKey: string; readonly webClient: string },
): string {
  const { invite, privateKey, webClient } = given
  const proof = new URLSearchParams({ token: invite.token, private_key: privateKey })
  const query = new URLSearchParams({
    email: invite.threepid.address,
    signurl: `${publicBaseUrl}${v1Prefix}/sign-ed25519?${proof.toString()}`,
    room_name: invite.details['room_name'] ?? '',
    room_avatar_url: invite.details['room_avatar_url'] ?? '',
    inviter_name: invite.details['sender_display_name'] ?? '',
    guest_access_token: invite.details['guest_access_token'] ?? '',
    guest_user_id: invite.details['guest_user_id'] ?? '',
    room_type: invite.details['room_type'] ?? '',
  })
  for (const [name, value] of [...query]) if (value === '') query.delete(name)
  return `${webClient}/#/room/${encodeURIComponent(invite.roomId)}?${query.toString()}`
}
