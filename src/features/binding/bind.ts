/**
 * Owns: making and ending associations, whoever vouched for them, and looking at who vouches.
 * Relies on: the log to append, the Matrix key to sign, matrix/ for what homeservers sign, sessions and invites through
 * ports.
 * Never: believes a caller about an address or a Matrix ID, or answers before the log holds what was done.
 */
import {
  signAssociation,
  type Association,
  type MatrixSigner,
  type SignedAssociation,
} from '../../domain/association.ts'
import { toBase64 } from '../../domain/base64.ts'
import type { BindOperation, UnbindOperation } from '../../domain/entry-line.ts'
import { associationLifeMs } from '../../domain/limits.ts'
import type { Threepid } from '../../domain/threepid.ts'

export type BindDeps = {
  /** The Matrix key of this node under the server's name. */
  readonly signer: MatrixSigner
  readonly append: (operations: readonly (BindOperation | UnbindOperation)[]) => Promise<unknown>
  readonly nowMs: () => number
  readonly random: (bytes: number) => Uint8Array
}

export type BindRequest = { readonly threepid: Threepid; readonly mxid: string }

/** Signs the association and makes it durable here; siblings hear of it at once. */
export async function bind(deps: BindDeps, request: BindRequest): Promise<Association> {
  const signed = associationOf(deps, request)
  await deps.append([bindOperation(deps, signed)])
  return signed.association
}

/** Signed as the Identity Service API's `3pid/bind` answers it: a hundred years, as no client ever renews. */
export function associationOf(
  { signer, nowMs }: Pick<BindDeps, 'signer' | 'nowMs'>,
  { threepid, mxid }: BindRequest,
): SignedAssociation {
  const ts = nowMs()
  const { address, medium } = threepid
  const fields = { address, medium, mxid, ts, not_before: ts, not_after: ts + associationLifeMs }
  return signAssociation(fields, signer)
}

export function bindOperation(
  { random }: Pick<BindDeps, 'random'>,
  { association, json }: SignedAssociation,
  extra: { readonly at?: number; readonly via?: string } = {},
): BindOperation {
  const { medium, address, mxid } = association
  return {
    kind: 'bind',
    associationJson: json,
    medium,
    address,
    mxid,
    nonce: toBase64(random(16)),
    ...extra,
  }
}

/** The pair is no longer wanted. Done also when it was not bound here: another node may know better. */
export async function unbind(
  { append, random }: Pick<BindDeps, 'append' | 'random'>,
  { threepid, mxid }: BindRequest,
): Promise<void> {
  const { medium, address } = threepid
  await append([{ kind: 'unbind', medium, address, mxid, nonce: toBase64(random(16)) }])
}
