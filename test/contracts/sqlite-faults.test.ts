import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Binding from 'better-sqlite3'
import { Database } from '../../src/platform/sqlite-binding.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { storageFault } from '../../src/storage/sqlite/fault.ts'
import { openConnection } from '../../src/storage/sqlite/connection.ts'
import { SqliteStorage } from '../../src/storage/sqlite/sqlite-storage.ts'
import {
  alice,
  aliceHash,
  bob,
  groupOf,
  logCommit,
  paris,
  places,
  sayings,
  setPepper,
} from './storage-fixture.ts'

/** Faults made with a connection of which the test holds the other end: limits and modes are SQLite's own. */

let folder: string
let file: string
let db: Binding.Database
let storage: SqliteStorage

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mycelid-faults-'))
  file = join(folder, 'node.db')
  db = openConnection({ file, access: 'write' })
  storage = new SqliteStorage(db, { access: 'write', filter: null })
  await setPepper(storage)
  await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
})

afterEach(async () => {
  await storage.close()
  await rm(folder, { recursive: true })
})

const bobsGroup = () => {
  const group = sayings(paris, 1, [{ threepid: bob, mxid: '@b:x.org', stamp: 2 }])
  return { ...group, meta: { long: 'x'.repeat(100_000) } }
}

/** Nothing of the failed group stands, what stood is read, and the same connection goes on once it can. */
async function expectRecovery(undo: () => void): Promise<void> {
  expect((await storage.readLogs()).map(({ size }) => size)).toEqual([1])
  expect((await storage.entriesByHash([aliceHash])).map(places)).toEqual([['paris 0']])
  expect(await storage.entriesByThreepid([bob])).toEqual([[]])
  undo()
  await storage.commit(bobsGroup())
  expect((await storage.entriesByThreepid([bob])).map(places)).toEqual([['paris 1']])
}

test('a full disk is told as such, and forgotten when there is room again', async () => {
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
  await expect(storage.commit(bobsGroup())).rejects.toMatchObject({
    name: 'StorageFault',
    code: 'full',
  })
  await expectRecovery(() => db.pragma('max_page_count = 1000000'))
})

test('a store that became read-only is told as such, and forgotten when it is not', async () => {
  db.pragma('query_only = ON')
  await expect(storage.commit(bobsGroup())).rejects.toMatchObject({
    name: 'StorageFault',
    code: 'read-only',
  })
  await expectRecovery(() => db.pragma('query_only = OFF'))
})

test('another writer that holds on too long is told as such', async () => {
  db.pragma('busy_timeout = 0')
  const other = new Database(file)
  other.exec('BEGIN IMMEDIATE')
  await expect(storage.commit(bobsGroup())).rejects.toMatchObject({ code: 'busy' })
  await expectRecovery(() => other.close())
})

test('a recomputation goes on where a full disk stopped it', async () => {
  const lines = Array.from({ length: 500 }, (_, i) => ({
    threepid: { medium: 'email', address: `user${i}@example.org` } as const,
    mxid: `@user${i}:x.org`,
    stamp: 10 + i,
  }))
  await storage.commit(sayings(paris, 1, lines))
  const refold = await storage.startRefold({ type: 'all', pepper: 'newone' }, () => true)
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
  await expect(refold.step()).rejects.toMatchObject({ code: 'full' })
  expect((await storage.entriesByHash([aliceHash])).map(places)).toEqual([['paris 0']])
  db.pragma('max_page_count = 1000000')
  expect(await refold.step()).toEqual({ done: true, linesDone: 501, linesTotal: 501 })
  expect(await storage.readPepper()).toBe('newone')
  expect(await storage.entriesByHash([aliceHash])).toEqual([[]])
  expect((await storage.entriesByThreepid([alice])).map(places)).toEqual([['paris 0']])
})

test('pages overwritten by something else are a corrupt store', async () => {
  const lines = Array.from({ length: 300 }, (_, i) => Buffer.from(`line ${i} `.repeat(50)))
  await storage.commit(groupOf({ logs: [logCommit(paris, 1, lines)] }))
  await storage.close()
  const handle = await open(file, 'r+')
  const { size } = await handle.stat()
  // The last pages are those of the lines; the schema stands in the first.
  for (let page = Math.floor(size / 4096) - 20; page < size / 4096; page++)
    await handle.write(Buffer.alloc(4096, 0x5a), 0, 4096, page * 4096)
  await handle.close()
  db = openConnection({ file, access: 'write' })
  storage = new SqliteStorage(db, { access: 'write', filter: null })
  const reading = storage.readLines({ log: paris, from: 0, countMax: 400, bytesMax: 1e9 })
  await expect(reading).rejects.toMatchObject({ code: 'corrupt' })
})

test.each([
  ['SQLITE_FULL', 'full'],
  ['SQLITE_IOERR_SHMSIZE', 'full'],
  ['SQLITE_READONLY', 'read-only'],
  ['SQLITE_READONLY_DBMOVED', 'read-only'],
  ['SQLITE_CORRUPT_INDEX', 'corrupt'],
  ['SQLITE_NOTADB', 'corrupt'],
  ['SQLITE_BUSY_SNAPSHOT', 'busy'],
  ['SQLITE_IOERR_WRITE', 'other'],
  ['SQLITE_CANTOPEN', 'other'],
])('%s is the fault %s, with its cause', (code, expected) => {
  const cause = new Database.SqliteError('it says', code)
  const fault = storageFault(cause, file)
  expect(fault).toMatchObject({ code: expected, cause })
  expect(fault.message).toContain(code)
})
