import type Binding from 'better-sqlite3'
import { Database } from './sqlite-binding.ts'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Somebody else holds the folder. `pid` is who wrote itself down last, null when that cannot be read. */
export class DataLockHeldError extends Error {
  readonly pid: number | null

  constructor(message: string, pid: number | null) {
    super(message)
    this.name = 'DataLockHeldError'
    this.pid = pid
  }
}

/** There is no such folder: nothing was made for this node yet. */
export class DataFolderMissingError extends Error {
  constructor(folder: string) {
    super(`${folder} does not exist`)
    this.name = 'DataFolderMissingError'
  }
}

export type DataLock = { release(): void }

/** Held until released, whoever forgets the answer: a collected connection would let go of its lock. */
const held = new Set<Binding.Database>()

const lockFile = 'lock'
const holderFile = 'lock.pid'

/**
 * Takes a folder for this process alone. The lock is a file lock of the operating system, held through an open SQLite
 * transaction on a database that stays empty: it ends with the process however that ends, so there are no stale
 * locks, and it holds across containers that share a volume. The pid beside it is for people only.
 */
export function takeDataLock(folder: string): DataLock {
  if (!existsSync(folder)) throw new DataFolderMissingError(folder)
  const path = join(folder, lockFile)
  closeSync(openSync(path, 'a', 0o600))
  const database = new Database(path, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) throw heldError(folder)
    throw error
  }
  writeFileSync(join(folder, holderFile), `${process.pid}\n`, { mode: 0o600 })
  held.add(database)
  return {
    release: () => {
      held.delete(database)
      database.close()
    },
  }
}

function heldError(folder: string): DataLockHeldError {
  const pid = readHolder(folder)
  const holder = pid === null ? 'another process' : `process ${pid}`
  return new DataLockHeldError(`${folder} is in use by ${holder}`, pid)
}

function readHolder(folder: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(join(folder, holderFile), 'utf8'), 10)
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null
  } catch {
    return null
  }
}

function isBusy(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')
}
