// The floor: hash each line and insert it, with its hash, into one table. Answers seconds.
import { Database } from '../../dist/platform/sqlite-binding.js'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export function hashAndInsert(chunk, dir) {
  const db = new Database(join(dir, 'plain.db'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('CREATE TABLE row (id INTEGER PRIMARY KEY, bytes BLOB, hash BLOB)')
  const insert = db.prepare('INSERT INTO row (bytes, hash) VALUES (?, ?)')
  const bytes = readFileSync(chunk)
  const start = process.hrtime.bigint()
  let at = 0
  let open = 0
  while (at < bytes.length) {
    if (open === 0) db.exec('BEGIN')
    const end = bytes.indexOf(10, at)
    const line = bytes.subarray(at, end)
    insert.run(line, createHash('sha256').update(line).digest())
    at = end + 1
    if (++open === 5_000 || at >= bytes.length) {
      db.exec('COMMIT')
      open = 0
    }
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  db.close()
  return seconds
}
