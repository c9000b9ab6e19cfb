/**
 * Owns: proving that somebody controls an address: sessions, codes, the links and pages people meet.
 * Relies on: domain/validation-session for every rule, records of the store, the queues that send.
 * Never: stores or logs a code, tells a wrong secret from an unknown session, or binds anything.
 */
import { RefusalError } from '../../domain/refusal.ts'
import {
  isSecretOf,
  sessionExpiresMs,
  type SessionTerms,
  type ValidationSession,
} from '../../domain/validation-session.ts'
import { expiredSessionKeptMs } from '../../domain/api-limits.ts'
import { subjectOf } from '../../domain/threepid.ts'
import type { RecordChange, Storage, StoredRecord } from '../../storage/storage.ts'

export type Records = Pick<Storage, 'findRecord'> & {
  /** All of the changes, durable when it resolves; or false and none, when a record is not as one of them expects. */
  changeRecords(changes: readonly RecordChange[]): Promise<boolean>
}

export type KeptSession = { readonly session: ValidationSession; readonly revision: number }

export type SessionStoreDeps = {
  readonly siteSecret: Uint8Array
  readonly records: Records
  readonly terms: SessionTerms
}

/** Sessions as they are kept: one record each, named by its id. */
export class SessionStore {
  readonly #deps: SessionStoreDeps

  constructor(deps: SessionStoreDeps) {
    this.#deps = deps
  }

  async find(sid: string): Promise<KeptSession | null> {
    const record = await this.#deps.records.findRecord('session', sid)
    return record === null ? null : { session: readSession(record), revision: record.revision }
  }

  /** Refuses with session-unknown, whether there is no such session or the secret is another. */
  async require(sid: string, clientSecret: string): Promise<KeptSession> {
    const kept = await this.find(sid)
    const judged = kept?.session ?? nobody
    if (!isSecretOf(this.#deps.siteSecret, judged, clientSecret) || kept === null) {
      throw new RefusalError('session-unknown', 'no such validation session')
    }
    return kept
  }

  /** The change that keeps a session; `expected` is the revision it was made of, null for a new one. */
  change(session: ValidationSession, expected: number | null): RecordChange {
    const record = {
      kind: 'session',
      key: session.sid,
      subject: subjectOf(session.threepid),
      body: JSON.stringify(session),
      dueMs: null,
      // Kept a while longer, so that its owner hears that it has expired.
      expiresMs: sessionExpiresMs(session, this.#deps.terms) + expiredSessionKeptMs,
    } as const
    return { type: 'put', record, expected }
  }

  write(changes: readonly RecordChange[]): Promise<boolean> {
    return this.#deps.records.changeRecords(changes)
  }
}

/** Judged in the place of a session that is not there, so that both take the same time. */
const nobody = { sid: 'A'.repeat(32), secretMac: 'A'.repeat(43) }

/** What we wrote ourselves: its shape is not asked again. */
function readSession({ body }: StoredRecord): ValidationSession {
  return JSON.parse(body) as ValidationSession
}
