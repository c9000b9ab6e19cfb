import type { RecordChange, RecordKind, StoredRecord } from '../../../src/storage/storage.ts'

/** Records in memory, changed as the store changes them. `interfere` runs once before the next change is judged. */
export class MemoryRecords {
  readonly rows = new Map<string, StoredRecord>()
  interfere: (() => Promise<void>) | null = null
  #revision = 0

  async findRecord(kind: RecordKind, key: string): Promise<StoredRecord | null> {
    return this.rows.get(`${kind} ${key}`) ?? null
  }

  async recordsOf(kind: RecordKind, subject: string, countMax: number): Promise<StoredRecord[]> {
    return this.all(kind)
      .filter((record) => record.subject === subject)
      .slice(0, countMax)
  }

  async dueRecords(kind: RecordKind, byMs: number, countMax: number): Promise<StoredRecord[]> {
    return this.all(kind)
      .filter(({ dueMs }) => dueMs !== null && dueMs <= byMs)
      .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0))
      .slice(0, countMax)
  }

  async changeRecords(changes: readonly RecordChange[]): Promise<boolean> {
    const before = this.interfere
    this.interfere = null
    await before?.()
    if (!changes.every((change) => this.#isAsExpected(change))) return false
    for (const change of changes) this.#apply(change)
    return true
  }

  all(kind: RecordKind): StoredRecord[] {
    return [...this.rows.values()].filter((record) => record.kind === kind)
  }

  #isAsExpected(change: RecordChange): boolean {
    if (change.type === 'expire' || change.expected === undefined) return true
    const { kind, key } = change.type === 'put' ? change.record : change
    return (this.rows.get(`${kind} ${key}`)?.revision ?? null) === change.expected
  }

  #apply(change: RecordChange): void {
    if (change.type === 'expire') return
    if (change.type === 'remove') {
      this.rows.delete(`${change.kind} ${change.key}`)
      return
    }
    const { record } = change
    this.#revision++
    this.rows.set(`${record.kind} ${record.key}`, { ...record, revision: this.#revision })
  }
}
