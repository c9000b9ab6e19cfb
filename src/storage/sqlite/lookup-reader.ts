import type Database from 'better-sqlite3'
import { LRUCache } from 'lru-cache'
import { entriesKeptMax } from '../../domain/limits.ts'
import type { Threepid } from '../../domain/threepid.ts'
import type { StoredEntry } from '../storage.ts'
import { bucketOfText, bucketOfThreepid, isHashText, type Bucket } from './bucket.ts'
import type { LineId } from './line-id.ts'
import type { LogReader } from './log-table.ts'
import type { LookupFilter } from './lookup-filter.ts'
import { pepperName, type MetaTable } from './meta-table.ts'
import type { Transactions } from './transaction.ts'

export type LookupReaderDeps = {
  readonly db: Database.Database
  readonly transactions: Transactions
  readonly filter: LookupFilter | null
  readonly logs: LogReader
  readonly meta: MetaTable
}

type Found = readonly StoredEntry[]
const nothing: Found = []

/** The hot path of every lookup: what is unknown costs no statement, what is known costs one. */
export class LookupReader {
  readonly #deps: LookupReaderDeps
  readonly #current: Database.Statement
  readonly #all: Database.Statement
  readonly #bytes: Database.Statement
  /**
   * Entries read lately, by their line. A line never changes and its id is never used again, so an entry the index
   * still names is the one that is kept; whoever reads it may keep what it says with it.
   */
  readonly #kept = new LRUCache<LineId, StoredEntry>({ max: entriesKeptMax })

  constructor(deps: LookupReaderDeps) {
    this.#deps = deps
    const rows = 'SELECT line FROM lookup WHERE bucket = ?'
    this.#current = deps.db.prepare(`${rows} AND superseded = 0`).pluck()
    this.#all = deps.db.prepare(rows).pluck()
    this.#bytes = deps.db.prepare('SELECT bytes FROM line WHERE id = ?').pluck()
  }

  byHash(hashes: readonly string[]): Found[] {
    const { filter, transactions } = this.#deps
    const found = new Array<Found>(hashes.length).fill(nothing)
    const wanted: number[] = []
    const buckets: Bucket[] = []
    for (let i = 0; i < hashes.length; i++) {
      const text = hashes[i] as string
      const bucket = bucketOfText(text)
      if (bucket < 0 || (filter !== null && !filter.mayContain(bucket)) || !isHashText(text))
        continue
      wanted.push(i)
      buckets.push(bucket)
    }
    if (wanted.length === 0) return found
    const read = (): void => {
      for (let i = 0; i < wanted.length; i++) {
        found[wanted[i] as number] = this.#entries(this.#current, buckets[i] as Bucket)
      }
    }
    if (wanted.length === 1) transactions.single(read)
    else transactions.read(read)
    return found
  }

  byThreepid(threepids: readonly Threepid[]): Found[] {
    return this.#withPepper(
      (pepper) => threepids.map((threepid) => this.#entriesOf(this.#current, threepid, pepper)),
      () => threepids.map(() => nothing),
    )
  }

  history(threepid: Threepid): Found {
    return this.#withPepper(
      (pepper) => this.#entriesOf(this.#all, threepid, pepper),
      () => nothing,
    )
  }

  /** The pepper is read in the same snapshot as the index, for both change in one transaction. */
  #withPepper<T>(read: (pepper: string) => T, none: () => T): T {
    const { meta, transactions } = this.#deps
    return transactions.read(() => {
      const pepper = meta.read(pepperName)
      return pepper === null ? none() : read(pepper)
    })
  }

  #entriesOf(statement: Database.Statement, threepid: Threepid, pepper: string): Found {
    const bucket = bucketOfThreepid(threepid, pepper)
    const { filter } = this.#deps
    return filter === null || filter.mayContain(bucket) ? this.#entries(statement, bucket) : nothing
  }

  #entries(statement: Database.Statement, bucket: Bucket): Found {
    const lines = statement.all(bucket) as LineId[]
    if (lines.length === 0) return nothing
    const found: StoredEntry[] = []
    for (const line of lines) {
      const entry = this.#kept.get(line) ?? this.#read(line)
      if (entry !== null) found.push(entry)
    }
    return found
  }

  /** Null for a line that was blanked between the two statements. */
  #read(line: LineId): StoredEntry | null {
    const bytes = this.#bytes.get(line) as Uint8Array | undefined
    if (bytes === undefined) return null
    const entry = { ...this.#deps.logs.placeOf(line), bytes }
    this.#kept.set(line, entry)
    return entry
  }
}
