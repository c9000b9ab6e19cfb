import type Database from 'better-sqlite3'

const names = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'lookup_old_*'`

/** Renames an index that is not needed any more; its rows go later, in batches (clearRetired). No table, no effect. */
export function retireTable(db: Database.Database, name: 'lookup' | 'lookup_next'): void {
  const isThere = db
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
    .get(name)
  if (isThere === undefined) return
  const used = db.prepare(names).pluck().all() as string[]
  const numbers = used.map((old) => Number(old.slice('lookup_old_'.length)))
  db.exec(`ALTER TABLE ${name} RENAME TO lookup_old_${Math.max(0, ...numbers) + 1}`)
}

/** An index that waits to be cleared away; an unfinished one too, where nobody is making it. */
export function findRetired(db: Database.Database, isNextInUse: boolean): string | null {
  const unfinished = isNextInUse ? '' : " OR name = 'lookup_next'"
  const query = db.prepare(`${names}${unfinished} LIMIT 1`).pluck()
  return (query.get() as string | undefined) ?? null
}

/** Clears away one batch of a retired index, at last the table. Runs inside the caller's transaction. */
export function clearRetired(db: Database.Database, name: string, rowsMax: number): void {
  const upTo = db
    .prepare(`SELECT max(bucket) FROM (SELECT bucket FROM ${name} ORDER BY bucket LIMIT ?)`)
    .pluck()
    .get(rowsMax) as number | null
  if (upTo === null) db.exec(`DROP TABLE ${name}`)
  else db.prepare(`DELETE FROM ${name} WHERE bucket <= ?`).run(upTo)
}
