import type { Signatures } from './association.ts'
import type { Medium } from './threepid.ts'

/**
 * A pending invitation as the binder of its address and their homeserver receive it (Identity Service API, "Invitation
 * storage"): the server's signature says that the Matrix ID now holds the address that was invited.
 */
export type SignedInvite = {
  readonly medium: Medium
  readonly address: string
  readonly mxid: string
  readonly room_id: string
  readonly sender: string
  readonly token: string
  readonly signed: {
    readonly mxid: string
    readonly token: string
    readonly signatures: Signatures
  }
}
