import type Database from 'better-sqlite3'
import type { StoredEntry } from '../storage.ts'
import type { Bucket } from './bucket.ts'
import type { LineId } from './line-id.ts'
import type { LookupFilter } from './lookup-filter.ts'

/** Found in a bucket: the line and its bytes. */
export type BucketRow = {
  readonly line: LineId
  readonly superseded: 0 | 1
  readonly bytes: Uint8Array | null
}

/** Says which entries of a bucket are superseded; `rows` are all present lines that matter for it. */
export type Verdicts = (entries: readonly StoredEntry[]) => boolean[]
export type PlaceOf = (line: LineId) => Omit<StoredEntry, 'bytes'>

export type IndexDeps = {
  readonly db: Database.Database
  readonly verdicts: Verdicts
  readonly placeOf: PlaceOf
}

export type LookupRow = { readonly bucket: Bucket; readonly line: LineId }

/** Rows per INSERT: a call into SQLite costs as much as the row itself. */
const rowsPerInsert = 16

/**
 * One lookup index: the one that answers, or the one being made beside it. Every method runs inside the caller's
 * transaction; lines are written before their rows.
 */
export class LookupIndex {
  readonly name: string
  readonly #deps: IndexDeps
  readonly #filter: LookupFilter | null
  readonly #insertMany: Database.Statement
  readonly #insertOne: Database.Statement
  readonly #hasRow: Database.Statement
  readonly #hasSuperseded: Database.Statement
  readonly #current: Database.Statement
  readonly #all: Database.Statement
  readonly #bytesOf: Database.Statement
  readonly #mark: Database.Statement
  readonly #remove: Database.Statement
  readonly #count: Database.Statement

  constructor(name: 'lookup' | 'lookup_next', deps: IndexDeps, filter: LookupFilter | null) {
    const { db } = deps
    this.name = name
    this.#deps = deps
    this.#filter = filter
    const insert = `INSERT INTO ${name} (bucket, superseded, line) VALUES`
    const values = Array.from({ length: rowsPerInsert }, () => '(?, 0, ?)').join(', ')
    this.#insertMany = db.prepare(`${insert} ${values}`)
    this.#insertOne = db.prepare(`${insert} (?, ?, ?)`)
    this.#hasRow = db.prepare(`SELECT 1 FROM ${name} WHERE bucket = ? LIMIT 1`).pluck()
    this.#hasSuperseded = db
      .prepare(`SELECT 1 FROM ${name} WHERE bucket = ? AND superseded = 1 AND line = ?`)
      .pluck()
    const rows = `SELECT lookup.line, lookup.superseded, line.bytes FROM ${name} AS lookup
      LEFT JOIN line ON line.id = lookup.line WHERE lookup.bucket = ?`
    this.#current = db.prepare(`${rows} AND lookup.superseded = 0`)
    this.#all = db.prepare(rows)
    this.#bytesOf = db.prepare('SELECT bytes FROM line WHERE id = ?').pluck()
    this.#mark = db.prepare(
      `UPDATE ${name} SET superseded = ? WHERE bucket = ? AND superseded = ? AND line = ?`,
    )
    this.#remove = db.prepare(
      `DELETE FROM ${name} WHERE bucket = ? AND line = ? AND superseded IN (0, 1)`,
    )
    this.#count = db.prepare('UPDATE lookup_size SET entries = entries + ? WHERE name = ?')
  }

  /**
   * Adds rows, given in order of their buckets so that pages are touched once. An empty bucket, the common case, takes
   * one insert; in others it is decided anew what is superseded.
   */
  add(rows: readonly LookupRow[]): void {
    const fresh: number[] = []
    let added = 0
    for (let start = 0; start < rows.length;) {
      const { bucket } = rows[start] as LookupRow
      let end = start + 1
      while (end < rows.length && rows[end]?.bucket === bucket) end++
      const isEmpty = this.#isEmpty(bucket)
      if (isEmpty) this.#filter?.add(bucket)
      if (isEmpty && end === start + 1) fresh.push(bucket, (rows[start] as LookupRow).line)
      else added += this.#addToBucket(bucket, rows.slice(start, end))
      start = end
    }
    this.#insertFresh(fresh)
    added += fresh.length / 2
    this.#filter?.publish(added)
    if (added > 0) this.#count.run(added, this.name)
  }

  #isEmpty(bucket: Bucket): boolean {
    if (this.#filter !== null && !this.#filter.mayContain(bucket)) return true
    return this.#hasRow.get(bucket) === undefined
  }

  #insertFresh(flat: readonly number[]): void {
    const width = rowsPerInsert * 2
    const wholeEnd = flat.length - (flat.length % width)
    for (let at = 0; at < wholeEnd; at += width) this.#insertMany.run(flat.slice(at, at + width))
    for (let at = wholeEnd; at < flat.length; at += 2)
      this.#insertOne.run(flat[at], 0, flat[at + 1])
  }

  /** Only what is not superseded is read: what is has a greater one among it, which beats whatever it would beat. */
  #addToBucket(bucket: Bucket, additions: readonly LookupRow[]): number {
    const present = this.#current.all(bucket) as BucketRow[]
    const known = new Set(present.map(({ line }) => line))
    const entries = present.filter(isReadable).map((row) => this.#entryOf(row.line, row.bytes))
    const lines = present.filter(isReadable).map(({ line }) => line)
    const oldCount = lines.length
    let added = 0
    for (const { line } of additions) {
      if (known.has(line) || this.#hasSuperseded.get(bucket, line) !== undefined) continue
      known.add(line)
      const bytes = this.#bytesOf.get(line) as Uint8Array | undefined
      if (bytes === undefined)
        throw new RangeError('a lookup row was given for a line that is not stored')
      entries.push(this.#entryOf(line, bytes))
      lines.push(line)
      added++
    }
    const verdicts = this.#deps.verdicts(entries)
    for (const [i, line] of lines.entries()) {
      if (i >= oldCount) this.#insertOne.run(bucket, verdicts[i] === true ? 1 : 0, line)
      else if (verdicts[i] === true) this.#mark.run(1, bucket, 0, line)
    }
    return added
  }

  /**
   * Folds one bucket again: rows whose line is gone, or that do not count any more (`counts`), leave it; what is
   * superseded is decided over all that stay. `extra` are lines that may have to be added first.
   */
  refold(bucket: Bucket, extra: readonly LineId[], counts: (entry: StoredEntry) => boolean): void {
    this.add(extra.map((line) => ({ bucket, line })))
    const rows: { line: LineId; superseded: 0 | 1; entry: StoredEntry }[] = []
    let removed = 0
    for (const { line, superseded, bytes } of this.#all.all(bucket) as BucketRow[]) {
      const entry = bytes === null ? null : this.#entryOf(line, bytes)
      if (entry !== null && counts(entry)) rows.push({ line, superseded, entry })
      else removed += this.#remove.run(bucket, line).changes
    }
    const verdicts = this.#deps.verdicts(rows.map(({ entry }) => entry))
    for (const [i, { line, superseded }] of rows.entries()) {
      const verdict = verdicts[i] === true ? 1 : 0
      if (verdict !== superseded) this.#mark.run(verdict, bucket, superseded, line)
    }
    if (removed > 0) this.#count.run(-removed, this.name)
  }

  #entryOf(line: LineId, bytes: Uint8Array): StoredEntry {
    return { ...this.#deps.placeOf(line), bytes }
  }
}

function isReadable(row: BucketRow): row is BucketRow & { readonly bytes: Uint8Array } {
  return row.bytes !== null
}
