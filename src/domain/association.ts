/**
 * Owns: what is true: pure types and rules of logs, claims, addresses, signatures, and every bound.
 * Relies on: node:crypto alone.
 * Never: reads a clock, draws chance, does I/O, or knows another room.
 */
import { Buffer } from 'node:buffer'
import { toBase64Unpadded } from './base64.ts'
import { sign } from './ed25519.ts'
import type { Threepid } from './threepid.ts'

/** signatures / entity name / key id → unpadded base64 (Matrix specification, appendix "Signing JSON"). */
export type Signatures = Readonly<Record<string, Readonly<Record<string, string>>>>

/**
 * A signed association as the Identity Service API answers it (3pid/bind, v1 lookup). Times are milliseconds since
 * the epoch.
 */
export type Association = {
  readonly address: string
  readonly medium: Threepid['medium']
  readonly mxid: string
  readonly ts: number
  readonly not_before: number
  readonly not_after: number
  readonly signatures: Signatures
}

/** A Matrix key under the server's name: `keyId` like `ed25519:paris`, the 32-byte Ed25519 seed. */
export type MatrixSigner = {
  readonly serverName: string
  readonly keyId: string
  readonly seed: Uint8Array
}

/** The same association twice: to look at, and as the canonical JSON it travels in. */
export type SignedAssociation = { readonly association: Association; readonly json: string }

/**
 * Signs an association (Matrix specification, appendix "Signing JSON"). It always has the same members, so its
 * canonical form is written down here instead of being made by sorting keys, twice, on the path of every bind.
 * Address and Matrix ID are well-formed, as canonicalThreepid and parseMxid leave them.
 */
export function signAssociation(
  fields: Omit<Association, 'signatures'>,
  { serverName, keyId, seed }: MatrixSigner,
): SignedAssociation {
  const { address, medium, mxid, ts, not_before, not_after } = fields
  const front =
    `{"address":${JSON.stringify(address)},"medium":"${medium}","mxid":${JSON.stringify(mxid)},` +
    `"not_after":${not_after},"not_before":${not_before},`
  const signature = toBase64Unpadded(sign(seed, Buffer.from(`${front}"ts":${ts}}`)))
  const signatures = { [serverName]: { [keyId]: signature } }
  return {
    association: { address, medium, mxid, ts, not_before, not_after, signatures },
    json: `${front}"signatures":${JSON.stringify(signatures)},"ts":${ts}}`,
  }
}
