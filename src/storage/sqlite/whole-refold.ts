import type Database from 'better-sqlite3'
import { StorageFault, type AppliesRule, type LookupAddition, type Refold } from '../storage.ts'
import { bucketOfThreepid } from './bucket.ts'
import { lineId, type LineId, type LogNumber } from './line-id.ts'
import { LookupIndex, type IndexDeps, type LookupRow } from './lookup-index.ts'
import { createLookupFilter } from './lookup-filter.ts'
import { pepperName, type MetaTable } from './meta-table.ts'
import { retireTable } from './retired-tables.ts'
import { lookupTable } from './schema.ts'
import { shortBytes, threepidOfLine } from './statements-of.ts'
import type { Transactions } from './transaction.ts'

export type WholeRefoldDeps = {
  readonly index: IndexDeps
  readonly transactions: Transactions
  /** Lines per step. */
  readonly refoldLines: number
  readonly meta: MetaTable
  /** Called before the new rows can be seen: the filter knows nothing of them and must say "may" until it does. */
  readonly onSwap: () => void
}

/**
 * Makes the lookup index anew beside the one in use, line after line, and swaps them at the end together with the
 * pepper. Commits meanwhile go to both: to this one only as far as it has come, for the rest is still before it.
 * If we crash before the swap the old index goes on answering, and what was made is cleared away.
 */
export class WholeRefold implements Refold {
  readonly #deps: WholeRefoldDeps
  readonly #pepper: string
  readonly #applies: AppliesRule
  readonly #next: LookupIndex
  readonly #lines: Database.Statement
  readonly #linesTotal: number
  #linesDone = 0
  #reached: LineId = -1
  #state: 'running' | 'done' | 'replaced' = 'running'

  constructor(deps: WholeRefoldDeps, pepper: string, applies: AppliesRule) {
    this.#deps = deps
    this.#pepper = pepper
    this.#applies = applies
    const { db } = deps.index
    deps.transactions.write(() => makeNextTable(db))
    const filter = createLookupFilter({ capacity: 2 * deps.meta.lookupEntries() })
    filter.reset(deps.meta.lookupEntries())
    filter.complete()
    this.#next = new LookupIndex('lookup_next', deps.index, filter)
    this.#lines = db
      .prepare(`SELECT id, ${shortBytes} FROM line WHERE id > ? ORDER BY id LIMIT ?`)
      .raw()
    this.#linesTotal = Number(db.prepare('SELECT total(size) FROM log').pluck().get())
  }

  /** Another one was begun: this one has lost its table. */
  replace(): void {
    if (this.#state === 'running') this.#state = 'replaced'
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** What a commit adds, for this index too. Runs inside the commit's transaction. */
  add(additions: readonly LookupAddition[], numberOf: (log: string) => LogNumber): void {
    const rows: LookupRow[] = []
    for (const { threepid, log, index } of additions) {
      const line = lineId(numberOf(log), index)
      if (line <= this.#reached)
        rows.push({ bucket: bucketOfThreepid(threepid, this.#pepper), line })
    }
    this.#next.add(inOrder(rows))
  }

  async step(): Promise<{ done: boolean; linesDone: number; linesTotal: number }> {
    if (this.#state === 'replaced') {
      throw new StorageFault('conflict', 'this recomputation was replaced by a newer one')
    }
    if (this.#state === 'running') this.#stepOn()
    const linesDone = this.#linesDone
    return {
      done: this.#state === 'done',
      linesDone,
      linesTotal: Math.max(this.#linesTotal, linesDone),
    }
  }

  #stepOn(): void {
    const { transactions, index, refoldLines } = this.#deps
    const found = transactions.write(() => {
      const lines = this.#lines.all(this.#reached, refoldLines) as [LineId, Uint8Array | null][]
      const rows: LookupRow[] = []
      for (const [line, bytes] of lines) {
        const threepid = threepidOfLine(bytes)
        if (threepid === null) continue
        const place = index.placeOf(line)
        if (!this.#applies(place.log, place.index, threepid)) continue
        rows.push({ bucket: bucketOfThreepid(threepid, this.#pepper), line })
      }
      this.#next.add(inOrder(rows))
      if (lines.length < refoldLines) this.#swap()
      return lines
    })
    this.#linesDone += found.length
    this.#reached = found.at(-1)?.[0] ?? this.#reached
    if (found.length < refoldLines) this.#state = 'done'
  }

  #swap(): void {
    const { onSwap, index, meta } = this.#deps
    const { db } = index
    retireTable(db, 'lookup')
    db.exec(`
      ALTER TABLE lookup_next RENAME TO lookup;
      DELETE FROM lookup_size WHERE name = 'lookup';
      UPDATE lookup_size SET name = 'lookup' WHERE name = 'lookup_next';
    `)
    meta.write(pepperName, this.#pepper)
    onSwap()
  }
}

export function inOrder(rows: LookupRow[]): LookupRow[] {
  return rows.sort((a, b) => a.bucket - b.bucket || a.line - b.line)
}

function makeNextTable(db: Database.Database): void {
  retireTable(db, 'lookup_next')
  db.exec(`
    ${lookupTable('lookup_next')};
    DELETE FROM lookup_size WHERE name = 'lookup_next';
    INSERT INTO lookup_size (name, entries) VALUES ('lookup_next', 0);
  `)
}
