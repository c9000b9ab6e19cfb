import type Database from 'better-sqlite3'
import { auditRowsPerRead } from '../../domain/limits.ts'
import type { LogId } from '../../domain/log-id.ts'
import type { Threepid } from '../../domain/threepid.ts'
import type { IndexRow, StorageAudit, StoredLine, StoredLog } from '../storage.ts'
import { bucketOfThreepid } from './bucket.ts'
import { openConnection } from './connection.ts'
import type { LineId } from './line-id.ts'
import { LogReader } from './log-table.ts'
import { MetaTable, pepperName } from './meta-table.ts'
import { Transactions } from './transaction.ts'

/** Throws StorageFault. */
export function openSqliteAudit(file: string): StorageAudit {
  return new SqliteAudit(openConnection({ file, access: 'read' }))
}

/** One read transaction, begun with the first statement: the write-ahead log grows until it is closed. */
class SqliteAudit implements StorageAudit {
  readonly #db: Database.Database
  readonly #transactions: Transactions
  readonly #logs: LogReader
  readonly #meta: MetaTable
  readonly #subtree: Database.Statement
  readonly #rows: Database.Statement
  readonly #pepper: string | null

  constructor(db: Database.Database) {
    this.#db = db
    this.#transactions = new Transactions(db)
    this.#logs = new LogReader(db)
    this.#meta = new MetaTable(db)
    this.#subtree = db
      .prepare('SELECT hash FROM subtree WHERE no = ? AND level = ? AND n = ?')
      .pluck()
    this.#rows = db
      .prepare(
        `SELECT bucket, superseded, line FROM lookup WHERE (bucket, superseded, line) > (?, ?, ?)
        ORDER BY bucket, superseded, line LIMIT ?`,
      )
      .raw()
    db.exec('BEGIN')
    this.#pepper = this.#transactions.single(() => this.#meta.read(pepperName))
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
    return this.#transactions.single(() => this.#logs.linesOf(range))
  }

  async readMeta(name: string): Promise<string | null> {
    return this.#transactions.single(() => this.#meta.read(name))
  }

  async findSubtrees(
    log: LogId,
    wanted: readonly { readonly level: number; readonly n: number }[],
  ): Promise<(Uint8Array | null)[]> {
    return this.#transactions.single(() => {
      const no = this.#logs.numberOf(log) ?? -1
      return wanted.map(
        ({ level, n }) => (this.#subtree.get(no, level, n) as Uint8Array | undefined) ?? null,
      )
    })
  }

  bucketOf(threepid: Threepid): number | null {
    return this.#pepper === null ? null : bucketOfThreepid(threepid, this.#pepper)
  }

  async *indexRows(): AsyncGenerator<readonly IndexRow[]> {
    let last: [bucket: number, superseded: number, line: LineId] = [-1, 0, 0]
    for (;;) {
      const found = this.#transactions.single(
        () => this.#rows.all(...last, auditRowsPerRead) as (typeof last)[],
      )
      if (found.length > 0) yield found.map((row) => this.#rowOf(row))
      if (found.length < auditRowsPerRead) return
      last = found.at(-1) ?? last
    }
  }

  #rowOf([bucket, superseded, line]: [number, number, LineId]): IndexRow {
    return { bucket, isSuperseded: superseded === 1, ...this.#logs.placeOf(line) }
  }

  async close(): Promise<void> {
    this.#db.close()
  }
}
