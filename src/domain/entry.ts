import type { Association } from './association.ts'
import { fromBase64 } from './base64.ts'
import {
  addressBytesMax,
  bindLineBytesMax,
  clockSkewLimitMs,
  lineBytesMax,
  mxidBytesMax,
} from './limits.ts'
import { isAudienceName, isNodeName, parseLogId, type LogId } from './log-id.ts'
import { RefusalError } from './refusal.ts'
import { isStamp, msOfStamp, type Stamp } from './stamp.ts'
import { isBoundedText, isFields, isSignatures, isTime, type Fields } from './entry-shapes.ts'
import { isMedium, type Threepid } from './threepid.ts'

/**
 * An entry is one line of a log, read. Lines are stored and hashed as the exact bytes received; this is only what
 * they say (DESIGN 2.2; forms in docs/protocol.md).
 */
export type Entry = BindEntry | UnbindEntry | BeginEntry | CloseEntry | UnknownEntry

export type BindEntry = {
  readonly kind: 'bind'
  readonly stamp: Stamp
  readonly at: Stamp | null
  readonly via: string | null
  readonly association: Association
}

export type UnbindEntry = {
  readonly kind: 'unbind'
  readonly stamp: Stamp
  readonly at: Stamp | null
  readonly via: string | null
  readonly covers: Stamp | null
  readonly forget: boolean
  readonly threepid: Threepid
  readonly mxid: string
}

/** A Matrix signing key as its node publishes it; times in milliseconds, `expired_at` null while in use. */
export type MatrixKey = {
  readonly key_id: string
  readonly key: string
  readonly valid_from: number
  readonly expired_at: number | null
}

/** A known head: size in lines, root as standard base64. */
export type NamedHead = { readonly log: LogId; readonly size: number; readonly root: string }

export type BeginEntry = {
  readonly kind: 'begin'
  readonly stamp: Stamp
  readonly node: string
  readonly serverName: string
  readonly audience: string
  readonly meshKey: string
  readonly matrixKeys: readonly MatrixKey[]
  readonly recoveryKey: string | null
  readonly prev: NamedHead | null
}

export type CloseEntry = {
  readonly kind: 'close'
  readonly stamp: Stamp
  readonly closed: NamedHead
}

/** A kind of a later version: stored and relayed without effect; a critical one halts what is applied of its log. */
export type UnknownEntry = {
  readonly kind: 'unknown'
  readonly stamp: Stamp
  readonly name: string
  readonly isCritical: boolean
}

function malformed(expected: string): RefusalError {
  return new RefusalError('entry-malformed', `entry malformed: ${expected}`)
}

/**
 * Reads a line. `text` is the line's UTF-8 decoded, `byteLength` the length of its bytes.
 * Refuses with entry-malformed or line-too-long.
 */
export function parseEntry(text: string, byteLength: number): Entry {
  if (byteLength > lineBytesMax) {
    throw new RefusalError(
      'line-too-long',
      `a line of ${byteLength} bytes, ${lineBytesMax} at most`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('a line must be one JSON object')
  }
  if (!isFields(value)) throw malformed('a line must be one JSON object')
  if (!isStamp(value['t'])) throw malformed('"t" must be a positive integer below 2^53')
  const kind = value['k']
  if (typeof kind !== 'string' || kind.length === 0 || kind.length > 64) {
    throw malformed('"k" must be a string of 1 to 64 characters')
  }
  if ((kind === 'bind' || kind === 'unbind') && byteLength > bindLineBytesMax) {
    throw new RefusalError(
      'line-too-long',
      `a ${kind} line of ${byteLength} bytes, ${bindLineBytesMax} at most`,
    )
  }
  return parseKind(kind, value, value['t'])
}

function parseKind(kind: string, fields: Fields, stamp: Stamp): Entry {
  switch (kind) {
    case 'bind':
      return parseBind(fields, stamp)
    case 'unbind':
      return parseUnbind(fields, stamp)
    case 'begin':
      return parseBegin(fields, stamp)
    case 'close':
      return { kind: 'close', stamp, closed: parseNamedHead(fields, 'close') }
    default:
      return unknownEntry(kind, fields, stamp)
  }
}

function unknownEntry(name: string, fields: Fields, stamp: Stamp): UnknownEntry {
  return { kind: 'unknown', stamp, name, isCritical: fields['crit'] === true }
}

function parseBind(fields: Fields, stamp: Stamp): BindEntry | UnknownEntry {
  const a = fields['a']
  if (!isFields(a)) throw malformed('"a" of a bind must be a signed association')
  const medium = a['medium']
  if (!isMedium(medium)) return unknownMedium('bind', medium, fields, stamp)
  checkPair(a)
  if (!isTime(a['ts']) || !isTime(a['not_before']) || !isTime(a['not_after'])) {
    throw malformed('"ts", "not_before" and "not_after" must be integers of milliseconds')
  }
  if (!isSignatures(a['signatures']))
    throw malformed('"signatures" must name entity, key id, signature')
  checkNonce(fields)
  return {
    kind: 'bind',
    stamp,
    at: parseAt(fields, stamp),
    via: parseVia(fields),
    association: a as unknown as Association,
  }
}

function parseUnbind(fields: Fields, stamp: Stamp): UnbindEntry | UnknownEntry {
  const a = fields['a']
  if (!isFields(a)) throw malformed('"a" of an unbind must hold address, medium and mxid')
  const medium = a['medium']
  if (!isMedium(medium)) return unknownMedium('unbind', medium, fields, stamp)
  checkPair(a)
  checkNonce(fields)
  const covers = fields['covers']
  if (
    covers !== undefined &&
    (!isStamp(covers) || msOfStamp(covers) - msOfStamp(stamp) > clockSkewLimitMs)
  ) {
    throw malformed(`"covers" must be a stamp at most ${clockSkewLimitMs} ms above "t"`)
  }
  const forget = fields['forget']
  if (forget !== undefined && typeof forget !== 'boolean')
    throw malformed('"forget" must be a boolean')
  return {
    kind: 'unbind',
    stamp,
    at: parseAt(fields, stamp),
    via: parseVia(fields),
    covers: covers ?? null,
    forget: forget ?? false,
    threepid: { medium, address: a['address'] as string },
    mxid: a['mxid'] as string,
  }
}

/** A medium of a later version has no meaning here yet; it must not stop its log. */
function unknownMedium(kind: string, medium: unknown, fields: Fields, stamp: Stamp): UnknownEntry {
  if (typeof medium !== 'string') throw malformed('"medium" must be a string')
  return unknownEntry(kind, fields, stamp)
}

function parseBegin(fields: Fields, stamp: Stamp): BeginEntry {
  if (fields['v'] !== 1) throw malformed('"v" of begin must be 1')
  const { node, server_name: serverName, audience, mesh_key: meshKey } = fields
  if (typeof node !== 'string' || !isNodeName(node)) throw malformed('"node" must be a node name')
  if (typeof serverName !== 'string' || serverName.length === 0 || serverName.length > 255) {
    throw malformed('"server_name" must be a Matrix server name')
  }
  if (typeof audience !== 'string' || !isAudienceName(audience)) {
    throw malformed('"audience" must be an audience name')
  }
  if (typeof meshKey !== 'string' || meshKey.length > 400)
    throw malformed('"mesh_key" must be a verifier key')
  const recoveryKey = fields['recovery_key']
  if (recoveryKey !== null && typeof recoveryKey !== 'string') {
    throw malformed('"recovery_key" must be a verifier key or null')
  }
  const prev = fields['prev']
  if (prev !== null && !isFields(prev)) throw malformed('"prev" must be a head or null')
  return {
    kind: 'begin',
    stamp,
    node,
    serverName,
    audience,
    meshKey,
    matrixKeys: parseMatrixKeys(fields['matrix_keys']),
    recoveryKey,
    prev: prev === null ? null : parseNamedHead(prev, '"prev"'),
  }
}

function parseMatrixKeys(value: unknown): readonly MatrixKey[] {
  if (!Array.isArray(value) || value.length > 64)
    throw malformed('"matrix_keys" must be a list of at most 64')
  return value.map((key: unknown): MatrixKey => {
    const isKey =
      isFields(key) &&
      typeof key['key_id'] === 'string' &&
      /^[a-z0-9]{1,32}:[A-Za-z0-9_.-]{1,64}$/.test(key['key_id']) &&
      typeof key['key'] === 'string' &&
      key['key'].length <= 64 &&
      isTime(key['valid_from']) &&
      (key['expired_at'] === null || isTime(key['expired_at']))
    if (!isKey)
      throw malformed('each of "matrix_keys" must hold key_id, key, valid_from and expired_at')
    return key as unknown as MatrixKey
  })
}

function parseNamedHead(fields: Fields, where: string): NamedHead {
  const { log, size, root } = fields
  if (typeof log !== 'string' || parseLogId(log) === null)
    throw malformed(`"log" of ${where} must be a log id`)
  if (!isTime(size)) throw malformed(`"size" of ${where} must be a number of lines`)
  if (typeof root !== 'string' || fromBase64(root, 32) === null) {
    throw malformed(`"root" of ${where} must be 32 bytes of base64`)
  }
  return { log, size, root }
}

function checkPair(a: Fields): void {
  const { address, mxid } = a
  if (!isBoundedText(address, addressBytesMax)) {
    throw malformed(`"address" must be 1 to ${addressBytesMax} bytes without U+0000`)
  }
  if (!isBoundedText(mxid, mxidBytesMax)) {
    throw malformed(`"mxid" must be 1 to ${mxidBytesMax} bytes without U+0000`)
  }
}

function checkNonce(fields: Fields): void {
  const z = fields['z']
  if (typeof z !== 'string' || z.length < 22 || z.length > 64)
    throw malformed('"z" must be 16 random bytes of base64')
}

function parseAt(fields: Fields, stamp: Stamp): Stamp | null {
  const at = fields['at']
  if (at === undefined) return null
  if (!isStamp(at) || at > stamp) throw malformed('"at" must be a stamp not above "t"')
  return at
}

function parseVia(fields: Fields): string | null {
  const via = fields['via']
  if (via === undefined) return null
  if (typeof via !== 'string' || via.length === 0 || via.length > 255)
    throw malformed('"via" must name where it came from')
  return via
}

/** The 3PID an entry names, or null. */
export function threepidOf(entry: Entry): Threepid | null {
  if (entry.kind === 'bind') return entry.association
  if (entry.kind === 'unbind') return entry.threepid
  return null
}
