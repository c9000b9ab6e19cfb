import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Binding from 'better-sqlite3'
import { Database } from '../../src/platform/sqlite-binding.ts'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseEntry, threepidOf } from '../../src/domain/entry.ts'
import type { Threepid } from '../../src/domain/threepid.ts'
import { openConnection } from '../../src/storage/sqlite/connection.ts'
import { createLookupFilter, type LookupFilter } from '../../src/storage/sqlite/lookup-filter.ts'
import { migrate } from '../../src/storage/sqlite/migrate.ts'
import { schemaSteps } from '../../src/storage/sqlite/schema.ts'
import { SqliteStorage } from '../../src/storage/sqlite/sqlite-storage.ts'
import type { AppliesRule, CommitGroup, Refold, Storage } from '../../src/storage/storage.ts'
import {
  alice,
  aliceHash,
  groupOf,
  lineOf,
  logCommit,
  oslo,
  paris,
  pepper,
  places,
  sayings,
  setPepper,
  type Said,
} from './storage-fixture.ts'

/** What a recomputation gives must be what a fresh store gives that is fed the same lines. */

let folder: string
let stores: { storage: SqliteStorage; db: Binding.Database }[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mycelid-refold-'))
  stores = []
})

afterEach(async () => {
  for (const { storage } of stores) await storage.close()
  await rm(folder, { recursive: true })
})

/** Siblings' logs are one group, so that lines of both supersede each other. */
const oneGroup = (_log: string, via: string | null): string => via ?? 'own'

function openStore(
  file = ':memory:',
  filter: LookupFilter | null = null,
): { storage: SqliteStorage; db: Binding.Database } {
  const db = file === ':memory:' ? memoryConnection() : openConnection({ file, access: 'write' })
  const parts = { refoldLines: 3, upkeepRows: 4, groupOf: oneGroup, filter }
  const store = { db, storage: new SqliteStorage(db, { access: 'write', ...parts }) }
  stores.push(store)
  return store
}

const newFilter = (): LookupFilter => createLookupFilter({ capacity: 1000 })

/** Hundreds of stores: each in a file would be most of the run. */
function memoryConnection(): Binding.Database {
  const db = new Database(':memory:')
  migrate(db, ':memory:', schemaSteps)
  return db
}

function indexOf(db: Binding.Database): unknown {
  const rows = db
    .prepare('SELECT bucket, superseded, line FROM lookup ORDER BY 1, 2, 3')
    .raw()
    .all()
  const counted = db.prepare("SELECT entries FROM lookup_size WHERE name = 'lookup'").pluck().get()
  expect(counted).toBe(rows.length)
  return rows
}

const threepids: readonly Threepid[] = [...'abcdefghijkl'].map((name) => ({
  medium: 'email',
  address: `${name}@example.org`,
}))

const said: fc.Arbitrary<Omit<Said, 'stamp'> & { log: string; at: number }> = fc
  .record({
    log: fc.constantFrom(paris, oslo),
    threepid: fc.constantFrom(...threepids),
    mxid: fc.constantFrom('@a:x.org', '@b:x.org'),
    kind: fc.constantFrom('bind' as const, 'unbind' as const),
    at: fc.integer({ min: 1, max: 9 }),
    via: fc.option(fc.constant('bridge'), { nil: undefined }),
  })
  .map(({ via, ...rest }) => ({ ...rest, ...(via === undefined ? {} : { via }) }))

const history = fc.array(said, { minLength: 1, maxLength: 30, size: 'max' })

/** Which entries count, as a set of hashes of place: two rules that overlap. */
const rule =
  (salt: number): AppliesRule =>
  (log, index, threepid) =>
    (index * 7 + log.length * 3 + threepid.address.charCodeAt(0) * 5 + salt * 11) % 4 !== 0

/** One group per saying, indexed where the rule says so. Both logs exist from the start, so line ids are equal. */
function groupsOf(
  sayingsInOrder: readonly (Omit<Said, 'stamp'> & { log: string })[],
  applies: AppliesRule,
): CommitGroup[] {
  const sizes = new Map([paris, oslo].map((log) => [log, 0]))
  const begun = groupOf({
    meta: { pepper },
    logs: [logCommit(paris, 0, []), logCommit(oslo, 0, [])],
  })
  const groups = sayingsInOrder.map(({ log, ...some }, i) => {
    const index = sizes.get(log) ?? 0
    sizes.set(log, index + 1)
    const group = sayings(log, index, [{ ...some, stamp: 100 + i }])
    return applies(log, index, some.threepid) ? group : { ...group, lookups: [] }
  })
  return [begun, ...groups]
}

async function feed(storage: Storage, groups: readonly CommitGroup[]): Promise<void> {
  for (const group of groups) await storage.commit(group)
}

async function finish(refold: Refold): Promise<void> {
  while (!(await refold.step()).done);
}

async function freshIndex(groups: readonly CommitGroup[], withPepper: string): Promise<unknown> {
  const { storage, db } = openStore()
  await storage.commit(groupOf({ meta: { pepper: withPepper } }))
  await feed(
    storage,
    groups.map((group) => ({ ...group, meta: {} })),
  )
  return indexOf(db)
}

describe('the whole index', () => {
  test('made anew under another pepper and other rules, with commits meanwhile, equals a fresh one', async () => {
    const cuts = fc.tuple(
      fc.nat({ max: 40 }),
      fc.array(fc.boolean(), { maxLength: 20 }),
      fc.boolean(),
    )
    await fc.assert(
      fc.asyncProperty(history, cuts, async (all, [start, turns, isFiltered]) => {
        const [before, after] = [groupsOf(all, rule(1)), groupsOf(all, rule(2))]
        const { storage, db } = openStore(':memory:', isFiltered ? newFilter() : null)
        const at = 1 + (start % all.length)
        await feed(storage, before.slice(0, at))
        const refold = await storage.startRefold({ type: 'all', pepper: 'newpepper' }, rule(2))
        let next = at
        for (const isStep of turns) {
          if (isStep) await refold.step()
          else if (next < after.length)
            await storage.commit(after[next++] as CommitGroup & { meta: object })
        }
        await finish(refold)
        await feed(storage, after.slice(next))
        expect(indexOf(db)).toEqual(await freshIndex(after, 'newpepper'))
        expect(await storage.readPepper()).toBe('newpepper')
      }),
      { numRuns: 60 },
    )
  })

  test('a line committed behind the place reached is in the new index too, as is one indexed late', async () => {
    const { storage } = openStore()
    await setPepper(storage)
    const about = (name: string, stamp: number) => ({
      threepid: { medium: 'email', address: `${name}@example.org` } as const,
      mxid: '@a:x.org',
      stamp,
    })
    const late = sayings(paris, 0, [about('late', 1)])
    await storage.commit({ ...late, lookups: [] })
    await storage.commit(
      sayings(
        oslo,
        0,
        ['a', 'b', 'c', 'd'].map((name, i) => about(name, 2 + i)),
      ),
    )
    const refold = await storage.startRefold(
      { type: 'all', pepper: 'newpepper' },
      (log, index) => log === oslo && index !== 1,
    )
    expect(await refold.step()).toMatchObject({ done: false })
    await storage.commit({ ...late, logs: [] })
    await storage.commit(sayings(paris, 1, [about('behind', 9)]))
    await storage.commit(
      groupOf({ lookups: [{ threepid: about('b', 0).threepid, log: oslo, index: 1 }] }),
    )
    await finish(refold)
    const asked = ['late', 'behind', 'a', 'b', 'c', 'd'].map((name) => about(name, 0).threepid)
    expect((await storage.entriesByThreepid(asked)).map(places)).toEqual([
      ['paris 0'],
      ['paris 1'],
      ['oslo 0'],
      ['oslo 1'],
      ['oslo 2'],
      ['oslo 3'],
    ])
  })

  test('the filter hides no row, whatever commits, recomputations and upkeep came before', async () => {
    const turn = fc.constantFrom('commit', 'refold', 'step', 'tend')
    await fc.assert(
      fc.asyncProperty(history, fc.array(turn, { maxLength: 80 }), async (all, turns) => {
        const { storage, db } = openStore(':memory:', newFilter())
        const groups = groupsOf(all, () => true)
        let next = 0
        let refold: Refold | null = null
        let peppers = 0
        for (const what of ['commit', ...turns]) {
          if (what === 'commit' && next < groups.length)
            await storage.commit(groups[next++] as CommitGroup)
          if (what === 'refold') {
            refold = await storage.startRefold(
              { type: 'all', pepper: `pepper${peppers++}` },
              () => true,
            )
          }
          if (what === 'step') await refold?.step()
          if (what === 'tend') await storage.tend()
          const lines = db.prepare('SELECT line FROM lookup WHERE superseded = 0').all()
          const found = (await storage.entriesByThreepid(threepids)).flat()
          expect(found).toHaveLength(lines.length)
        }
        while (!(await storage.tend()).done);
        const tables = db
          .prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'lookup_*'")
          .pluck()
          .all()
        const isRunning = tables.includes('lookup_next')
        expect(tables).toEqual(isRunning ? ['lookup_size', 'lookup_next'] : ['lookup_size'])
      }),
      { numRuns: 60 },
    )
  })

  test('the filter of a store that is opened again is filled piece by piece, and denies nothing meanwhile', async () => {
    const file = join(folder, 'node.db')
    const { storage } = openStore(file)
    await setPepper(storage)
    const all = threepids.map((threepid, i) => ({ threepid, mxid: '@a:x.org', stamp: i + 1 }))
    await storage.commit(sayings(paris, 0, all.slice(0, 10)))
    await storage.close()
    stores.pop()

    const filter = newFilter()
    const { storage: again } = openStore(file, filter)
    const expected = threepids.map((_, i) => (i < 10 ? [`paris ${i}`] : []))
    for (let pieces = 0; pieces < 3; pieces++) {
      expect(filter.isComplete).toBe(false)
      expect((await again.entriesByThreepid(threepids)).map(places)).toEqual(expected)
      expect(await again.tend()).toEqual({ done: false })
    }
    expect(filter.isComplete).toBe(true)
    expect((await again.entriesByThreepid(threepids)).map(places)).toEqual(expected)
    await again.commit(sayings(paris, 10, all.slice(10)))
    expect((await again.entriesByThreepid(threepids)).map(places)).toEqual(
      threepids.map((_, i) => [`paris ${i}`]),
    )
  })

  test('a crash in the middle leaves the old index answering, and a new recomputation possible', async () => {
    const file = join(folder, 'node.db')
    const { storage } = openStore(file)
    await setPepper(storage)
    const many = Array.from({ length: 12 }, (_, i) => ({
      threepid: alice,
      mxid: `@u${i}:x.org`,
      stamp: i + 1,
    }))
    await storage.commit(sayings(paris, 0, many))
    const refold = await storage.startRefold({ type: 'all', pepper: 'newpepper' }, () => true)
    expect(await refold.step()).toEqual({ done: false, linesDone: 3, linesTotal: 12 })
    await storage.close()
    stores.pop()

    const again = openStore(file)
    expect(await again.storage.readPepper()).toBe(pepper)
    expect((await again.storage.entriesByHash([aliceHash]))[0]).toHaveLength(12)
    await again.storage.commit(
      sayings(paris, 12, [{ threepid: alice, mxid: '@late:x.org', stamp: 20 }]),
    )
    await finish(await again.storage.startRefold({ type: 'all', pepper: 'newpepper' }, () => true))
    expect(await again.storage.readPepper()).toBe('newpepper')
    expect((await again.storage.entriesByThreepid([alice]))[0]).toHaveLength(13)
    while (!(await again.storage.tend()).done);
    const tables = again.db
      .prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'lookup_*'")
      .pluck()
      .all()
    expect(tables).toEqual(['lookup_size'])
  })

  test('what a crash left behind is cleared away by upkeep alone', async () => {
    const file = join(folder, 'node.db')
    const { storage } = openStore(file)
    await setPepper(storage)
    await storage.startRefold({ type: 'all', pepper: 'newpepper' }, () => true)
    await storage.tend()
    await storage.close()
    stores.pop()
    const { storage: again, db } = openStore(file)
    while (!(await again.tend()).done);
    const tables = db
      .prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'lookup_*'")
      .pluck()
      .all()
    expect(tables).toEqual(['lookup_size'])
  })

  test('a recomputation that was replaced by another says so', async () => {
    const { storage } = openStore()
    await setPepper(storage)
    const first = await storage.startRefold({ type: 'all', pepper: 'one' }, () => true)
    await finish(await storage.startRefold({ type: 'all', pepper: 'two' }, () => true))
    await expect(first.step()).rejects.toMatchObject({ code: 'conflict' })
    expect(await storage.readPepper()).toBe('two')
  })

  test('a reader opened before answers from the new index as soon as it is there', async () => {
    const file = join(folder, 'node.db')
    const { storage } = openStore(file)
    await setPepper(storage)
    await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
    const readerDb = openConnection({ file, access: 'read' })
    const reader = new SqliteStorage(readerDb, { access: 'read', filter: null })
    stores.push({ storage: reader, db: readerDb })
    expect((await reader.entriesByHash([aliceHash])).map(places)).toEqual([['paris 0']])
    await finish(await storage.startRefold({ type: 'all', pepper: 'newpepper' }, () => true))
    expect(await reader.entriesByHash([aliceHash])).toEqual([[]])
    expect((await reader.entriesByThreepid([alice])).map(places)).toEqual([['paris 0']])
    expect(await reader.readPepper()).toBe('newpepper')
  })
})

describe('a part of the index', () => {
  test('folded again log by log under other rules, it equals a fresh one', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat({ max: 3 }), async (all, tends) => {
        const { storage, db } = openStore(':memory:', newFilter())
        await feed(storage, groupsOf(all, rule(1)))
        for (let i = 0; i < tends; i++) await storage.tend()
        for (const log of [paris, oslo])
          await finish(await storage.startRefold({ type: 'log', log }, rule(2)))
        expect(indexOf(db)).toEqual(await freshIndex(groupsOf(all, rule(2)), pepper))
      }),
      { numRuns: 60 },
    )
  })

  test('what is not accepted any more leaves a 3PID that is folded again, and what it superseded returns', async () => {
    const { storage, db } = openStore()
    await setPepper(storage)
    const pair = { threepid: alice, mxid: '@a:x.org' }
    await storage.commit(
      sayings(paris, 0, [
        { ...pair, stamp: 1 },
        { ...pair, stamp: 3 },
        { ...pair, stamp: 2 },
      ]),
    )
    expect(places((await storage.entriesByThreepid([alice]))[0] ?? [])).toEqual(['paris 1'])
    const refold = await storage.startRefold(
      { type: 'threepid', threepid: alice },
      (_log, index) => index !== 1,
    )
    expect(await refold.step()).toMatchObject({ done: true })
    expect(places((await storage.entriesByThreepid([alice]))[0] ?? [])).toEqual(['paris 2'])
    expect(indexOf(db)).toHaveLength(2)
  })

  test('a line that is gone leaves the index when its 3PID is folded again', async () => {
    const { storage, db } = openStore()
    await setPepper(storage)
    const pair = { threepid: alice, mxid: '@a:x.org' }
    await storage.commit(
      sayings(paris, 0, [
        { ...pair, stamp: 1 },
        { ...pair, stamp: 3 },
      ]),
    )
    db.prepare('DELETE FROM line WHERE id % 4294967296 = 1').run()
    expect(await storage.entriesByThreepid([alice])).toEqual([[]])
    await finish(await storage.startRefold({ type: 'threepid', threepid: alice }, () => true))
    expect(places((await storage.entriesByThreepid([alice]))[0] ?? [])).toEqual(['paris 0'])
  })

  test('a log that is not there has nothing to fold', async () => {
    const { storage } = openStore()
    const refold = await storage.startRefold({ type: 'log', log: oslo }, () => true)
    expect(await refold.step()).toEqual({ done: true, linesDone: 0, linesTotal: 0 })
  })
})

test('two 3PIDs that share a bucket do not supersede each other', async () => {
  const { storage, db } = openStore()
  await setPepper(storage)
  const other: Threepid = { medium: 'email', address: 'mallory@example.com' }
  const said = [
    { threepid: other, mxid: '@a:x.org', stamp: 9 },
    { threepid: alice, mxid: '@a:x.org', stamp: 1 },
  ]
  const { logs } = sayings(paris, 0, said)
  // Both are indexed under alice, as if her bucket had been ground out for another address.
  await storage.commit(
    groupOf({ logs, lookups: [0, 1].map((index) => ({ threepid: alice, log: paris, index })) }),
  )
  expect(indexOf(db)).toHaveLength(2)
  expect((await storage.entriesByHash([aliceHash])).map(places)).toEqual([['paris 0', 'paris 1']])
})

test('the fixture makes lines the domain reads', () => {
  const line = lineOf({
    threepid: alice,
    mxid: '@a:x.org',
    stamp: 5,
    kind: 'unbind',
    covers: 9,
    via: 'bridge',
  })
  const entry = parseEntry(Buffer.from(line).toString(), line.length)
  expect(threepidOf(entry)).toEqual(alice)
  expect(entry).toMatchObject({ kind: 'unbind', covers: 9, via: 'bridge' })
})
