import { accessSync, constants } from 'node:fs'
import { Database } from '../../platform/sqlite-binding.ts'
import { StorageFault, type StorageFaultCode } from '../storage.ts'

/** What SQLite reported, in the words of the port. `file` is looked at when an I/O error does not say why. */
export function storageFault(error: unknown, file: string): StorageFault {
  if (error instanceof StorageFault) return error
  if (!(error instanceof Database.SqliteError)) {
    const reason = error instanceof Error ? error.message : String(error)
    return new StorageFault('other', `the database ${file} failed: ${reason}`, { cause: error })
  }
  const code = faultCode(error.code, file)
  return new StorageFault(
    code,
    `${explanations[code]} (${file}: ${error.code}, ${error.message})`,
    {
      cause: error,
    },
  )
}

const explanations: Record<StorageFaultCode, string> = {
  conflict: 'the database holds something else than expected',
  full: 'no space is left for the database',
  'read-only': 'the database cannot be written',
  corrupt: 'the database is damaged: restore it, or join the mesh anew',
  'schema-newer': 'the database was made by a newer version',
  busy: 'another process holds the database',
  other: 'the database failed',
}

function faultCode(code: string, file: string): StorageFaultCode {
  // SQLITE_IOERR_SHMSIZE: the shared index of the write-ahead log could not be made longer.
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') return 'full'
  if (code.startsWith('SQLITE_READONLY')) return 'read-only'
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return 'corrupt'
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'busy'
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CANTOPEN')) {
    return isOnReadOnlyDisk(file) ? 'read-only' : 'other'
  }
  return 'other'
}

/** SQLite drops the errno of a failed write; a file system that turned read-only still says so here. */
function isOnReadOnlyDisk(file: string): boolean {
  try {
    accessSync(file, constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
  }
}
