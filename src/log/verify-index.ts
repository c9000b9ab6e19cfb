import { statementOf, type Statement } from '../domain/claim.ts'
import { threepidOf, type Entry } from '../domain/entry.ts'
import { auditFindingsMax } from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import { isRefusal } from '../domain/refusal.ts'
import { findSuperseded } from '../domain/superseded.ts'
import type { IndexRow, StorageAudit, StoredEntry } from '../storage/storage.ts'
import { IndexDigest } from './index-digest.ts'
import { readStored } from './known-pairs.ts'
import type { LogFault } from './verify-log.ts'

export type IndexRules = {
  /** Whether an entry should be in the lookup index. */
  readonly isIndexed: (log: LogId, index: number, entry: Entry) => boolean
  readonly groupOf: (log: LogId, via: string | null) => string
}

type Row = Pick<IndexRow, 'bucket' | 'log' | 'index'>

/** Parts of the index looked at line by line once they differ: enough to name the first differences. */
const partsNamedMax = 8

/**
 * Compares the lookup index with what the lines say. `expect` is told of every line; `compare` then reads the index
 * once. Lines are read a second time, by `walkAgain`, only to name what differs.
 */
export class IndexCheck {
  readonly #audit: StorageAudit
  readonly #rules: IndexRules
  readonly #numbers = new Map<LogId, number>()
  readonly #expected = new IndexDigest(this.#numbers)
  readonly #faults: LogFault[] = []
  #rows = 0

  constructor(audit: StorageAudit, rules: IndexRules) {
    this.#audit = audit
    this.#rules = rules
  }

  expect(log: LogId, index: number, entry: Entry | null): void {
    const bucket = this.#bucketOf(log, index, entry)
    if (bucket === null) return
    this.#expected.add(bucket, log, index)
    this.#rows++
  }

  /** How many rows the index should have, so far. */
  get rows(): number {
    return this.#rows
  }

  #bucketOf(log: LogId, index: number, entry: Entry | null): number | null {
    const threepid = entry === null ? null : threepidOf(entry)
    if (entry === null || threepid === null || !this.#rules.isIndexed(log, index, entry))
      return null
    return this.#audit.bucketOf(threepid)
  }

  async compare(
    walkAgain: (take: (log: LogId, index: number, entry: Entry | null) => void) => Promise<void>,
    onProgress: (rowsDone: number) => void,
  ): Promise<readonly LogFault[]> {
    const held = new IndexDigest(this.#numbers)
    let done = 0
    let group: IndexRow[] = []
    for await (const rows of this.#audit.indexRows()) {
      for (const row of rows) {
        held.add(row.bucket, row.log, row.index)
        if (group[0]?.bucket !== row.bucket) {
          if (group.length > 1 || group[0]?.isSuperseded === true) await this.#checkClaims(group)
          group = []
        }
        group.push(row)
      }
      done += rows.length
      onProgress(done)
    }
    await this.#checkClaims(group)
    const parts = this.#expected.differing(held).slice(0, partsNamedMax)
    if (parts.length > 0) await this.#nameDifferences(new Set(parts), walkAgain)
    return this.#faults
  }

  #fault(log: LogId, index: number, problem: string): void {
    if (this.#faults.length < auditFindingsMax) this.#faults.push({ log, index, problem })
  }

  /**
   * Claims are folded from the rows that are not superseded: hiding a maximum changes answers. A row that could be
   * hidden and is not changes none.
   */
  async #checkClaims(rows: readonly IndexRow[]): Promise<void> {
    if (!rows.some(({ isSuperseded }) => isSuperseded)) return
    const byThreepid = new Map<string, { row: IndexRow; statement: Statement }[]>()
    for (const row of rows) {
      const said = await this.#statementAt(row)
      if (said === null) continue
      const about = byThreepid.get(said.threepid) ?? []
      byThreepid.set(said.threepid, about)
      about.push({ row, statement: said.statement })
    }
    for (const about of byThreepid.values()) {
      const verdicts = findSuperseded(about.map(({ statement }) => statement))
      for (const [i, { row }] of about.entries()) {
        if (row.isSuperseded && verdicts[i] !== true)
          this.#fault(
            row.log,
            row.index,
            'lookups pass over this entry, and nothing newer replaces it',
          )
      }
    }
  }

  async #statementAt({
    log,
    index,
  }: IndexRow): Promise<{ threepid: string; statement: Statement } | null> {
    const [line] = await this.#audit.readLines({ log, from: index, countMax: 1, bytesMax: 1 })
    if (line === undefined || line.index !== index || !('bytes' in line)) return null
    const entry = readable({ log, index, bytes: line.bytes })
    if (entry === null) return null
    const threepid = threepidOf(entry)
    const via = entry.kind === 'bind' || entry.kind === 'unbind' ? entry.via : null
    const group = this.#rules.groupOf(log, via)
    const statement = statementOf(entry, { log, index, group })
    if (threepid === null || statement === null) return null
    return { threepid: `${threepid.medium} ${threepid.address}`, statement }
  }

  async #nameDifferences(
    parts: ReadonlySet<number>,
    walkAgain: (take: (log: LogId, index: number, entry: Entry | null) => void) => Promise<void>,
  ): Promise<void> {
    const partOf = new IndexDigest(this.#numbers)
    const wanted = new Map<string, Row>()
    await walkAgain((log, index, entry) => {
      const bucket = this.#bucketOf(log, index, entry)
      if (bucket !== null && parts.has(partOf.add(bucket, log, index)))
        wanted.set(`${bucket} ${log} ${index}`, { bucket, log, index })
    })
    for await (const rows of this.#audit.indexRows()) {
      for (const { bucket, log, index } of rows) {
        if (!parts.has(partOf.add(bucket, log, index))) continue
        if (!wanted.delete(`${bucket} ${log} ${index}`))
          this.#fault(log, index, 'stands in the lookup index, and should not stand there')
      }
    }
    for (const { log, index } of wanted.values())
      this.#fault(log, index, 'the entry is missing from the lookup index')
  }
}

/** Null for a line that is no entry: a finding of the walk already. */
function readable(stored: StoredEntry): Entry | null {
  try {
    return readStored(stored)
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}
