import { statSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { sqliteWalIdleBytes, storageBusyMs } from '../../domain/limits.ts'
import type { Bucket } from './bucket.ts'
import type { LookupFilter } from './lookup-filter.ts'
import type { MetaTable } from './meta-table.ts'
import { clearRetired, findRetired } from './retired-tables.ts'
import type { Transactions } from './transaction.ts'

export type UpkeepDeps = {
  readonly db: Database.Database
  readonly transactions: Transactions
  readonly filter: LookupFilter | null
  readonly meta: MetaTable
  /** Rows per piece of upkeep. */
  readonly upkeepRows: number
}

/** Work that can wait for idle moments, one bounded piece at a time. */
export class Upkeep {
  readonly #deps: UpkeepDeps
  /** The bucket up to which the filter knows every row; null when it is not being filled. */
  #filledTo: Bucket | null = null
  readonly #changes: Database.Statement
  #changesSeen = -1

  constructor(deps: UpkeepDeps) {
    this.#deps = deps
    const { db, filter, meta } = deps
    this.#changes = db.prepare('SELECT total_changes()').pluck()
    if (filter === null) return
    this.refillFilter()
    // Nothing to fill it with, and every row to come is added to it: it may speak from the start.
    if (meta.lookupEntries() === 0) this.#completeFilter(filter)
  }

  /** Empties the filter; it is filled piece by piece, and says "may" to everything until it is full. */
  refillFilter(): void {
    const { filter, meta } = this.#deps
    filter?.reset(meta.lookupEntries())
    this.#filledTo = -1
  }

  /** `isRefolding`: an index is being made beside the one that answers. */
  tend(isRefolding: boolean): { done: boolean } {
    const { db, filter, transactions, upkeepRows } = this.#deps
    if (filter !== null && filter.isComplete && filter.isOverfull) this.refillFilter()
    if (filter !== null && this.#filledTo !== null) {
      transactions.single(() => this.#fillFilter(filter))
      return { done: false }
    }
    const retired = transactions.single(() => findRetired(db, isRefolding))
    if (retired !== null) {
      transactions.write(() => clearRetired(db, retired, upkeepRows))
      return { done: false }
    }
    if (this.#isQuiet() && walBytes(db) > sqliteWalIdleBytes)
      transactions.single(() => truncateWal(db))
    return { done: true }
  }

  /** Nothing was written since upkeep was last asked for: amid a catch-up a checkpoint now is one too many. */
  #isQuiet(): boolean {
    const changes = this.#changes.get() as number
    const isQuiet = changes === this.#changesSeen
    this.#changesSeen = changes
    return isQuiet
  }

  /** Commits meanwhile add what they add themselves, behind the place reached here as well as before it. */
  #fillFilter(filter: LookupFilter): void {
    const { db, upkeepRows } = this.#deps
    const buckets = db
      .prepare('SELECT DISTINCT bucket FROM lookup WHERE bucket > ? ORDER BY bucket LIMIT ?')
      .pluck()
      .all(this.#filledTo, upkeepRows) as Bucket[]
    for (const bucket of buckets) filter.add(bucket)
    filter.publish(buckets.length)
    if (buckets.length === upkeepRows) {
      this.#filledTo = buckets.at(-1) as Bucket
      return
    }
    this.#completeFilter(filter)
  }

  #completeFilter(filter: LookupFilter): void {
    this.#filledTo = null
    filter.complete()
  }
}

/**
 * Moves the write-ahead log into the file and cuts it to nothing, unless a reader is at work just now: waiting for one
 * would hold up the writer.
 */
export function truncateWal(db: Database.Database): void {
  db.pragma('busy_timeout = 0')
  try {
    db.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    db.pragma(`busy_timeout = ${storageBusyMs}`)
  }
}

function walBytes(db: Database.Database): number {
  return statSync(`${db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0
}
