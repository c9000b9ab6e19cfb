import type Database from 'better-sqlite3'
import { upkeepRowsMax } from '../../domain/limits.ts'

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

/** Clears away one batch of a retired index; false when there is none. Runs inside the caller's transaction. */
export function clearRetired(db: Database.Database): boolean {
  const name = db.prepare(`${names} LIMIT 1`).pluck().get() as string | undefined
  if (name === undefined) return false
  const upTo = db
    .prepare(
      `SELECT max(bucket) FROM (SELECT bucket FROM ${name} ORDER BY bucket LIMIT ${upkeepRowsMax})`,
    )
    .pluck()
    .get() as number | null
  if (upTo === null) db.exec(`DROP TABLE ${name}`)
  else db.prepare(`DELETE FROM ${name} WHERE bucket <= ?`).run(upTo)
  return true
}
