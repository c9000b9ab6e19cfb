import { Buffer } from 'node:buffer'
import type { Signatures } from './association.ts'
import { fromAnyBase64, toBase64Unpadded } from './base64.ts'
import { sign, verify } from './ed25519.ts'
import { jsonDepthMax } from './limits.ts'

/** JSON as Matrix signs it (Matrix specification, appendix "Signing JSON"). Reading it strictly: `strict-json.ts`. */

const surrogatePattern = /[\ud800-\udfff]/
const loneSurrogatePattern = /\p{Surrogate}/u

/**
 * Canonical JSON: keys in code point order, no spaces, shortest escapes, integers within ±(2^53-1). Members that are
 * undefined are left out. Throws RangeError for what has no canonical form: fractions, -0, lone surrogates, functions,
 * and anything deeper than jsonDepthMax.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > jsonDepthMax) throw new RangeError(`JSON deeper than ${jsonDepthMax} levels`)
  switch (typeof value) {
    case 'string':
      return canonicalString(value)
    case 'number':
      return canonicalInteger(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      break
    default:
      throw new RangeError(`a ${typeof value} has no JSON form`)
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`
  }
  return canonicalObject(value as Readonly<Record<string, unknown>>, depth)
}

function canonicalObject(object: Readonly<Record<string, unknown>>, depth: number): string {
  const members: string[] = []
  for (const key of sortedKeys(object)) {
    const member = object[key]
    if (member === undefined) continue
    members.push(`${canonicalString(key)}:${canonicalJson(member, depth + 1)}`)
  }
  return `{${members.join(',')}}`
}

function sortedKeys(object: object): string[] {
  const keys = Object.keys(object).sort()
  return keys.some((key) => surrogatePattern.test(key)) ? keys.sort(compareCodePoints) : keys
}

/** UTF-8 bytes sort as code points do; UTF-16 units do not (U+FF5E comes after emoji there). */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function canonicalString(text: string): string {
  if (surrogatePattern.test(text) && loneSurrogatePattern.test(text)) {
    throw new RangeError('a lone surrogate has no UTF-8 form')
  }
  return JSON.stringify(text)
}

function canonicalInteger(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    throw new RangeError('canonical JSON knows only integers within ±(2^53-1)')
  }
  return String(value)
}

/** The bytes a Matrix signature covers: the object without `signatures` and `unsigned`. Throws RangeError. */
export function signedBytes(object: object): Uint8Array {
  const covered = new Map(Object.entries(object))
  covered.delete('signatures')
  covered.delete('unsigned')
  return Buffer.from(canonicalJson(Object.fromEntries(covered)))
}

/**
 * The object with our signature added beside those it has. `seed` is the 32-byte Ed25519 seed, `keyId` like
 * `ed25519:paris`. Throws RangeError when the object has no canonical form.
 */
export function signJson<T extends object>(
  object: T,
  entity: string,
  keyId: string,
  seed: Uint8Array,
): T & { readonly signatures: Signatures } {
  const signature = toBase64Unpadded(sign(seed, signedBytes(object)))
  const signatures = (object as { signatures?: Signatures }).signatures ?? {}
  return {
    ...object,
    signatures: { ...signatures, [entity]: { ...signatures[entity], [keyId]: signature } },
  }
}

/** Whether the object bears this entity's signature by this key. False for anything malformed; never throws. */
export function verifySignedJson(
  object: object,
  entity: string,
  keyId: string,
  publicKey: Uint8Array,
): boolean {
  const text = ownMember(ownMember(ownMember(object, 'signatures'), entity), keyId)
  const signature = typeof text === 'string' ? fromAnyBase64(text) : null
  if (signature === null) return false
  try {
    return verify(publicKey, signedBytes(object), signature)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function ownMember(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}
