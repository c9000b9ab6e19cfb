import { chmodSync, closeSync, constants, openSync } from 'node:fs'
import type Binding from 'better-sqlite3'
import { Database } from '../../platform/sqlite-binding.ts'
import {
  sqliteReaderCacheKib,
  sqliteWalPages,
  sqliteWriterCacheKib,
  storageBusyMs,
} from '../../domain/limits.ts'
import { StorageFault } from '../storage.ts'
import { storageFault } from './fault.ts'
import { migrate, refuseNewer, versionOf } from './migrate.ts'
import { schemaSteps, type SchemaStep } from './schema.ts'

export type ConnectionOptions = {
  readonly file: string
  readonly access: 'write' | 'read'
  /** Refuse to make a database that is not there; a reader always refuses. */
  readonly mustExist?: boolean
  /** The schema; other steps only in tests of migration. */
  readonly steps?: readonly SchemaStep[]
}

/** A connection, its schema checked. A writer brings an older schema up to date; a reader refuses it. */
export function openConnection(options: ConnectionOptions): Binding.Database {
  const { file, access } = options
  let db: Binding.Database | null = null
  try {
    db = access === 'write' ? connectWriter(options) : connectReader(options)
    return db
  } catch (error) {
    throw storageFault(error, file)
  }
}

function connectWriter({
  file,
  mustExist = false,
  steps = schemaSteps,
}: ConnectionOptions): Binding.Database {
  makePrivate(file, mustExist)
  const db = new Database(file, { timeout: storageBusyMs })
  try {
    refuseNewer(versionOf(db), steps.at(-1)?.version ?? 0, file)
    db.pragma('page_size = 4096')
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('secure_delete = ON')
    db.pragma(`cache_size = -${sqliteWriterCacheKib}`)
    db.pragma(`wal_autocheckpoint = ${sqliteWalPages}`)
    db.pragma(`journal_size_limit = ${sqliteWalPages * 4096}`)
    db.pragma('temp_store = MEMORY')
    migrate(db, file, steps)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function connectReader({ file, steps = schemaSteps }: ConnectionOptions): Binding.Database {
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: storageBusyMs })
  try {
    const known = steps.at(-1)?.version ?? 0
    const version = versionOf(db)
    refuseNewer(version, known, file)
    if (version < known) {
      throw new StorageFault(
        'other',
        `${file} has schema version ${version}, expected ${known}: start the node once, which brings it up to date`,
      )
    }
    db.pragma(`cache_size = -${sqliteReaderCacheKib}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** The file exists with mode 0600 before SQLite opens it: its write-ahead log and index take the same mode. */
function makePrivate(file: string, mustExist: boolean): void {
  const flags = constants.O_RDWR | (mustExist ? 0 : constants.O_CREAT)
  try {
    closeSync(openSync(file, flags, 0o600))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new StorageFault('other', `there is no database ${file}: run mycelid init`, {
        cause: error,
      })
    }
    if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
      throw new StorageFault('read-only', `${file} cannot be written (${code})`, { cause: error })
    }
    if (code === 'ENOSPC')
      throw new StorageFault('full', `no space is left for ${file}`, { cause: error })
    throw error
  }
  chmodSync(file, 0o600)
}
