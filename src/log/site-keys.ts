import type { MatrixKey } from '../domain/entry.ts'
import { fromAnyBase64 } from '../domain/base64.ts'
import { isAcceptablePublicKey } from '../domain/ed25519.ts'
import type { LogStatus } from './writer-messages.ts'

/** A Matrix key that signs associations for our server name, and the node whose log says so. */
export type SiteKey = MatrixKey & { readonly node: string }

export type SiteKeyConflict = { readonly node: string; readonly keyId: string }

/**
 * The Matrix keys of this node and its siblings (DESIGN 2.1): taken only from logs of the own group whose begin names
 * our server name. The same key id with another key is refused, and reported; ours stands, then the first by node name.
 */
export function siteKeysOf(given: {
  readonly serverName: string
  readonly self: { readonly node: string; readonly keys: readonly MatrixKey[] }
  readonly logs: readonly LogStatus[]
  readonly isSibling: (node: string) => boolean
}): {
  readonly keys: ReadonlyMap<string, SiteKey>
  readonly conflicts: readonly SiteKeyConflict[]
} {
  const { serverName, self, logs, isSibling } = given
  const keys = new Map<string, SiteKey>()
  const conflicts: SiteKeyConflict[] = []
  for (const key of self.keys) keys.set(key.key_id, { ...key, node: self.node })
  const heard = logs
    .filter(
      (log) => log.origin !== self.node && isSibling(log.origin) && log.serverName === serverName,
    )
    .sort((a, b) => (a.origin < b.origin ? -1 : 1))
  for (const { origin, matrixKeys } of heard) {
    for (const key of matrixKeys) {
      const raw = fromAnyBase64(key.key)
      if (raw === null || !isAcceptablePublicKey(raw)) continue
      const known = keys.get(key.key_id)
      if (known === undefined) keys.set(key.key_id, { ...key, node: origin })
      else if (!isSameKey(known, key)) conflicts.push({ node: origin, keyId: key.key_id })
    }
  }
  return { keys, conflicts }
}

function isSameKey(a: MatrixKey, b: MatrixKey): boolean {
  const left = fromAnyBase64(a.key)
  const right = fromAnyBase64(b.key)
  return left !== null && right !== null && Buffer.compare(left, right) === 0
}
