import { lookupAddressesMax } from '../../domain/api-limits.ts'
import { RefusalError } from '../../domain/refusal.ts'
import type { JsonObject } from '../../http/endpoint.ts'
import type { AssociationReader } from '../../log/association-reader.ts'
import { lookupPlain } from './plain-lookup.ts'

export type LookupAlgorithm = 'sha256' | 'none'

export type LookupDeps = {
  readonly associations: AssociationReader
  readonly algorithms: readonly LookupAlgorithm[]
  /** Addresses of one request; the protocol's own bound when absent. */
  readonly addressesMax?: number
}

export type LookupRequest = {
  readonly addresses: readonly string[]
  readonly algorithm: string
  readonly pepper: string
}

/** Sent string to Matrix ID. */
export type Mappings = ReadonlyMap<string, string>

export function hashDetails({ associations, algorithms }: LookupDeps): object {
  return { algorithms, lookup_pepper: associations.pepper() }
}

/** Reads the body of a v2 lookup, by hand: this is the hottest path. Refuses with param-missing or param-invalid. */
export function readLookupRequest(sent: JsonObject): LookupRequest {
  const { addresses, algorithm, pepper } = sent
  if (addresses === undefined || algorithm === undefined || pepper === undefined) {
    throw new RefusalError('param-missing', 'expected addresses, algorithm and pepper')
  }
  if (typeof algorithm !== 'string' || typeof pepper !== 'string' || !isTextList(addresses)) {
    throw new RefusalError(
      'param-invalid',
      'expected addresses as a list of texts, algorithm and pepper as text',
    )
  }
  return { addresses, algorithm, pepper }
}

/**
 * The Matrix IDs bound to what was sent, under the very strings that were sent. `sha256` takes hashes as defined by the
 * Identity Service API, "Hashing"; `none` takes "address medium". Refuses with algorithm-unknown, pepper-stale (with
 * the pepper in force) and too-many-addresses.
 */
export async function lookup(deps: LookupDeps, request: LookupRequest): Promise<Mappings> {
  const { addresses, algorithm } = request
  requireAnswerable(deps, request)
  const { associations } = deps
  const mxids =
    algorithm === 'sha256'
      ? await associations.mxidsByHash(addresses)
      : await lookupPlain(associations, addresses.map(splitPlain))
  const mappings = new Map<string, string>()
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i]
    const mxid = mxids[i] ?? null
    if (address !== undefined && mxid !== null) mappings.set(address, mxid)
  }
  return mappings
}

/**
 * The answer to a v2 lookup as JSON. Written by hand: an object with a new key for every address would cost a lookup
 * more than all else, and its keys would have a `__proto__` among them one day.
 */
export function formatMappings(mappings: Mappings): string {
  let members = ''
  for (const [address, mxid] of mappings) {
    members += `${members === '' ? '' : ','}${JSON.stringify(address)}:${JSON.stringify(mxid)}`
  }
  return `{"mappings":{${members}}}`
}

function requireAnswerable(
  { associations, algorithms, addressesMax = lookupAddressesMax }: LookupDeps,
  { addresses, algorithm, pepper }: LookupRequest,
): void {
  if (!(algorithms as readonly string[]).includes(algorithm)) {
    throw new RefusalError('algorithm-unknown', `expected one of: ${algorithms.join(', ')}`)
  }
  const pepperNow = associations.pepper()
  if (pepper !== pepperNow) {
    const details = { algorithm, lookup_pepper: pepperNow }
    throw new RefusalError('pepper-stale', 'the pepper is another one now', details)
  }
  if (addresses.length > addressesMax) {
    throw new RefusalError('too-many-addresses', `expected at most ${addressesMax} addresses`)
  }
}

function splitPlain(sent: string): { medium: string; address: string } {
  const space = sent.lastIndexOf(' ')
  return { medium: sent.slice(space + 1), address: sent.slice(0, Math.max(space, 0)) }
}

function isTextList(value: unknown): value is readonly string[] {
  if (!Array.isArray(value)) return false
  for (const item of value) if (typeof item !== 'string') return false
  return true
}
