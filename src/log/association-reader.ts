import type { Association } from '../domain/association.ts'
import type { Threepid } from '../domain/threepid.ts'

/**
 * Answers from the local replica alone (DESIGN 1.8). Implemented by `log/associations.ts`; tests of features fake it
 * with a map.
 */
export interface AssociationReader {
  /** The pepper the index is built for: what `hash_details` announces. */
  pepper(): string
  /** For each lookup hash as sent (unpadded URL-safe base64 of 32 bytes; anything else is unknown): the Matrix ID. */
  mxidsByHash(hashes: readonly string[]): Promise<readonly (string | null)[]>
  /** For each 3PID, already canonical: the Matrix ID bound to it now. */
  mxidsByThreepid(threepids: readonly Threepid[]): Promise<readonly (string | null)[]>
  /** The association as its signer signed it, signature verified; null when unbound or not verifiable. */
  signedAssociation(threepid: Threepid): Promise<Association | null>
}
