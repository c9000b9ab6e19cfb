import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Database } from '../../src/platform/sqlite-binding.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { storageBusyMs } from '../../src/domain/limits.ts'
import { openConnection } from '../../src/storage/sqlite/connection.ts'
import { schemaSteps } from '../../src/storage/sqlite/schema.ts'
import { openSqliteStorage } from '../../src/storage/sqlite/sqlite-storage.ts'
import { StorageFault } from '../../src/storage/storage.ts'
import { alice, groupOf, logCommit, paris, places, sayings, setPepper } from './storage-fixture.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mycelid-file-'))
  file = join(folder, 'node.db')
})

afterEach(() => rm(folder, { recursive: true }))

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

test('the database, its write-ahead log and its index are readable by the owner alone', async () => {
  await writeFile(file, '')
  await chmod(file, 0o644)
  const storage = await openSqliteStorage({ file, access: 'write' })
  await setPepper(storage)
  expect(await Promise.all([file, `${file}-wal`, `${file}-shm`].map(modeOf))).toEqual([
    0o600, 0o600, 0o600,
  ])
  await storage.close()
})

test('a database that must exist, and one that is only read, are never made', async () => {
  const openings = [
    openSqliteStorage({ file, access: 'write', mustExist: true }),
    openSqliteStorage({ file, access: 'read' }),
    openSqliteStorage({ file: join(folder, 'nowhere', 'node.db'), access: 'write' }),
  ]
  for (const opening of openings) await expect(opening).rejects.toBeInstanceOf(StorageFault)
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a file that is no database is a corrupt one, and stays as it is', async () => {
  const text = 'this is a letter, not a database. '.repeat(100)
  await writeFile(file, text)
  for (const access of ['write', 'read'] as const) {
    await expect(openSqliteStorage({ file, access })).rejects.toMatchObject({ code: 'corrupt' })
  }
  expect(await readFile(file, 'utf8')).toBe(text)
})

test('closing leaves no write-ahead log behind', async () => {
  const storage = await openSqliteStorage({ file, access: 'write' })
  await storage.commit(groupOf({ logs: [logCommit(paris, 0, [new Uint8Array(100_000)])] }))
  await storage.close()
  await expect(stat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('upkeep cuts a long write-ahead log, and waits for no reader to do so', async () => {
  const storage = await openSqliteStorage({ file, access: 'write' })
  const lines = Array.from({ length: 200 }, () => new Uint8Array(30_000))
  await storage.commit(groupOf({ logs: [logCommit(paris, 0, lines)] }))
  expect((await stat(`${file}-wal`)).size).toBeGreaterThan(5e6)
  const reader = new Database(file, { readonly: true })
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM meta').get()
  await storage.commit(groupOf({ meta: { a: 'b' } }))
  // Something was just written: it may go on, and is left alone.
  expect(await storage.tend()).toEqual({ done: true })
  expect((await stat(`${file}-wal`)).size).toBeGreaterThan(5e6)
  const startMs = performance.now()
  expect(await storage.tend()).toEqual({ done: true })
  expect(performance.now() - startMs).toBeLessThan(storageBusyMs / 2)
  expect((await stat(`${file}-wal`)).size).toBeGreaterThan(5e6)
  reader.close()
  expect(await storage.tend()).toEqual({ done: true })
  expect((await stat(`${file}-wal`)).size).toBe(0)
  await storage.close()
})

test('what was removed leaves no bytes in the files once the write-ahead log is cut', async () => {
  const storage = await openSqliteStorage({ file, access: 'write' })
  const secret = 'a-name-nobody-shall-find-again'
  await storage.commit(groupOf({ meta: { [secret]: secret.repeat(50), other: 'stays' } }))
  await storage.commit(groupOf({ meta: { [secret]: null } }))
  await storage.close()
  const bytes = await readFile(file)
  expect(bytes.includes('stays')).toBe(true)
  expect(bytes.includes(secret)).toBe(false)
})

const newest = schemaSteps.length

test('a newer schema is refused with both versions, and nothing is changed', async () => {
  await (await openSqliteStorage({ file, access: 'write' })).close()
  const db = new Database(file)
  db.pragma('user_version = 9')
  db.pragma('journal_mode = DELETE')
  db.close()
  const before = await readFile(file)
  for (const access of ['write', 'read'] as const) {
    const opening = openSqliteStorage({ file, access })
    await expect(opening).rejects.toMatchObject({ code: 'schema-newer' })
    await expect(opening).rejects.toThrow(new RegExp(`version 9.*up to ${newest}`))
  }
  expect((await readFile(file)).equals(before)).toBe(true)
})

const nextStep = {
  version: newest + 1,
  sql: 'CREATE TABLE later (a INTEGER) STRICT; INSERT INTO later VALUES (1)',
}

test('an older schema is copied, privately, before it is brought up to date', async () => {
  const storage = await openSqliteStorage({ file, access: 'write' })
  await setPepper(storage)
  await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
  await storage.close()
  const steps = [...schemaSteps, nextStep]
  const db = openConnection({ file, access: 'write', steps })
  expect(db.prepare('SELECT a FROM later').pluck().get()).toBe(1)
  expect(db.pragma('user_version', { simple: true })).toBe(newest + 1)
  db.close()
  expect(await modeOf(`${file}.v${newest}.bak`)).toBe(0o600)
  const copy = await openSqliteStorage({
    file: `${file}.v${newest}.bak`,
    access: 'write',
    mustExist: true,
  })
  expect(places((await copy.entriesByThreepid([alice]))[0] ?? [])).toEqual(['paris 0'])
  await copy.close()
  await expect(openSqliteStorage({ file, access: 'write' })).rejects.toMatchObject({
    code: 'schema-newer',
  })
})

test('a migration that fails leaves the version it had, and the next start goes on', async () => {
  await (await openSqliteStorage({ file, access: 'write' })).close()
  const broken = {
    version: newest + 2,
    sql: 'CREATE TABLE last (a INTEGER) STRICT; INSERT INTO nothing VALUES (1)',
  }
  const failing = () =>
    openConnection({ file, access: 'write', steps: [...schemaSteps, nextStep, broken] })
  expect(failing).toThrow(StorageFault)
  const whole = { version: newest + 2, sql: 'CREATE TABLE last (a INTEGER) STRICT' }
  const db = openConnection({ file, access: 'write', steps: [...schemaSteps, nextStep, whole] })
  expect(db.pragma('user_version', { simple: true })).toBe(newest + 2)
  expect(db.prepare('SELECT count(*) FROM later').pluck().get()).toBe(1)
  db.close()
})

test('a reader refuses an older schema, for it cannot change it', async () => {
  await (await openSqliteStorage({ file, access: 'write' })).close()
  const steps = [...schemaSteps, nextStep]
  expect(() => openConnection({ file, access: 'read', steps })).toThrow(
    new RegExp(`version ${newest}, expected ${newest + 1}`),
  )
})
