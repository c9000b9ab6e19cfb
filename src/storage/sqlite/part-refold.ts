import type Database from 'better-sqlite3'
import type { AppliesRule, Refold, StoredEntry } from '../storage.ts'
import type { Threepid } from '../../domain/threepid.ts'
import { bucketOfThreepid, type Bucket } from './bucket.ts'
import { lineId, type LineId, type LogNumber } from './line-id.ts'
import type { IndexDeps, LookupIndex } from './lookup-index.ts'
import { shortBytes, threepidOfLine } from './statements-of.ts'
import type { Transactions } from './transaction.ts'

export type PartRefoldDeps = {
  readonly index: IndexDeps
  readonly transactions: Transactions
  /** Lines per step. */
  readonly refoldLines: number
  /** The index that answers, and the pepper it is made with. */
  readonly lookup: LookupIndex
  readonly pepper: () => string | null
}

/** Folds the 3PIDs of one log again, in place, each bucket wholly within a transaction. */
export class LogRefold implements Refold {
  readonly #deps: PartRefoldDeps
  readonly #applies: AppliesRule
  readonly #lines: Database.Statement
  readonly #end: LineId
  readonly #linesTotal: number
  #reached: LineId
  #linesDone = 0
  #isDone = false

  constructor(
    deps: PartRefoldDeps,
    log: { no: LogNumber | null; size: number },
    applies: AppliesRule,
  ) {
    this.#deps = deps
    this.#applies = applies
    const { db } = deps.index
    this.#lines = db
      .prepare(`SELECT id, ${shortBytes} FROM line WHERE id > ? AND id < ? ORDER BY id LIMIT ?`)
      .raw()
    this.#isDone = log.no === null
    this.#reached = lineId(log.no ?? 0, 0) - 1
    this.#end = lineId((log.no ?? 0) + 1, 0)
    this.#linesTotal = log.size
  }

  async step(): Promise<{ done: boolean; linesDone: number; linesTotal: number }> {
    if (!this.#isDone) this.#stepOn()
    const linesDone = this.#linesDone
    return { done: this.#isDone, linesDone, linesTotal: Math.max(this.#linesTotal, linesDone) }
  }

  #stepOn(): void {
    const { transactions, lookup, pepper } = this.#deps
    const lines = transactions.write(() => {
      const found = this.#lines.all(this.#reached, this.#end, this.#deps.refoldLines) as [
        LineId,
        Uint8Array,
      ][]
      const key = pepper()
      if (key === null) return found
      for (const [bucket, extra] of this.#buckets(found, key)) {
        lookup.refold(bucket, extra, (entry) => this.#counts(entry))
      }
      return found
    })
    this.#linesDone += lines.length
    this.#reached = lines.at(-1)?.[0] ?? this.#reached
    this.#isDone = lines.length < this.#deps.refoldLines
  }

  /** The buckets the lines name, in order, each with those of the lines that count. */
  #buckets(lines: readonly [LineId, Uint8Array | null][], pepper: string): [Bucket, LineId[]][] {
    const buckets = new Map<Bucket, LineId[]>()
    for (const [line, bytes] of lines) {
      const threepid = threepidOfLine(bytes)
      if (threepid === null) continue
      const bucket = bucketOfThreepid(threepid, pepper)
      const extra = buckets.get(bucket) ?? []
      buckets.set(bucket, extra)
      const { log, index } = this.#deps.index.placeOf(line)
      if (this.#applies(log, index, threepid)) extra.push(line)
    }
    return [...buckets].sort(([a], [b]) => a - b)
  }

  #counts({ log, index, bytes }: StoredEntry): boolean {
    const threepid = threepidOfLine(bytes)
    return threepid !== null && this.#applies(log, index, threepid)
  }
}

/** Folds one 3PID again: what is indexed of it and is gone, blank or not accepted any more leaves the index. */
export class ThreepidRefold implements Refold {
  readonly #deps: PartRefoldDeps
  readonly #threepid: Threepid
  readonly #applies: AppliesRule

  constructor(deps: PartRefoldDeps, threepid: Threepid, applies: AppliesRule) {
    this.#deps = deps
    this.#threepid = threepid
    this.#applies = applies
  }

  async step(): Promise<{ done: boolean; linesDone: number; linesTotal: number }> {
    const { transactions, lookup, pepper } = this.#deps
    transactions.write(() => {
      const key = pepper()
      if (key === null) return
      lookup.refold(bucketOfThreepid(this.#threepid, key), [], ({ log, index, bytes }) => {
        const threepid = threepidOfLine(bytes)
        return threepid !== null && this.#applies(log, index, threepid)
      })
    })
    return { done: true, linesDone: 1, linesTotal: 1 }
  }
}
