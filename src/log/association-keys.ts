import type { Association } from '../domain/association.ts'
import { fromAnyBase64 } from '../domain/base64.ts'
import { isAcceptablePublicKey } from '../domain/ed25519.ts'
import type { BeginEntry } from '../domain/entry.ts'
import { verifySignedJson } from '../domain/matrix-json.ts'

/** Public keys, 32 bytes each, by server name and key id with a space between. */
export type AssociationKeys = ReadonlyMap<string, readonly Uint8Array[]>

/**
 * The Matrix keys the first lines of a group's logs publish. Of one key id there may be several: which one counts for
 * answers is another question (site-keys.ts); what was signed by any of them was signed.
 */
export function associationKeys(
  begins: readonly Pick<BeginEntry, 'serverName' | 'matrixKeys'>[],
): AssociationKeys {
  const keys = new Map<string, Uint8Array[]>()
  for (const { serverName, matrixKeys } of begins) {
    for (const { key_id: keyId, key } of matrixKeys) {
      const raw = fromAnyBase64(key)
      if (raw === null || !isAcceptablePublicKey(raw)) continue
      const name = `${serverName} ${keyId}`
      const known = keys.get(name) ?? []
      keys.set(name, known)
      if (!known.some((other) => Buffer.compare(other, raw) === 0)) known.push(raw)
    }
  }
  return keys
}

export type SignatureVerdict = 'signed' | 'bad' | 'unknown'

/** `unknown`: no signature is of a key that is known; `bad`: one claims to be, and none is by it. */
export function judgeAssociation(
  association: Association,
  keys: AssociationKeys,
): SignatureVerdict {
  let verdict: SignatureVerdict = 'unknown'
  for (const [entity, byKeyId] of Object.entries(association.signatures)) {
    for (const keyId of Object.keys(byKeyId)) {
      for (const key of keys.get(`${entity} ${keyId}`) ?? []) {
        if (verifySignedJson(association, entity, keyId, key)) return 'signed'
        verdict = 'bad'
      }
    }
  }
  return verdict
}
