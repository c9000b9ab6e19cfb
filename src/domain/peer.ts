/** One row of peers.json, read and checked (DESIGN section 4). */
export type Peer = {
  readonly name: string
  /** Base URL of its mesh listener; null for a node that only calls. */
  readonly url: string | null
  /** C2SP verifier keys for `name`; more than one while a key is being changed. */
  readonly keys: readonly string[]
  /** "sha256:" + base64 of SHA-256 over the SPKI of its TLS certificate. */
  readonly tlsPins: readonly string[]
  readonly role:
    | { readonly type: 'sibling' }
    | {
        readonly type: 'partner'
        /** The audience it reads of ours. */
        readonly audience: string
        readonly rank: number
        /** Patterns of what is believed from it: `*`, `email:*@partner.org`, `msisdn:44*`. */
        readonly accept: readonly string[]
      }
}

/** The own group's rank; partners start at 1. */
export const ownRank = 0
