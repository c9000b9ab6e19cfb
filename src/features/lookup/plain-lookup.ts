import type { Association } from '../../domain/association.ts'
import { bulkLookupThreepidsMax } from '../../domain/api-limits.ts'
import { isRefusal, RefusalError } from '../../domain/refusal.ts'
import { canonicalThreepid, type Threepid } from '../../domain/threepid.ts'
import type { JsonObject } from '../../http/endpoint.ts'
import type { AssociationReader } from '../../log/association-reader.ts'

type Reading = { readonly associations: AssociationReader }
/** Medium and address as sent, not yet canonical. */
type SentThreepid = { readonly medium: string; readonly address: string }

/** The Matrix ID bound to each address, in the order asked. What can be no address is bound to nobody. */
export async function lookupPlain(
  associations: AssociationReader,
  sent: readonly SentThreepid[],
): Promise<(string | null)[]> {
  const canonical = sent.map(canonicalOrNull)
  const known = canonical.filter((threepid) => threepid !== null)
  const found = await associations.mxidsByThreepid(known)
  let next = 0
  return canonical.map((threepid) => (threepid === null ? null : (found[next++] ?? null)))
}

/** v1: the association as its signer signed it, or null. */
export async function lookupOne(
  { associations }: Reading,
  sent: SentThreepid,
): Promise<Association | null> {
  const threepid = canonicalOrNull(sent)
  return threepid === null ? null : associations.signedAssociation(threepid)
}

/** v1: the bound ones of many, as they were sent: medium, address, Matrix ID. */
export async function lookupMany(
  { associations }: Reading,
  sent: readonly SentThreepid[],
): Promise<[string, string, string][]> {
  const mxids = await lookupPlain(associations, sent)
  return sent.flatMap(({ medium, address }, i): [string, string, string][] => {
    const mxid = mxids[i] ?? null
    return mxid === null ? [] : [[medium, address, mxid]]
  })
}

/** Refuses with param-missing, param-invalid or too-many-addresses. */
export function readBulkLookupRequest({ threepids }: JsonObject): SentThreepid[] {
  if (threepids === undefined) throw new RefusalError('param-missing', 'missing: threepids')
  if (!Array.isArray(threepids)) throw invalidPairs()
  if (threepids.length > bulkLookupThreepidsMax) {
    throw new RefusalError('too-many-addresses', `expected at most ${bulkLookupThreepidsMax} pairs`)
  }
  return threepids.map((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalidPairs()
    const [medium, address] = pair as readonly unknown[]
    if (typeof medium !== 'string' || typeof address !== 'string') throw invalidPairs()
    return { medium, address }
  })
}

function invalidPairs(): RefusalError {
  return new RefusalError('param-invalid', 'expected threepids as a list of [medium, address]')
}

function canonicalOrNull({ medium, address }: SentThreepid): Threepid | null {
  try {
    return canonicalThreepid(medium, address)
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}
