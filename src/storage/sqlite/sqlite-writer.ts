import type Database from 'better-sqlite3'
import type { LogId } from '../../domain/log-id.ts'
import {
  StorageFault,
  type AppliesRule,
  type CommitGroup,
  type CommitOutcome,
  type LookupAddition,
  type Refold,
  type RefoldScope,
} from '../storage.ts'
import type { AccountTable } from './account-table.ts'
import { bucketOfThreepid } from './bucket.ts'
import { lineId, type LogNumber } from './line-id.ts'
import { LogWriter, type LogReader } from './log-table.ts'
import type { LookupFilter } from './lookup-filter.ts'
import { LookupIndex, type IndexDeps, type LookupRow } from './lookup-index.ts'
import { pepperName, type MetaTable } from './meta-table.ts'
import type { RecordTable } from './record-table.ts'
import { LogRefold, ThreepidRefold } from './part-refold.ts'
import { supersededInBucket, type GroupOf } from './statements-of.ts'
import type { Transactions } from './transaction.ts'
import { Upkeep } from './upkeep.ts'
import { inOrder, WholeRefold } from './whole-refold.ts'

export type WriterDeps = {
  readonly db: Database.Database
  readonly transactions: Transactions
  readonly filter: LookupFilter | null
  readonly groupOf: GroupOf
  readonly logs: LogReader
  readonly accounts: AccountTable
  readonly records: RecordTable
  readonly meta: MetaTable
  readonly refoldLines: number
  readonly upkeepRows: number
}

/** Written so that a commit after bulk ones has something to sync. */
const syncedName = 'syncs'

/** The writing half. There is one per database: it alone adds to the filter. */
export class SqliteWriter {
  readonly #deps: WriterDeps
  readonly #index: IndexDeps
  readonly #lookup: LookupIndex
  readonly #logs: LogWriter
  readonly #upkeep: Upkeep
  #refold: WholeRefold | null = null
  #isSyncing = true
  #hasUnsynced = false
  #syncs = 0

  constructor(deps: WriterDeps) {
    const { db, filter, groupOf, logs } = deps
    this.#deps = deps
    this.#index = {
      db,
      verdicts: (entries) => supersededInBucket(entries, groupOf),
      placeOf: (line) => logs.placeOf(line),
    }
    this.#upkeep = new Upkeep(deps)
    this.#lookup = new LookupIndex('lookup', this.#index, filter)
    this.#logs = new LogWriter(db)
  }

  commit(group: CommitGroup): CommitOutcome {
    const { accounts, records, transactions } = this.#deps
    this.#sync(group.isBulk ?? false)
    let conflicts: number[] = []
    transactions.write(() => {
      const numbers = new Map<LogId, LogNumber>()
      for (const log of group.logs) numbers.set(log.head.log, this.#logs.write(log))
      this.#writeMeta(group.meta)
      this.#addLookups(group.lookups, numbers)
      for (const change of group.accounts) accounts.change(change)
      // A transaction that writes nothing syncs nothing either.
      if (this.#hasUnsynced && this.#isSyncing)
        this.#deps.meta.write(syncedName, String(++this.#syncs))
      conflicts = records.change(group.records ?? [])
    })
    this.#hasUnsynced = !this.#isSyncing
    return { conflicts }
  }

  /** With NORMAL a commit waits for no disk; the next one with FULL makes it durable too, for the log is one file. */
  #sync(isBulk: boolean): void {
    if (this.#isSyncing !== isBulk) return
    this.#deps.db.pragma(`synchronous = ${isBulk ? 'NORMAL' : 'FULL'}`)
    this.#isSyncing = !isBulk
  }

  /** The pepper of an index that has rows changes by a refold only: else none of them would be found again. */
  #writeMeta(values: CommitGroup['meta']): void {
    const { meta } = this.#deps
    for (const [name, value] of Object.entries(values)) {
      if (name === pepperName && value !== meta.read(pepperName) && meta.lookupEntries() > 0) {
        throw new StorageFault(
          'conflict',
          'the lookup index was made with another pepper: fold it again',
        )
      }
      meta.write(name, value)
    }
  }

  #addLookups(additions: readonly LookupAddition[], numbers: Map<LogId, LogNumber>): void {
    if (additions.length === 0) return
    const { meta } = this.#deps
    const pepper = meta.read(pepperName)
    if (pepper === null)
      throw new StorageFault('conflict', 'the database has no pepper: run mycelid init')
    const numberOf = (log: LogId): LogNumber => this.#numberOf(log, numbers)
    const rows = additions.map(({ threepid, log, index }): LookupRow => {
      return { bucket: bucketOfThreepid(threepid, pepper), line: lineId(numberOf(log), index) }
    })
    this.#lookup.add(inOrder(rows))
    if (this.#refold?.isRunning === true) this.#refold.add(additions, numberOf)
  }

  #numberOf(log: LogId, numbers: Map<LogId, LogNumber>): LogNumber {
    const known = numbers.get(log)
    if (known !== undefined) return known
    const no = this.#deps.logs.numberOf(log)
    if (no === null)
      throw new StorageFault('conflict', `a lookup row was given for the unknown log ${log}`)
    numbers.set(log, no)
    return no
  }

  startRefold(scope: RefoldScope, applies: AppliesRule): Refold {
    const { logs, meta, transactions } = this.#deps
    const deps = { ...this.#deps, index: this.#index }
    if (scope.type === 'all') {
      this.#refold?.replace()
      const onSwap = (): void => this.#upkeep.refillFilter()
      this.#refold = new WholeRefold({ ...deps, onSwap }, scope.pepper, applies)
      return this.#refold
    }
    const part = { ...deps, lookup: this.#lookup, pepper: () => meta.read(pepperName) }
    if (scope.type === 'threepid') return new ThreepidRefold(part, scope.threepid, applies)
    const { no, size } = transactions.read(() => ({
      no: logs.numberOf(scope.log),
      size: logs.logs().find(({ log }) => log === scope.log)?.size ?? 0,
    }))
    return new LogRefold(part, { no, size }, applies)
  }

  tend(): { done: boolean } {
    return this.#upkeep.tend(this.#refold?.isRunning === true)
  }
}
