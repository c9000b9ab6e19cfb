/**
 * Owns: the SQLite engine of the storage port: its file, schema, lookup index and upkeep.
 * Relies on: the port, domain, better-sqlite3.
 * Never: decides what an entry means beyond what a fold can no longer need, or starts work by itself.
 */
import { statSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { refoldLinesMax, upkeepRowsMax } from '../../domain/limits.ts'
import type { LogId } from '../../domain/log-id.ts'
import type { Threepid } from '../../domain/threepid.ts'
import {
  StorageFault,
  type Account,
  type AppliesRule,
  type CommitGroup,
  type CommitOutcome,
  type RecordKind,
  type Refold,
  type RefoldScope,
  type Storage,
  type StoredEntry,
  type StoredLine,
  type StoredLog,
  type StoredRecord,
} from '../storage.ts'
import { AccountTable } from './account-table.ts'
import { openConnection, type ConnectionOptions } from './connection.ts'
import { LogReader } from './log-table.ts'
import { LookupFilter } from './lookup-filter.ts'
import { LookupReader } from './lookup-reader.ts'
import { MetaTable, pepperName } from './meta-table.ts'
import { RecordTable } from './record-table.ts'
import { groupPerOrigin, type GroupOf } from './statements-of.ts'
import { Transactions } from './transaction.ts'
import { truncateWal } from './upkeep.ts'
import { SqliteWriter } from './sqlite-writer.ts'

export type SqliteOptions = ConnectionOptions & {
  /** Of the writer; without it every origin is a group of its own. */
  readonly groupOf?: GroupOf
  /** Memory of a LookupFilter, the same for the writer and all readers of one process. */
  readonly filter?: SharedArrayBuffer
}

/** Opens a database file; a writer makes or migrates it. Throws StorageFault. */
export async function openSqliteStorage(options: SqliteOptions): Promise<Storage> {
  const db = openConnection(options)
  const filter = options.filter === undefined ? null : new LookupFilter(options.filter)
  return new SqliteStorage(db, { ...options, filter })
}

export type StorageDeps = {
  readonly access: 'write' | 'read'
  readonly groupOf?: GroupOf
  readonly filter: LookupFilter | null
  /** Smaller pieces of background work, for tests. */
  readonly refoldLines?: number
  readonly upkeepRows?: number
}

/** Made by openSqliteStorage; takes the connection it is given, and closes it. */
export class SqliteStorage implements Storage {
  readonly #db: Database.Database
  readonly #transactions: Transactions
  readonly #logs: LogReader
  readonly #lookups: LookupReader
  readonly #accounts: AccountTable
  readonly #records: RecordTable
  readonly #meta: MetaTable
  readonly #writer: SqliteWriter | null

  constructor(db: Database.Database, options: StorageDeps) {
    const { access, filter, groupOf = groupPerOrigin } = options
    const { refoldLines = refoldLinesMax, upkeepRows = upkeepRowsMax } = options
    this.#db = db
    this.#transactions = new Transactions(db)
    this.#logs = new LogReader(db)
    this.#accounts = new AccountTable(db)
    this.#records = new RecordTable(db)
    this.#meta = new MetaTable(db)
    const transactions = this.#transactions
    this.#lookups = new LookupReader({
      db,
      filter,
      transactions,
      logs: this.#logs,
      meta: this.#meta,
    })
    const deps = { db, transactions, filter, groupOf, refoldLines, upkeepRows, logs: this.#logs }
    this.#writer =
      access === 'write'
        ? new SqliteWriter({
            ...deps,
            accounts: this.#accounts,
            records: this.#records,
            meta: this.#meta,
          })
        : null
  }

  async readLogs(): Promise<readonly StoredLog[]> {
    return this.#transactions.single(() => this.#logs.logs())
  }

  async readLines(range: {
    readonly log: LogId
    readonly from: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly StoredLine[]> {
    return this.#transactions.read(() => this.#logs.linesOf(range))
  }

  async firstBlank(log: LogId, from: number): Promise<number | null> {
    return this.#transactions.read(() => {
      const no = this.#logs.numberOf(log)
      return no === null ? null : this.#logs.firstBlank(no, from)
    })
  }

  async readSubtrees(
    log: LogId,
    wanted: readonly { readonly level: number; readonly n: number }[],
  ): Promise<readonly Uint8Array[]> {
    return this.#transactions.read(() => wanted.map((subtree) => this.#logs.subtree(log, subtree)))
  }

  async entriesByHash(hashes: readonly string[]): Promise<readonly (readonly StoredEntry[])[]> {
    return this.#lookups.byHash(hashes)
  }

  async entriesByThreepid(
    threepids: readonly Threepid[],
  ): Promise<readonly (readonly StoredEntry[])[]> {
    return this.#lookups.byThreepid(threepids)
  }

  async historyOf(threepid: Threepid): Promise<readonly StoredEntry[]> {
    return this.#lookups.history(threepid)
  }

  async readPepper(): Promise<string | null> {
    return this.readMeta(pepperName)
  }

  async findAccount(tokenHash: Uint8Array): Promise<Account | null> {
    return this.#transactions.single(() => this.#accounts.find(tokenHash))
  }

  async readMeta(name: string): Promise<string | null> {
    return this.#transactions.single(() => this.#meta.read(name))
  }

  async findRecord(kind: RecordKind, key: string): Promise<StoredRecord | null> {
    return this.#transactions.single(() => this.#records.find(kind, key))
  }

  async recordsOf(kind: RecordKind, subject: string, countMax: number): Promise<StoredRecord[]> {
    return this.#transactions.single(() => this.#records.bySubject(kind, subject, countMax))
  }

  async dueRecords(kind: RecordKind, byMs: number, countMax: number): Promise<StoredRecord[]> {
    return this.#transactions.single(() => this.#records.due(kind, byMs, countMax))
  }

  async countRecords(kind: RecordKind): Promise<number> {
    return this.#transactions.single(() => this.#records.count(kind))
  }

  async hasExpiredRecords(beforeMs: number): Promise<boolean> {
    return this.#transactions.single(() => this.#records.hasExpired(beforeMs))
  }

  async commit(group: CommitGroup): Promise<CommitOutcome> {
    return this.#writable().commit(group)
  }

  async startRefold(scope: RefoldScope, applies: AppliesRule): Promise<Refold> {
    return this.#writable().startRefold(scope, applies)
  }

  async tend(): Promise<{ readonly done: boolean }> {
    return this.#writer === null ? { done: true } : this.#writer.tend()
  }

  async readFigures(): Promise<{ readonly lookupEntries: number; readonly bytes: number }> {
    return this.#transactions.single(() => {
      const file = this.#db.name
      const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
      return { lookupEntries: this.#meta.lookupEntries(), bytes: statSync(file).size + log }
    })
  }

  async close(): Promise<void> {
    try {
      if (this.#writer !== null) truncateWal(this.#db)
    } catch {
      // A full or failing disk: the write-ahead log stays, and whoever opens the file next reads it.
    } finally {
      this.#db.close()
    }
  }

  #writable(): SqliteWriter {
    if (this.#writer !== null) return this.#writer
    throw new StorageFault('read-only', 'this connection only reads')
  }
}
