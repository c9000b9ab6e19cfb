/**
 * Owns: making and ending associations, whoever vouched for them.
 * Relies on: the log to append, the Matrix key to sign.
 * Never: decides whether a caller proved control; that is done before it is called.
 */
import type { Association } from '../../domain/association.ts'
import { toBase64 } from '../../domain/base64.ts'
import type { BindOperation, UnbindOperation } from '../../domain/entry-line.ts'
import { canonicalJson, signJson } from '../../domain/matrix-json.ts'
import { associationLifeMs } from '../../domain/limits.ts'
import type { Threepid } from '../../domain/threepid.ts'

/** The Matrix key of this node under the server's name. */
export type MatrixSigner = {
  readonly serverName: string
  readonly keyId: string
  readonly seed: Uint8Array
}

export type BindDeps = {
  readonly signer: MatrixSigner
  readonly append: (operations: readonly (BindOperation | UnbindOperation)[]) => Promise<unknown>
  readonly nowMs: () => number
  readonly random: (bytes: number) => Uint8Array
}

export type BindRequest = { readonly threepid: Threepid; readonly mxid: string }

/** Signs the association and makes it durable here; siblings hear of it at once. */
export async function bind(deps: BindDeps, request: BindRequest): Promise<Association> {
  const association = associationOf(deps, request)
  await deps.append([bindOperation(deps, association)])
  return association
}

/** Signed as the Identity Service API's `3pid/bind` answers it: a hundred years, as no client ever renews. */
export function associationOf(
  { signer, nowMs }: Pick<BindDeps, 'signer' | 'nowMs'>,
  { threepid, mxid }: BindRequest,
): Association {
  const ts = nowMs()
  const { address, medium } = threepid
  const unsigned = { address, medium, mxid, ts, not_before: ts, not_after: ts + associationLifeMs }
  return signJson(unsigned, signer.serverName, signer.keyId, signer.seed) as unknown as Association
}

export function bindOperation(
  { random }: Pick<BindDeps, 'random'>,
  association: Association,
  extra: { readonly at?: number; readonly via?: string } = {},
): BindOperation {
  const { medium, address, mxid } = association
  return {
    kind: 'bind',
    associationJson: canonicalJson(association),
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
