import type { Association, MatrixSigner } from '../../domain/association.ts'
import { signInvite, type Invite } from '../../domain/invite.ts'
import { inviteCheckMaxMs, inviteFirstCheckMs, invitesDueMax } from '../../domain/api-limits.ts'
import type { SignedInvite } from '../../domain/signed-invite.ts'
import type { OnbindNotice, OnbindOutcome } from '../../matrix/onbind.ts'
import type { AssociationReader } from '../../log/association-reader.ts'
import type { Clock } from '../../platform/clock.ts'
import type { RecordChange } from '../../storage/storage.ts'
import type { InviteStore, KeptInvite } from './invite-store.ts'

/** A homeserver is to be told of a binding; the invitations are named, and signed when it is told. */
export type OnbindErrand = {
  readonly association: Association
  readonly tokens: readonly string[]
}

export type DeliverDeps = {
  readonly invites: InviteStore
  readonly associations: Pick<AssociationReader, 'mxidsByThreepid' | 'signedAssociation'>
  readonly signer: MatrixSigner
  readonly clock: Pick<Clock, 'wallMs'>
  /** Keeps the errand together with `changes`, all or nothing; false when a record was not as expected. */
  readonly send: (errand: OnbindErrand, changes: readonly RecordChange[]) => Promise<boolean>
}

/**
 * Of an association that is being made: its homeserver is told once it stands, and of the invitations that waited for
 * the address, which the binder gets too. If we crash before this is durable, the invitations are still open and found
 * by `deliverOwed`.
 */
export async function deliver(
  deps: DeliverDeps,
  association: Association,
): Promise<{ readonly invites: readonly SignedInvite[] }> {
  const { medium, address, mxid } = association
  const nowMs = deps.clock.wallMs()
  for (let tries = 0; tries < 2; tries++) {
    const open = await deps.invites.openFor({ medium, address }, nowMs)
    const tokens = open.map(({ invite }) => invite.token)
    const isSent = await deps.send({ association, tokens }, owed(deps, open))
    if (isSent) return { invites: open.map(({ invite }) => signInvite(invite, mxid, deps.signer)) }
  }
  // Somebody else hands these invitations over at this moment; the homeserver is told of the binding all the same.
  await deps.send({ association, tokens: [] }, [])
  return { invites: [] }
}

function owed(
  { invites }: Pick<DeliverDeps, 'invites'>,
  open: readonly KeptInvite[],
): RecordChange[] {
  return open.map(({ invite, record }) =>
    invites.change({ ...invite, state: 'owed' }, null, record.revision),
  )
}

/** The invitations an errand names, signed for whoever bound the address. */
export async function invitesOf(
  { invites, signer, clock }: Pick<DeliverDeps, 'invites' | 'signer' | 'clock'>,
  { association, tokens }: OnbindErrand,
): Promise<readonly SignedInvite[]> {
  const nowMs = clock.wallMs()
  const found = await Promise.all(tokens.map((token) => invites.find(token, nowMs)))
  return found.flatMap((kept) =>
    kept === null || !isFor(kept.invite, association)
      ? []
      : [signInvite(kept.invite, association.mxid, signer)],
  )
}

/**
 * Does an errand. Null when the association does not stand: it was ended, or the log refused it after the errand was
 * kept.
 */
export async function tellOwner(
  deps: Pick<DeliverDeps, 'invites' | 'associations' | 'signer' | 'clock'> & {
    readonly tellHomeserver: (notice: OnbindNotice) => Promise<OnbindOutcome>
  },
  errand: OnbindErrand,
): Promise<OnbindOutcome | null> {
  const { association } = errand
  const [mxid] = await deps.associations.mxidsByThreepid([association])
  if (mxid !== association.mxid) return null
  return deps.tellHomeserver({ association, invites: await invitesOf(deps, errand) })
}

function isFor({ threepid }: Invite, { medium, address }: Association): boolean {
  return threepid.medium === medium && threepid.address === address
}

/**
 * `used`: the homeserver was told, or never will be; the invitations stay to be signed by hand until they expire.
 * `open`: the address was let go before anybody was told, so they wait for whoever binds it next.
 */
export async function settleInvites(
  { invites, clock }: Pick<DeliverDeps, 'invites' | 'clock'>,
  { tokens }: OnbindErrand,
  state: 'used' | 'open',
): Promise<void> {
  const nowMs = clock.wallMs()
  for (const token of tokens) {
    const kept = await invites.find(token, nowMs)
    if (kept === null) continue
    const dueMs = state === 'open' ? nowMs + inviteFirstCheckMs : null
    const { invite, record } = kept
    await invites.write([invites.change({ ...invite, state }, dueMs, record.revision)])
  }
}

/**
 * Whoever holds an open invitation and a live bind of its address owes delivery (DESIGN 2.6): looks at invitations that
 * are due, which finds binds made at a sibling, and what a crash has left. Old invitations are looked at less often.
 */
export async function deliverOwed(deps: DeliverDeps): Promise<void> {
  const nowMs = deps.clock.wallMs()
  for (const { invite, record } of await deps.invites.due(nowMs, invitesDueMax)) {
    const association = await deps.associations.signedAssociation(invite.threepid)
    if (association !== null) await deliver(deps, association)
    else {
      const ageMs = nowMs - invite.storedMs
      const waitMs = Math.min(Math.max(ageMs / 4, inviteFirstCheckMs), inviteCheckMaxMs)
      const dueMs = Math.round(nowMs + waitMs)
      await deps.invites.write([deps.invites.change(invite, dueMs, record.revision)])
    }
  }
}
