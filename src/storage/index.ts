import { createLookupFilter } from './sqlite/lookup-filter.ts'
import { openSqliteAudit } from './sqlite/sqlite-audit.ts'
import { openSqliteStorage, type SqliteOptions } from './sqlite/sqlite-storage.ts'
import type { Storage, StorageAudit } from './storage.ts'

/** The registry of storage engines: it knows of each how it is opened, and no more. */
export const storageEngines = ['sqlite'] as const
export type StorageEngine = (typeof storageEngines)[number]

export type StorageOptions = { readonly engine: StorageEngine } & Omit<SqliteOptions, 'steps'>

/** Opens the store of the engine named. Throws StorageFault. */
export async function openStorage({ engine, ...options }: StorageOptions): Promise<Storage> {
  switch (engine) {
    case 'sqlite':
      return openSqliteStorage(options)
  }
}

/** Opens an unchanging picture of the store of the engine named, beside whoever writes to it. Throws StorageFault. */
export async function openAudit({
  engine,
  file,
}: Pick<StorageOptions, 'engine' | 'file'>): Promise<StorageAudit> {
  switch (engine) {
    case 'sqlite':
      return openSqliteAudit(file)
  }
}

/**
 * Memory to be handed to `openStorage` as `filter`, to the writer and to the readers of one process alike: lookups of
 * what is not there then cost no query. Only a writer fills it. `capacity` is in entries.
 */
export function createSharedFilter({ capacity }: { readonly capacity: number }): SharedArrayBuffer {
  return createLookupFilter({ capacity }).shared
}
