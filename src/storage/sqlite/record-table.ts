import type Database from 'better-sqlite3'
import type { RecordChange, RecordKind, StoredRecord } from '../storage.ts'
import { recordKinds, recordTableName } from './schema.ts'

type Row = [
  key: string,
  subject: string | null,
  body: string,
  dueMs: number | null,
  expiresMs: number | null,
  revision: number,
]

const columns = 'key, subject, body, due_ms, expires_ms, revision'
const revisionName = 'record_revision'

/** Short-lived things beside the logs; a change names the revision it was made for. */
export class RecordTable {
  readonly #kinds: ReadonlyMap<RecordKind, KindTable>
  readonly #readRevision: Database.Statement
  readonly #writeRevision: Database.Statement
  #revision: number | null = null

  constructor(db: Database.Database) {
    this.#kinds = new Map(recordKinds.map((kind) => [kind, new KindTable(db, kind)]))
    this.#readRevision = db.prepare('SELECT value FROM meta WHERE name = ?').pluck()
    this.#writeRevision = db.prepare(
      `INSERT INTO meta (name, value) VALUES (?, ?)
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    )
  }

  find(kind: RecordKind, key: string): StoredRecord | null {
    return this.#of(kind).find(key)
  }

  bySubject(kind: RecordKind, subject: string, countMax: number): StoredRecord[] {
    return this.#of(kind).bySubject(subject, countMax)
  }

  due(kind: RecordKind, byMs: number, countMax: number): StoredRecord[] {
    return this.#of(kind).due(byMs, countMax)
  }

  count(kind: RecordKind): number {
    return this.#of(kind).count()
  }

  hasExpired(beforeMs: number): boolean {
    return [...this.#kinds.values()].some((table) => table.hasExpired(beforeMs))
  }

  /**
   * Answers the places of the lists that were left out, because a record was not as one of their changes expects; all
   * other lists are applied. Only one connection writes, so it may count revisions by itself.
   */
  change(lists: readonly (readonly RecordChange[])[]): number[] {
    const conflicts: number[] = []
    const before = this.#revision
    for (const [place, changes] of lists.entries()) {
      if (changes.every((change) => this.#isAsExpected(change))) {
        for (const change of changes) this.#apply(change)
      } else conflicts.push(place)
    }
    if (this.#revision !== before) this.#writeRevision.run(revisionName, String(this.#revision))
    return conflicts
  }

  #isAsExpected(change: RecordChange): boolean {
    if (change.type === 'expire' || change.expected === undefined) return true
    const { kind, key } = change.type === 'put' ? change.record : change
    return this.#of(kind).revisionOf(key) === change.expected
  }

  #apply(change: RecordChange): void {
    switch (change.type) {
      case 'put':
        this.#of(change.record.kind).put(change.record, this.#nextRevision())
        return
      case 'remove':
        this.#of(change.kind).remove(change.key)
        return
      case 'expire': {
        let left = change.countMax
        for (const table of this.#kinds.values()) left -= table.expire(change.beforeMs, left)
      }
    }
  }

  /** A number taken by a group that failed is left out. */
  #nextRevision(): number {
    this.#revision ??= Number((this.#readRevision.get(revisionName) as string | undefined) ?? '0')
    this.#revision++
    return this.#revision
  }

  #of(kind: RecordKind): KindTable {
    const table = this.#kinds.get(kind)
    if (table === undefined) throw new Error(`there are no records of the kind ${kind}`)
    return table
  }
}

/** Records of one kind. Each has a table of its own: what is looked up with every bind lies close together then. */
class KindTable {
  readonly #kind: RecordKind
  readonly #find: Database.Statement
  readonly #bySubject: Database.Statement
  readonly #due: Database.Statement
  readonly #count: Database.Statement
  readonly #revisionOf: Database.Statement
  readonly #put: Database.Statement
  readonly #remove: Database.Statement
  readonly #expire: Database.Statement
  readonly #hasExpired: Database.Statement

  constructor(db: Database.Database, kind: RecordKind) {
    const table = recordTableName(kind)
    this.#kind = kind
    this.#find = db.prepare(`SELECT ${columns} FROM ${table} WHERE key = ?`).raw()
    this.#bySubject = db
      .prepare(`SELECT ${columns} FROM ${table} WHERE subject = ? ORDER BY key LIMIT ?`)
      .raw()
    this.#due = db
      .prepare(`SELECT ${columns} FROM ${table} WHERE due_ms <= ? ORDER BY due_ms, key LIMIT ?`)
      .raw()
    this.#count = db.prepare(`SELECT count(*) FROM ${table}`).pluck()
    this.#revisionOf = db.prepare(`SELECT revision FROM ${table} WHERE key = ?`).pluck()
    this.#put = db.prepare(
      `INSERT INTO ${table} (${columns}) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET subject = excluded.subject, body = excluded.body,
        due_ms = excluded.due_ms, expires_ms = excluded.expires_ms, revision = excluded.revision`,
    )
    this.#remove = db.prepare(`DELETE FROM ${table} WHERE key = ?`)
    this.#expire = db.prepare(
      `DELETE FROM ${table} WHERE key IN (
        SELECT key FROM ${table} WHERE expires_ms < ? ORDER BY expires_ms LIMIT ?
      )`,
    )
    this.#hasExpired = db.prepare(`SELECT 1 FROM ${table} WHERE expires_ms < ? LIMIT 1`).pluck()
  }

  find(key: string): StoredRecord | null {
    const row = this.#find.get(key) as Row | undefined
    return row === undefined ? null : this.#recordOf(row)
  }

  bySubject(subject: string, countMax: number): StoredRecord[] {
    return (this.#bySubject.all(subject, countMax) as Row[]).map((row) => this.#recordOf(row))
  }

  due(byMs: number, countMax: number): StoredRecord[] {
    return (this.#due.all(byMs, countMax) as Row[]).map((row) => this.#recordOf(row))
  }

  count(): number {
    return this.#count.get() as number
  }

  hasExpired(beforeMs: number): boolean {
    return this.#hasExpired.get(beforeMs) !== undefined
  }

  revisionOf(key: string): number | null {
    return (this.#revisionOf.get(key) as number | undefined) ?? null
  }

  put(record: Omit<StoredRecord, 'revision'>, revision: number): void {
    const { key, subject, body, dueMs, expiresMs } = record
    this.#put.run(key, subject, body, dueMs, expiresMs, revision)
  }

  remove(key: string): void {
    this.#remove.run(key)
  }

  expire(beforeMs: number, countMax: number): number {
    return this.#expire.run(beforeMs, countMax).changes
  }

  #recordOf([key, subject, body, dueMs, expiresMs, revision]: Row): StoredRecord {
    return { kind: this.#kind, key, subject, body, dueMs, expiresMs, revision }
  }
}
