import type Database from 'better-sqlite3'
import type { RecordChange, RecordKind, StoredRecord } from '../storage.ts'

type Row = [
  kind: RecordKind,
  key: string,
  subject: string | null,
  body: string,
  dueMs: number | null,
  expiresMs: number | null,
  revision: number,
]

const columns = 'kind, key, subject, body, due_ms, expires_ms, revision'

/** Short-lived things beside the logs; a change names the revision it was made for. */
export class RecordTable {
  readonly #find: Database.Statement
  readonly #bySubject: Database.Statement
  readonly #due: Database.Statement
  readonly #count: Database.Statement
  readonly #revisionOf: Database.Statement
  readonly #put: Database.Statement
  readonly #remove: Database.Statement
  readonly #expire: Database.Statement
  readonly #hasExpired: Database.Statement
  readonly #lastRevision: Database.Statement
  #revision: number | null = null

  constructor(db: Database.Database) {
    this.#find = db.prepare(`SELECT ${columns} FROM record WHERE kind = ? AND key = ?`).raw()
    this.#bySubject = db
      .prepare(`SELECT ${columns} FROM record WHERE kind = ? AND subject = ? ORDER BY key LIMIT ?`)
      .raw()
    this.#due = db
      .prepare(
        `SELECT ${columns} FROM record WHERE kind = ? AND due_ms <= ? ORDER BY due_ms, key LIMIT ?`,
      )
      .raw()
    this.#count = db.prepare('SELECT count(*) FROM record WHERE kind = ?').pluck()
    this.#revisionOf = db.prepare('SELECT revision FROM record WHERE kind = ? AND key = ?').pluck()
    this.#put = db.prepare(
      `INSERT INTO record (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (kind, key) DO UPDATE SET subject = excluded.subject, body = excluded.body,
        due_ms = excluded.due_ms, expires_ms = excluded.expires_ms, revision = excluded.revision`,
    )
    this.#remove = db.prepare('DELETE FROM record WHERE kind = ? AND key = ?')
    this.#expire = db.prepare(
      `DELETE FROM record WHERE (kind, key) IN (
        SELECT kind, key FROM record WHERE expires_ms < ? ORDER BY expires_ms LIMIT ?
      )`,
    )
    this.#hasExpired = db.prepare('SELECT 1 FROM record WHERE expires_ms < ? LIMIT 1').pluck()
    this.#lastRevision = db.prepare('SELECT max(revision) FROM record').pluck()
  }

  find(kind: RecordKind, key: string): StoredRecord | null {
    const row = this.#find.get(kind, key) as Row | undefined
    return row === undefined ? null : recordOf(row)
  }

  bySubject(kind: RecordKind, subject: string, countMax: number): StoredRecord[] {
    return (this.#bySubject.all(kind, subject, countMax) as Row[]).map(recordOf)
  }

  due(kind: RecordKind, byMs: number, countMax: number): StoredRecord[] {
    return (this.#due.all(kind, byMs, countMax) as Row[]).map(recordOf)
  }

  count(kind: RecordKind): number {
    return this.#count.get(kind) as number
  }

  hasExpired(beforeMs: number): boolean {
    return this.#hasExpired.get(beforeMs) !== undefined
  }

  /** Applies all changes, or answers false and none of them when a record is not as one of them expects. */
  change(changes: readonly RecordChange[]): boolean {
    if (!changes.every((change) => this.#isAsExpected(change))) return false
    for (const change of changes) this.#apply(change)
    return true
  }

  #isAsExpected(change: RecordChange): boolean {
    if (change.type === 'expire' || change.expected === undefined) return true
    const { kind, key } = change.type === 'put' ? change.record : change
    return ((this.#revisionOf.get(kind, key) as number | undefined) ?? null) === change.expected
  }

  #apply(change: RecordChange): void {
    switch (change.type) {
      case 'put': {
        const { kind, key, subject, body, dueMs, expiresMs } = change.record
        this.#put.run(kind, key, subject, body, dueMs, expiresMs, this.#nextRevision())
        return
      }
      case 'remove':
        this.#remove.run(change.kind, change.key)
        return
      case 'expire':
        this.#expire.run(change.beforeMs, change.countMax)
    }
  }

  /** Only one connection writes, so it may count by itself. A number taken by a group that failed is left out. */
  #nextRevision(): number {
    this.#revision = (this.#revision ?? (this.#lastRevision.get() as number | null) ?? 0) + 1
    return this.#revision
  }
}

function recordOf([kind, key, subject, body, dueMs, expiresMs, revision]: Row): StoredRecord {
  return { kind, key, subject, body, dueMs, expiresMs, revision }
}
