import type Database from 'better-sqlite3'
import type { LogId } from '../../domain/log-id.ts'
import {
  StorageFault,
  type LogCommit,
  type StoredEntry,
  type StoredLine,
  type StoredLog,
} from '../storage.ts'
import { indexOf, lineId, logNumberOf, type LineId, type LogNumber } from './line-id.ts'

type LogRow = [
  log: string,
  origin: string,
  size: number,
  root: Uint8Array,
  note: string,
  lastStamp: number,
  haltedAt: number | null,
  blankAt: number | null,
  closedAt: number | null,
]

const columns = 'id, origin, size, root, note, last_stamp, halted_at, blank_at, closed_at'

/** Lines read at once, whatever the caller allows: a segment's worth. */
const linesPerRead = 256
const newline = 0x0a

/** Reading of logs, lines and subtrees. */
export class LogReader {
  readonly #all: Database.Statement
  readonly #numberOf: Database.Statement
  readonly #idOf: Database.Statement
  readonly #lines: Database.Statement
  readonly #joined: Database.Statement
  readonly #blank: Database.Statement
  readonly #subtree: Database.Statement
  /** A number is given to one log for good, so what was read once stays true. */
  readonly #ids = new Map<LogNumber, LogId>()

  constructor(db: Database.Database) {
    this.#all = db.prepare(`SELECT ${columns} FROM log ORDER BY no`).raw()
    this.#numberOf = db.prepare('SELECT no FROM log WHERE id = ?').pluck()
    this.#idOf = db.prepare('SELECT id FROM log WHERE no = ?').pluck()
    this.#lines = db
      .prepare(
        `SELECT id, bytes, 0 FROM line WHERE id >= @from AND id < @to
        UNION ALL SELECT id, hash, 1 FROM blank WHERE id >= @from AND id < @to ORDER BY 1 LIMIT @count`,
      )
      .raw()
    this.#joined = db
      .prepare(
        `SELECT count(*), CAST(group_concat(bytes, x'0a') AS BLOB)
        FROM (SELECT bytes FROM line WHERE id >= ? AND id < ? ORDER BY id)`,
      )
      .raw()
    this.#blank = db.prepare('SELECT min(id) FROM blank WHERE id >= ? AND id < ?').pluck()
    this.#subtree = db
      .prepare('SELECT hash FROM subtree WHERE no = ? AND level = ? AND n = ?')
      .pluck()
  }

  logs(): StoredLog[] {
    return (this.#all.all() as LogRow[]).map(
      ([log, origin, size, root, note, lastStamp, haltedAt, blankAt, closedAt]): StoredLog => {
        return { log, origin, size, root, note, lastStamp, haltedAt, blankAt, closedAt }
      },
    )
  }

  numberOf(log: LogId): LogNumber | null {
    return (this.#numberOf.get(log) as number | undefined) ?? null
  }

  lines(no: LogNumber, range: { from: number; countMax: number; bytesMax: number }): StoredLine[] {
    const { from, countMax, bytesMax } = range
    const found: StoredLine[] = []
    let bytesFound = 0
    while (found.length < countMax) {
      const next = (found.at(-1)?.index ?? from - 1) + 1
      const count = Math.min(countMax - found.length, linesPerRead)
      const lines = this.#joinedLines(no, next, count) ?? this.#linesOneByOne(no, next, count)
      for (const line of lines) {
        bytesFound += 'bytes' in line ? line.bytes.length : line.blankHash.length
        if (found.length > 0 && bytesFound > bytesMax) return found
        found.push(line)
      }
      if (lines.length < count) return found
    }
    return found
  }

  /** The same by the log's id; none of a log that is not known. */
  linesOf(range: {
    readonly log: LogId
    readonly from: number
    readonly countMax: number
    readonly bytesMax: number
  }): StoredLine[] {
    const no = this.numberOf(range.log)
    return no === null ? [] : this.lines(no, range)
  }

  /** All lines of a range in one value: a row each costs four times as much. Null unless every line is held. */
  #joinedLines(no: LogNumber, from: number, count: number): StoredLine[] | null {
    const row = this.#joined.get(lineId(no, from), lineId(no, from) + count)
    const [held, joined] = row as [number, Buffer | null]
    if (held !== count || joined === null) return null
    const lines: StoredLine[] = []
    for (let start = 0; start <= joined.length;) {
      const newlineAt = joined.indexOf(newline, start)
      const end = newlineAt < 0 ? joined.length : newlineAt
      lines.push({ index: from + lines.length, bytes: joined.subarray(start, end) })
      start = end + 1
    }
    return lines.length === count ? lines : null
  }

  #linesOneByOne(no: LogNumber, from: number, count: number): StoredLine[] {
    const range = { from: lineId(no, from), to: lineId(no + 1, 0), count }
    const rows = this.#lines.all(range) as [LineId, Uint8Array, 0 | 1][]
    return rows.map(([id, bytes, isBlank]): StoredLine => {
      const index = indexOf(id)
      return isBlank === 1 ? { index, blankHash: bytes } : { index, bytes }
    })
  }

  firstBlank(no: LogNumber, from: number): number | null {
    const id = this.#blank.get(lineId(no, from), lineId(no + 1, 0)) as LineId | null
    return id === null ? null : indexOf(id)
  }

  subtree(log: LogId, { level, n }: { level: number; n: number }): Uint8Array {
    const hash = this.#subtree.get(this.numberOf(log) ?? -1, level, n) as Uint8Array | undefined
    if (hash !== undefined) return hash
    throw new StorageFault('corrupt', `${log}: the subtree ${n} of level ${level} is missing`)
  }

  /** Log and index of a stored line. */
  placeOf(id: LineId): Omit<StoredEntry, 'bytes'> {
    const no = logNumberOf(id)
    let log = this.#ids.get(no)
    if (log === undefined) {
      log = this.#idOf.get(no) as LogId | undefined
      if (log === undefined) throw new StorageFault('corrupt', `line ${id} belongs to no log`)
      this.#ids.set(no, log)
    }
    return { log, index: indexOf(id) }
  }
}

/** Lines per INSERT: a call into SQLite costs as much as the row itself. */
const linesPerInsert = 16

/** Writing of logs, inside the caller's transaction. */
export class LogWriter {
  readonly #sizeOf: Database.Statement
  readonly #insertLog: Database.Statement
  readonly #updateLog: Database.Statement
  readonly #insertLines: Database.Statement
  readonly #insertLine: Database.Statement
  readonly #insertBlank: Database.Statement
  readonly #removeBlank: Database.Statement
  readonly #insertSubtree: Database.Statement

  constructor(db: Database.Database) {
    this.#sizeOf = db.prepare('SELECT no, size FROM log WHERE id = ?').raw()
    this.#insertLog = db.prepare(`INSERT INTO log (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#updateLog = db.prepare(
      `UPDATE log SET size = ?, root = ?, note = ?, last_stamp = ?, halted_at = ?, blank_at = ?, closed_at = ?
      WHERE no = ?`,
    )
    const values = Array.from({ length: linesPerInsert }, () => '(?, ?)').join(', ')
    this.#insertLines = db.prepare(`INSERT INTO line (id, bytes) VALUES ${values}`)
    this.#insertLine = db.prepare('INSERT INTO line (id, bytes) VALUES (?, ?)')
    this.#insertBlank = db.prepare('INSERT INTO blank (id, hash) VALUES (?, ?)')
    this.#removeBlank = db.prepare('DELETE FROM blank WHERE id = ?')
    this.#insertSubtree = db.prepare('INSERT INTO subtree (no, level, n, hash) VALUES (?, ?, ?, ?)')
  }

  /** Refuses with conflict when the store holds another size, or when the group does not add up. */
  write(commit: LogCommit): LogNumber {
    const { head, expectedSize, lines, fills, subtrees } = commit
    const no = this.#writeHead(commit)
    if (head.size !== expectedSize + lines.length) {
      throw new StorageFault(
        'conflict',
        `${head.log}: ${lines.length} lines after ${expectedSize} do not make the size ${head.size}`,
      )
    }
    this.#writeLines(no, expectedSize, lines)
    for (const { index, bytes } of fills) {
      if (this.#removeBlank.run(lineId(no, index)).changes !== 1) {
        throw new StorageFault(
          'conflict',
          `${head.log}: line ${index} is no blank that could be filled`,
        )
      }
      this.#insertLine.run(lineId(no, index), bytes)
    }
    for (const { level, n, hash } of subtrees) this.#insertSubtree.run(no, level, n, hash)
    return no
  }

  #writeHead({ head, expectedSize }: LogCommit): LogNumber {
    const { log, origin, size, root, note, lastStamp, haltedAt, blankAt, closedAt } = head
    const [no, present] = (this.#sizeOf.get(log) as [number, number] | undefined) ?? [null, 0]
    if (present !== expectedSize) {
      throw new StorageFault('conflict', `${log} has ${present} lines, expected ${expectedSize}`)
    }
    if (no !== null) {
      this.#updateLog.run(size, root, note, lastStamp, haltedAt, blankAt, closedAt, no)
      return no
    }
    const fields = [log, origin, size, root, note, lastStamp, haltedAt, blankAt, closedAt]
    return Number(this.#insertLog.run(fields).lastInsertRowid)
  }

  #writeLines(no: LogNumber, from: number, lines: LogCommit['lines']): void {
    let batch: (number | Uint8Array)[] = []
    for (const [i, line] of lines.entries()) {
      const id = lineId(no, from + i)
      if (!(line instanceof Uint8Array)) {
        this.#insertBlank.run(id, line.blankHash)
        continue
      }
      batch.push(id, line)
      if (batch.length < linesPerInsert * 2) continue
      this.#insertLines.run(batch)
      batch = []
    }
    for (let at = 0; at < batch.length; at += 2) this.#insertLine.run(batch[at], batch[at + 1])
  }
}
