import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type Database from 'better-sqlite3'
import { StorageFault } from '../storage.ts'
import type { SchemaStep } from './schema.ts'

export function versionOf(db: Database.Database): number {
  return db.pragma('user_version', { simple: true }) as number
}

/** Refuses a database of a newer version before anything of it is read. */
export function refuseNewer(version: number, known: number, file: string): void {
  if (version <= known) return
  throw new StorageFault(
    'schema-newer',
    `${file} has schema version ${version}, this version of mycelid knows up to ${known}: ` +
      `run the newer mycelid again, or go back to the copy it made (${file}.v<version>.bak)`,
  )
}

/**
 * Brings the database to the newest of `steps`, each step in a transaction of its own together with its number: after a
 * crash the next start goes on with the step that did not finish. An older database is copied first.
 */
export function migrate(db: Database.Database, file: string, steps: readonly SchemaStep[]): void {
  const version = versionOf(db)
  refuseNewer(version, steps.at(-1)?.version ?? 0, file)
  const pending = steps.filter((step) => step.version > version)
  if (pending.length === 0) return
  if (version > 0) copyDatabase(db, file, version)
  for (const step of pending) {
    db.transaction(() => {
      db.exec(step.sql)
      db.pragma(`user_version = ${step.version}`)
    }).immediate()
  }
}

/** A whole copy of mode 0600. It gets its name last, so a file of that name is complete. */
function copyDatabase(db: Database.Database, file: string, version: number): void {
  const copy = `${file}.v${version}.bak`
  const unfinished = `${copy}.unfinished`
  rmSync(unfinished, { force: true })
  closeSync(openSync(unfinished, 'wx', 0o600))
  db.prepare('VACUUM INTO ?').run(unfinished)
  syncFile(unfinished)
  renameSync(unfinished, copy)
  syncFile(dirname(copy))
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
