/**
 * Owns: invitations to addresses nobody has bound yet: stored, mailed, signed, handed over once somebody binds.
 * Relies on: domain/invite, records of the store, the queues that send, associations through a port.
 * Never: stores a one-time private key, or hands one person's invitations to another.
 */
import { invitesKeptPerAddressMax, invitesPerAddressMax } from '../../domain/api-limits.ts'
import type { Invite } from '../../domain/invite.ts'
import { subjectOf, type Threepid } from '../../domain/threepid.ts'
import type { RecordChange, Storage, StoredRecord } from '../../storage/storage.ts'

export type InviteRecords = Pick<Storage, 'findRecord' | 'recordsOf' | 'dueRecords'> & {
  /** All of the changes, durable when it resolves; or false and none, when a record is not as one of them expects. */
  changeRecords(changes: readonly RecordChange[]): Promise<boolean>
}

export type KeptInvite = { readonly invite: Invite; readonly record: StoredRecord }

/** Invitations as they are kept: one record each, named by its token; an open one is looked at when it is due. */
export class InviteStore {
  readonly #records: InviteRecords
  readonly #expireAfterMs: number

  constructor(records: InviteRecords, expireAfterMs: number) {
    this.#records = records
    this.#expireAfterMs = expireAfterMs
  }

  /** Null for a token that was never handed out, or whose invitation has expired. */
  async find(token: string, nowMs: number): Promise<KeptInvite | null> {
    const record = await this.#records.findRecord('invite', token)
    if (record === null || isExpired(record, nowMs)) return null
    return { invite: readInvite(record), record }
  }

  /** Those of an address nobody has been told of yet. */
  async openFor(threepid: Threepid, nowMs: number): Promise<readonly KeptInvite[]> {
    return (await this.#keptFor(threepid, nowMs)).filter(({ invite }) => invite.state === 'open')
  }

  /** Whether an address may have one more: as many in all as `openFor` looks through, or it would miss some. */
  async hasRoomFor(threepid: Threepid, nowMs: number): Promise<boolean> {
    const kept = await this.#keptFor(threepid, nowMs)
    const open = kept.filter(({ invite }) => invite.state === 'open')
    return kept.length < invitesKeptPerAddressMax && open.length < invitesPerAddressMax
  }

  async #keptFor(threepid: Threepid, nowMs: number): Promise<readonly KeptInvite[]> {
    const subject = subjectOf(threepid)
    // Some more than are let in: of those stored at the same moment a few may pass the bound.
    const countMax = invitesKeptPerAddressMax * 2
    const records = await this.#records.recordsOf('invite', subject, countMax)
    return records
      .filter((record) => !isExpired(record, nowMs))
      .map((record) => ({ invite: readInvite(record), record }))
  }

  async due(byMs: number, countMax: number): Promise<readonly KeptInvite[]> {
    const records = await this.#records.dueRecords('invite', byMs, countMax)
    return records.map((record) => ({ invite: readInvite(record), record }))
  }

  async isEphemeralKey(key: string): Promise<boolean> {
    return (await this.#records.findRecord('ephemeral-key', key)) !== null
  }

  change(invite: Invite, dueMs: number | null, expected: number | null): RecordChange {
    const record = {
      kind: 'invite',
      key: invite.token,
      subject: subjectOf(invite.threepid),
      body: JSON.stringify(invite),
      dueMs,
      expiresMs: invite.storedMs + this.#expireAfterMs,
    } as const
    return { type: 'put', record, expected }
  }

  /** Without an address, and without an end: a homeserver asks for it whenever the room event is used. */
  keepKey(key: string): RecordChange {
    const record = {
      kind: 'ephemeral-key',
      key,
      subject: null,
      body: '{}',
      dueMs: null,
      expiresMs: null,
    } as const
    return { type: 'put', record, expected: null }
  }

  write(changes: readonly RecordChange[]): Promise<boolean> {
    return this.#records.changeRecords(changes)
  }
}

function isExpired({ expiresMs }: StoredRecord, nowMs: number): boolean {
  return expiresMs !== null && nowMs >= expiresMs
}

function readInvite({ body }: StoredRecord): Invite {
  return JSON.parse(body) as Invite
}
