import { Buffer } from 'node:buffer'
import { publicKeyFromSeed } from '../../domain/ed25519.ts'
import {
  ephemeralSeed,
  formatEphemeralKey,
  holdsWord,
  redactAddress,
  type Invite,
  type Shown,
} from '../../domain/invite.ts'
import { inviteFirstCheckMs } from '../../domain/api-limits.ts'
import { isMxid, parseMxid } from '../../domain/mxid.ts'
import { RefusalError } from '../../domain/refusal.ts'
import type { Threepid } from '../../domain/threepid.ts'
import type { AssociationReader } from '../../log/association-reader.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { RecordChange } from '../../storage/storage.ts'
import type { InviteStore } from './invite-store.ts'

/** What is to be sent, as it waits in the queue. The one-time private key is not in it: it is made when it is sent. */
export type InviteErrand = {
  readonly type: 'invite'
  readonly token: string
  readonly threepid: Threepid
  readonly languages: readonly string[]
  readonly brand: string | null
}

export type InviteRules = {
  readonly shown: Shown
  readonly homeserversBlocked: readonly string[]
  readonly roomsBlocked: readonly string[]
  readonly wordsBlocked: readonly string[]
}

export type StoreInviteDeps = {
  readonly siteSecret: Uint8Array
  readonly invites: InviteStore
  readonly associations: Pick<AssociationReader, 'mxidsByThreepid'>
  readonly rules: InviteRules
  /** Long-term public keys of the site, ours first; unpadded base64. */
  readonly siteKeys: () => readonly string[]
  readonly publicBaseUrl: string
  readonly clock: Pick<Clock, 'wallMs'>
  readonly random: Pick<Random, 'bytes'>
  /** Keeps the errand together with `changes`, all or nothing; null when a record was not as expected. */
  readonly send: (
    errand: InviteErrand,
    changes: readonly RecordChange[],
  ) => Promise<{ readonly firstTry: unknown } | null>
}

export type InviteRequest = Pick<Invite, 'threepid' | 'roomId' | 'sender' | 'details'> &
  Pick<InviteErrand, 'languages' | 'brand'>

export type StoredInvite = {
  readonly token: string
  readonly public_keys: readonly {
    readonly public_key: string
    readonly key_validity_url: string
  }[]
  readonly public_key: string
  readonly display_name: string
}

/**
 * Keeps an invitation and mails it. Answers what the homeserver puts in the room: the token, the long-term keys of all
 * siblings and then the one-time key (DESIGN 2.6), and the address as others may see it.
 * Refuses with threepid-in-use, param-invalid, invite-blocked or limit-exceeded.
 */
export async function storeInvite(
  deps: StoreInviteDeps,
  request: InviteRequest,
): Promise<StoredInvite> {
  const { threepid, roomId, sender, details, languages, brand } = request
  admit(deps.rules, request)
  await refuseBound(deps, threepid)
  const { siteSecret, invites, clock } = deps
  const nowMs = clock.wallMs()
  if (!(await invites.hasRoomFor(threepid, nowMs))) {
    throw new RefusalError('limit-exceeded', 'too many invitations wait for this address')
  }
  const token = Buffer.from(deps.random.bytes(32)).toString('base64url')
  const key = formatEphemeralKey(publicKeyFromSeed(ephemeralSeed(siteSecret, token)))
  const storedMs = nowMs
  const invite: Invite = { token, threepid, roomId, sender, details, storedMs, state: 'open' }
  // Bound meanwhile, perhaps: it is looked at again soon, and whoever bound the address is told then.
  const changes = [invites.change(invite, nowMs + inviteFirstCheckMs, null), invites.keepKey(key)]
  const sent = await deps.send({ type: 'invite', token, threepid, languages, brand }, changes)
  if (sent === null) throw new Error('a token just drawn was known already')
  return answerOf(deps, { token, key, address: threepid.address })
}

function admit(
  rules: InviteRules,
  { roomId, sender, details }: Pick<InviteRequest, 'roomId' | 'sender' | 'details'>,
): void {
  if (!isMxid(sender)) throw new RefusalError('param-invalid', 'sender: expected a Matrix user ID')
  if (!roomIdPattern.test(roomId)) {
    throw new RefusalError('param-invalid', 'room_id: expected a Matrix room ID')
  }
  const homeserver = parseMxid(sender)?.serverName.toLowerCase() ?? ''
  const texts = [details['room_name'] ?? '', details['sender_display_name'] ?? '']
  if (
    rules.homeserversBlocked.some((name) => name.toLowerCase() === homeserver) ||
    rules.roomsBlocked.includes(roomId) ||
    holdsWord(texts, rules.wordsBlocked)
  ) {
    throw new RefusalError('invite-blocked', 'this invitation is not sent here')
  }
}

/** With or without a domain, for rooms of version 12 have none; what it begins with is the homeserver's affair. */
const roomIdPattern = /^[^\p{Cc}\p{Cs}\p{Z}]{1,255}$/u

async function refuseBound(
  { associations }: Pick<StoreInviteDeps, 'associations'>,
  threepid: Threepid,
): Promise<void> {
  const [mxid] = await associations.mxidsByThreepid([threepid])
  if (mxid === null || mxid === undefined) return
  throw new RefusalError('threepid-in-use', 'this address is bound already', { mxid })
}

function answerOf(
  { siteKeys, publicBaseUrl, rules }: Pick<StoreInviteDeps, 'siteKeys' | 'publicBaseUrl' | 'rules'>,
  made: { readonly token: string; readonly key: string; readonly address: string },
): StoredInvite {
  const keys = siteKeys()
  const pubkey = `${publicBaseUrl}/_matrix/identity/v2/pubkey`
  return {
    token: made.token,
    public_keys: [
      ...keys.map((key) => ({ public_key: key, key_validity_url: `${pubkey}/isvalid` })),
      { public_key: made.key, key_validity_url: `${pubkey}/ephemeral/isvalid` },
    ],
    public_key: keys[0] ?? '',
    display_name: redactAddress(made.address, rules.shown),
  }
}
