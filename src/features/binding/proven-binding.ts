import type { Association, SignedAssociation } from '../../domain/association.ts'
import { isMxid } from '../../domain/mxid.ts'
import { isRefusal, RefusalError } from '../../domain/refusal.ts'
import type { SignedInvite } from '../../domain/signed-invite.ts'
import type { Threepid } from '../../domain/threepid.ts'
import { isSigned, type SignedRequest } from '../../matrix/verify-request.ts'
import { associationOf, bindOperation, unbind, type BindDeps, type BindRequest } from './bind.ts'

/** What a validation session proves, as long as it counts. */
export type ProvenSession = { readonly threepid: Threepid; readonly validatedAtMs: number }

export type SessionDeps = {
  readonly sessions: {
    /** Refuses with session-unknown (a wrong secret looks the same), session-not-validated or session-expired. */
    findProven(sid: string, clientSecret: string): Promise<ProvenSession>
  }
}

export type ProvenBindDeps = BindDeps &
  SessionDeps & {
    readonly bound: {
      /** Sees to it that the owner's homeserver hears of it; answers the invites of this address, and no other's. */
      deliver(association: Association): Promise<{ readonly invites: readonly SignedInvite[] }>
    }
  }

export type ProvenUnbindDeps = Pick<BindDeps, 'append' | 'random'> &
  SessionDeps & {
    /** Resolves when its origin signed the request for us (matrix/verify-request). */
    readonly verifyRequest: (request: SignedRequest) => Promise<void>
  }

export type SessionCredentials = { readonly sid: string; readonly clientSecret: string }

export type Bound = SignedAssociation & { readonly invites: readonly SignedInvite[] }

/**
 * Binds the address a session proved. `ownMxid` is the only Matrix ID the caller may bind it to, null for any: the
 * historic API knows no callers. A later binding of the address takes the place of an earlier one. Refuses with
 * mxid-invalid, mxid-not-own and what the session refuses with.
 */
export async function bindProven(
  deps: ProvenBindDeps,
  request: SessionCredentials & { readonly mxid: string; readonly ownMxid: string | null },
): Promise<Bound> {
  const { mxid, ownMxid } = request
  if (!isMxid(mxid)) {
    throw new RefusalError('mxid-invalid', 'mxid must be a Matrix user ID like @user:server')
  }
  if (ownMxid !== null && mxid !== ownMxid) {
    throw new RefusalError('mxid-not-own', 'an address can be bound to your own Matrix ID only')
  }
  const { threepid } = await deps.sessions.findProven(request.sid, request.clientSecret)
  const signed = associationOf(deps, { threepid, mxid })
  // Begun together, they share one durable transaction. Should the append be refused, the errand finds no association
  // when its time has come, and the invites wait on.
  const [{ invites }] = await Promise.all([
    deps.bound.deliver(signed.association),
    deps.append([bindOperation(deps, signed)]),
  ])
  return { ...signed, invites }
}

/** The request to unbind with what came along to prove it. */
export type UnbindRequest = BindRequest & {
  readonly sid: string | null
  readonly clientSecret: string | null
  readonly signed: Pick<SignedRequest, 'uri' | 'content' | 'authorizations'>
}

/**
 * Ends the association of a pair for whoever proves the address (by a session) or the Matrix ID (by the signature of
 * its homeserver). An access token proves neither, so none is asked for and none helps. Every credential that is given
 * must hold, and half of one is none. Refuses with credentials-invalid, signature-invalid, homeserver-unreachable.
 */
export async function unbindProven(deps: ProvenUnbindDeps, request: UnbindRequest): Promise<void> {
  const { sid, clientSecret, signed, threepid, mxid } = request
  const hasSignature = isSigned(signed.authorizations)
  const hasSession = sid !== null || clientSecret !== null
  if (!hasSignature && !hasSession) {
    throw notAllowed('expected the signature of the homeserver, or sid and client_secret')
  }
  if (hasSession) await requireSession(deps, request)
  if (hasSignature) {
    const origin = mxid.slice(mxid.indexOf(':') + 1)
    await deps.verifyRequest({ ...signed, method: 'POST', origin })
  }
  await unbind(deps, { threepid, mxid })
}

async function requireSession(
  { sessions }: SessionDeps,
  { sid, clientSecret, threepid }: UnbindRequest,
): Promise<void> {
  if (sid === null || clientSecret === null) {
    throw notAllowed('expected both sid and client_secret')
  }
  const proven = await provenThreepid(sessions, { sid, clientSecret })
  if (proven.medium !== threepid.medium || proven.address !== threepid.address) {
    throw notAllowed('the session is of another address')
  }
}

/**
 * A session that proves nothing is a wrong credential, 403: homeservers take 400 and 404 for "no unbind here" and
 * forget about it.
 */
async function provenThreepid(
  sessions: SessionDeps['sessions'],
  { sid, clientSecret }: SessionCredentials,
): Promise<Threepid> {
  try {
    return (await sessions.findProven(sid, clientSecret)).threepid
  } catch (error) {
    if (isRefusal(error) && sessionRefusals.has(error.code)) throw notAllowed(error.message)
    throw error
  }
}

const sessionRefusals: ReadonlySet<string> = new Set([
  'session-unknown',
  'session-not-validated',
  'session-expired',
])

function notAllowed(message: string): RefusalError {
  return new RefusalError('credentials-invalid', message)
}
