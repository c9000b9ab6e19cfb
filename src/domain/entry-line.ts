import type { BeginEntry, NamedHead } from './entry.ts'
import type { Stamp } from './stamp.ts'

/**
 * Writes entries as lines: canonical JSON (Matrix specification, appendix "Canonical JSON"), keys in code point order,
 * no newline. Only a log's own writer calls these; everybody else keeps the bytes it received.
 */

/** What a caller wants appended; the machine adds the stamp. JSON texts are canonical already. */
export type BindOperation = {
  readonly kind: 'bind'
  /** The signed association as canonical JSON. */
  readonly associationJson: string
  readonly medium: string
  readonly address: string
  readonly mxid: string
  /** 16 random bytes, standard base64. */
  readonly nonce: string
  readonly at?: Stamp
  readonly via?: string
}

export type UnbindOperation = {
  readonly kind: 'unbind'
  readonly medium: string
  readonly address: string
  readonly mxid: string
  readonly nonce: string
  readonly at?: Stamp
  readonly via?: string
}

export function bindLine(operation: BindOperation, stamp: Stamp): string {
  const at = operation.at === undefined ? '' : `"at":${Math.min(operation.at, stamp)},`
  const via = operation.via === undefined ? '' : `"via":${JSON.stringify(operation.via)},`
  return `{"a":${operation.associationJson},${at}"k":"bind","t":${stamp},${via}"z":"${operation.nonce}"}`
}

export function unbindLine(operation: UnbindOperation, stamp: Stamp, covers: Stamp | null): string {
  const { medium, address, mxid } = operation
  const a = `{"address":${JSON.stringify(address)},"medium":"${medium}","mxid":${JSON.stringify(mxid)}}`
  const at = operation.at === undefined ? '' : `"at":${Math.min(operation.at, stamp)},`
  const covering = covers === null ? '' : `"covers":${covers},`
  const via = operation.via === undefined ? '' : `"via":${JSON.stringify(operation.via)},`
  return `{"a":${a},${at}${covering}"k":"unbind","t":${stamp},${via}"z":"${operation.nonce}"}`
}

export function beginLine(begin: Omit<BeginEntry, 'kind' | 'stamp'>, stamp: Stamp): string {
  return JSON.stringify({
    audience: begin.audience,
    k: 'begin',
    matrix_keys: begin.matrixKeys.map(({ expired_at, key, key_id, valid_from }) => ({
      expired_at,
      key,
      key_id,
      valid_from,
    })),
    mesh_key: begin.meshKey,
    node: begin.node,
    prev: begin.prev === null ? null : headFields(begin.prev),
    recovery_key: begin.recoveryKey,
    server_name: begin.serverName,
    t: stamp,
    v: 1,
  })
}

export function closeLine(closed: NamedHead, stamp: Stamp): string {
  const { log, root, size } = headFields(closed)
  return JSON.stringify({ k: 'close', log, root, size, t: stamp })
}

function headFields({ log, root, size }: NamedHead): NamedHead {
  return { log, root, size }
}
