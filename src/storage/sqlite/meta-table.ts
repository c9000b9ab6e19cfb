import type Database from 'better-sqlite3'

/** Named values. The pepper is among them: it must change in the transaction that swaps the index. */
export class MetaTable {
  readonly #read: Database.Statement
  readonly #write: Database.Statement
  readonly #remove: Database.Statement
  readonly #entries: Database.Statement

  constructor(db: Database.Database) {
    this.#read = db.prepare('SELECT value FROM meta WHERE name = ?').pluck()
    this.#write = db.prepare(
      'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    )
    this.#remove = db.prepare('DELETE FROM meta WHERE name = ?')
    this.#entries = db.prepare("SELECT entries FROM lookup_size WHERE name = 'lookup'").pluck()
  }

  read(name: string): string | null {
    return (this.#read.get(name) as string | undefined) ?? null
  }

  write(name: string, value: string | null): void {
    if (value === null) this.#remove.run(name)
    else this.#write.run(name, value)
  }

  /** Rows of the lookup index, superseded ones too. */
  lookupEntries(): number {
    return this.#entries.get() as number
  }
}

export const pepperName = 'pepper'
