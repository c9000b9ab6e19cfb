import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type {
  CommitOutcome,
  RecordChange,
  Storage,
  StoredRecord,
} from '../../src/storage/storage.ts'
import {
  alice,
  aliceHash,
  bob,
  bobHash,
  groupOf,
  headOf,
  lineOf,
  logCommit,
  oslo,
  paris,
  pepper,
  places,
  sayings,
  setPepper,
} from './storage-fixture.ts'

/** A store of one engine: `open` answers a writer (the first time on an empty store) or a reader beside it. */
export type StoreUnderTest = {
  readonly open: (access: 'write' | 'read') => Promise<Storage>
  readonly remove: () => Promise<void>
}

const line = (text: string): Uint8Array => Buffer.from(text)
const leaf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const everything = { from: 0, countMax: 1000, bytesMax: 1e6 }

/** What every engine guarantees to those who use the port. */
export function storageContract(engine: string, create: () => Promise<StoreUnderTest>): void {
  let store: StoreUnderTest
  let storage: Storage

  beforeEach(async () => {
    store = await create()
    storage = await store.open('write')
  })

  afterEach(async () => {
    await storage.close()
    await store.remove()
  })

  describe(`${engine}: logs and lines`, () => {
    test('an empty store has no logs, no pepper and no entries', async () => {
      expect(await storage.readLogs()).toEqual([])
      expect(await storage.readPepper()).toBeNull()
      expect(await storage.entriesByHash([aliceHash])).toEqual([[]])
      expect(await storage.entriesByThreepid([alice])).toEqual([[]])
      expect(await storage.readLines({ log: paris, ...everything })).toEqual([])
    })

    test('a log is read back with every field of its head', async () => {
      const head = headOf(paris, 2, { lastStamp: 2 ** 52, haltedAt: 1, blankAt: 0, closedAt: 2 })
      await storage.commit(
        groupOf({ logs: [{ ...logCommit(paris, 0, [line('a'), line('b')]), head }] }),
      )
      const [read] = await storage.readLogs()
      expect({ ...read, root: Buffer.from(read?.root ?? []) }).toEqual({
        ...head,
        root: Buffer.from(head.root),
      })
    })

    test('a later group replaces the head and appends', async () => {
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, [line('a')])] }))
      await storage.commit(groupOf({ logs: [logCommit(paris, 1, [line('b'), line('c')])] }))
      expect((await storage.readLogs()).map(({ size }) => size)).toEqual([3])
      expect(await textsOf(storage, 0)).toEqual(['a', 'b', 'c'])
    })

    test('a head may change without new lines', async () => {
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, [line('a')])] }))
      const head = headOf(paris, 1, { closedAt: 1 })
      await storage.commit(groupOf({ logs: [{ ...logCommit(paris, 1, []), head }] }))
      expect((await storage.readLogs())[0]?.closedAt).toBe(1)
    })

    test('lines come back as the exact bytes that were given', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, [bytes, new Uint8Array(0)])] }))
      const read = await storage.readLines({ log: paris, ...everything })
      expect(read.map((found) => ('bytes' in found ? [...found.bytes] : null))).toEqual([
        [...bytes],
        [],
      ])
    })

    test('lines are read from an index on, bounded by count', async () => {
      const lines = Array.from({ length: 50 }, (_, i) => line(`line ${i}`))
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, lines)] }))
      const read = await storage.readLines({ log: paris, from: 20, countMax: 3, bytesMax: 1e6 })
      expect(read.map(({ index }) => index)).toEqual([20, 21, 22])
      expect(await storage.readLines({ log: paris, from: 50, countMax: 3, bytesMax: 1e6 })).toEqual(
        [],
      )
    })

    test('lines are bounded by bytes, but at least one is answered', async () => {
      const lines = Array.from({ length: 10 }, () => new Uint8Array(100).fill(65))
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, lines)] }))
      const count = async (bytesMax: number): Promise<number> =>
        (await storage.readLines({ log: paris, from: 0, countMax: 10, bytesMax })).length
      expect([await count(1), await count(100), await count(299), await count(300)]).toEqual([
        1, 1, 2, 3,
      ])
      expect(await count(Infinity)).toBe(10)
    })

    test('the lines of one log never show among those of another', async () => {
      const logs = [logCommit(paris, 0, [line('p')]), logCommit(oslo, 0, [line('o')])]
      await storage.commit(groupOf({ logs }))
      await storage.commit(groupOf({ logs: [logCommit(paris, 1, [line('q')])] }))
      expect(await textsOf(storage, 0)).toEqual(['p', 'q'])
      expect((await storage.readLogs()).map(({ log }) => log).sort()).toEqual([oslo, paris])
    })

    test('a blank is read as its leaf hash, in its place, until a line fills it', async () => {
      const lines = [line('a'), { blankHash: leaf(7) }, { blankHash: leaf(8) }, line('d')]
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, lines)] }))
      expect(await textsOf(storage, 0)).toEqual(['a', [...leaf(7)], [...leaf(8)], 'd'])
      expect(await storage.firstBlank(paris, 0)).toBe(1)
      const fills = [{ index: 1, bytes: line('b') }]
      await storage.commit(groupOf({ logs: [logCommit(paris, 4, [], { fills })] }))
      expect(await textsOf(storage, 0)).toEqual(['a', 'b', [...leaf(8)], 'd'])
      expect(await storage.firstBlank(paris, 0)).toBe(2)
      expect(await storage.firstBlank(paris, 3)).toBeNull()
      expect(await storage.firstBlank(oslo, 0)).toBeNull()
    })

    test('a fill of what is not blank is a conflict', async () => {
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, [line('a')])] }))
      const fills = [{ index: 0, bytes: line('b') }]
      const filling = storage.commit(groupOf({ logs: [logCommit(paris, 1, [], { fills })] }))
      await expect(filling).rejects.toMatchObject({ code: 'conflict' })
      expect(await textsOf(storage, 0)).toEqual(['a'])
    })

    test('subtrees are answered in the order asked, a missing one is a fault', async () => {
      const subtrees = [
        { level: 8, n: 0, hash: leaf(1) },
        { level: 8, n: 1, hash: leaf(2) },
        { level: 9, n: 0, hash: leaf(3) },
      ]
      await storage.commit(groupOf({ logs: [logCommit(paris, 0, [line('a')], { subtrees })] }))
      const wanted = [
        { level: 9, n: 0 },
        { level: 8, n: 1 },
      ]
      expect((await storage.readSubtrees(paris, wanted)).map((hash) => hash[0])).toEqual([3, 2])
      await expect(storage.readSubtrees(paris, [{ level: 10, n: 0 }])).rejects.toMatchObject({
        name: 'StorageFault',
      })
      await expect(storage.readSubtrees(oslo, [{ level: 8, n: 0 }])).rejects.toMatchObject({
        name: 'StorageFault',
      })
      expect(await storage.readSubtrees(oslo, [])).toEqual([])
    })
  })

  describe(`${engine}: commits`, () => {
    test('a group made for another size is a conflict and leaves no trace', async () => {
      await setPepper(storage)
      await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
      for (const from of [0, 2]) {
        const group = sayings(paris, from, [{ threepid: bob, mxid: '@b:x.org', stamp: 2 }])
        const meta = { mark: 'set' }
        const logs = [logCommit(oslo, 0, [line('o')]), ...group.logs]
        await expect(storage.commit({ ...group, logs, meta })).rejects.toMatchObject({
          code: 'conflict',
        })
      }
      expect((await storage.readLogs()).map(({ log, size }) => [log, size])).toEqual([[paris, 1]])
      expect(await storage.entriesByHash([bobHash])).toEqual([[]])
      expect(await storage.readMeta('mark')).toBeNull()
      expect(await storage.readFigures()).toMatchObject({ lookupEntries: 1 })
    })

    test('a head whose size is not that of the lines is a conflict', async () => {
      const commit = { ...logCommit(paris, 0, [line('a')]), head: headOf(paris, 2) }
      await expect(storage.commit(groupOf({ logs: [commit] }))).rejects.toMatchObject({
        code: 'conflict',
      })
      expect(await storage.readLogs()).toEqual([])
    })

    test('what was committed is there after closing and opening again', async () => {
      await setPepper(storage)
      await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
      await storage.close()
      storage = await store.open('write')
      expect(await storage.readPepper()).toBe(pepper)
      expect(places((await storage.entriesByHash([aliceHash]))[0] ?? [])).toEqual(['paris 0'])
    })

    test('a reader opened before sees what is committed after', async () => {
      await setPepper(storage)
      const reader = await store.open('read')
      try {
        expect(await reader.entriesByHash([aliceHash])).toEqual([[]])
        await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
        expect(places((await reader.entriesByHash([aliceHash]))[0] ?? [])).toEqual(['paris 0'])
        expect(places((await reader.entriesByThreepid([alice]))[0] ?? [])).toEqual(['paris 0'])
        const commit = reader.commit(groupOf({ meta: { a: 'b' } }))
        await expect(commit).rejects.toMatchObject({ code: 'read-only' })
      } finally {
        await reader.close()
      }
    })

    test('named values are set, replaced and removed', async () => {
      await storage.commit(groupOf({ meta: { a: '1', b: '2' } }))
      await storage.commit(groupOf({ meta: { a: '3', b: null } }))
      expect([await storage.readMeta('a'), await storage.readMeta('b')]).toEqual(['3', null])
    })

    test('the pepper of an index with entries cannot be changed by a commit', async () => {
      await setPepper(storage)
      await storage.commit(groupOf({ meta: { pepper: 'another' } }))
      await storage.commit(groupOf({ meta: { pepper } }))
      await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
      for (const value of ['another', null]) {
        const change = storage.commit(groupOf({ meta: { pepper: value } }))
        await expect(change).rejects.toMatchObject({ code: 'conflict' })
      }
      await storage.commit(groupOf({ meta: { pepper } }))
      expect(await storage.readPepper()).toBe(pepper)
    })
  })

  describe(`${engine}: lookups`, () => {
    beforeEach(() => setPepper(storage))

    test('entries are found by hash and by 3PID, in the order asked, with their bytes', async () => {
      const said = { threepid: bob, mxid: '@b:x.org', stamp: 2 }
      await storage.commit(
        sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }, said]),
      )
      const found = await storage.entriesByHash([bobHash, bobHash.toLowerCase(), aliceHash])
      expect(found.map(places)).toEqual([['paris 1'], [], ['paris 0']])
      expect(Buffer.from(found[0]?.[0]?.bytes ?? []).equals(lineOf(said))).toBe(true)
      expect((await storage.entriesByThreepid([bob, alice, bob])).map(places)).toEqual([
        ['paris 1'],
        ['paris 0'],
        ['paris 1'],
      ])
    })

    test('what is no lookup hash is simply unknown', async () => {
      await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
      const bad = [
        '',
        aliceHash.slice(1),
        `${aliceHash}A`,
        `${aliceHash}=`,
        `é${aliceHash.slice(1)}`,
      ]
      const worse = [
        `${aliceHash.slice(0, 42)}d`,
        `${aliceHash.slice(0, 20)}!${aliceHash.slice(21)}`,
        '+'.repeat(43),
      ]
      const asked = [...bad, ...worse]
      expect(await storage.entriesByHash(asked)).toEqual(asked.map(() => []))
    })

    test('an entry that is not indexed is not found', async () => {
      const { logs } = sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }])
      await storage.commit(groupOf({ logs }))
      expect(await storage.entriesByHash([aliceHash])).toEqual([[]])
    })

    test('an entry can be indexed after its line was stored', async () => {
      const { logs, lookups } = sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }])
      await storage.commit(groupOf({ logs }))
      await storage.commit(groupOf({ lookups }))
      await storage.commit(groupOf({ lookups }))
      expect((await storage.entriesByHash([aliceHash])).map(places)).toEqual([['paris 0']])
      expect(await storage.readFigures()).toMatchObject({ lookupEntries: 1 })
    })

    test('of one pair the newest bind and unbind are answered, in history all of them', async () => {
      const pair = { threepid: alice, mxid: '@a:x.org' }
      await storage.commit(
        sayings(paris, 0, [
          { ...pair, stamp: 1 },
          { ...pair, stamp: 2, kind: 'unbind' },
          { ...pair, stamp: 3 },
        ]),
      )
      await storage.commit(sayings(paris, 3, [{ ...pair, stamp: 4, kind: 'unbind' }]))
      expect((await storage.entriesByThreepid([alice])).map(places)).toEqual([
        ['paris 2', 'paris 3'],
      ])
      expect(places(await storage.historyOf(alice))).toEqual([
        'paris 0',
        'paris 1',
        'paris 2',
        'paris 3',
      ])
      expect(await storage.readFigures()).toMatchObject({ lookupEntries: 4 })
    })

    test('an older entry that arrives late is indexed as superseded', async () => {
      const pair = { threepid: alice, mxid: '@a:x.org', via: 'bridge' }
      await storage.commit(sayings(oslo, 0, [{ ...pair, stamp: 9 }]))
      await storage.commit(sayings(paris, 0, [{ ...pair, stamp: 5 }]))
      expect((await storage.entriesByThreepid([alice])).map(places)).toEqual([['oslo 0']])
      expect(places(await storage.historyOf(alice))).toEqual(['oslo 0', 'paris 0'])
    })

    test('another Matrix ID, group or 3PID supersedes nothing', async () => {
      await storage.commit(sayings(paris, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 1 }]))
      await storage.commit(sayings(oslo, 0, [{ threepid: alice, mxid: '@a:x.org', stamp: 2 }]))
      await storage.commit(
        sayings(paris, 1, [
          { threepid: alice, mxid: '@b:x.org', stamp: 3 },
          { threepid: bob, mxid: '@a:x.org', stamp: 4 },
          { threepid: alice, mxid: '@a:x.org', stamp: 5, via: 'bridge' },
        ]),
      )
      expect((await storage.entriesByThreepid([alice])).map(places)).toEqual([
        ['oslo 0', 'paris 0', 'paris 1', 'paris 3'],
      ])
    })
  })

  describe(`${engine}: accounts`, () => {
    const save = (fill: number, mxid: string, createdAtMs: number, perUserMax = 3) =>
      storage.commit(
        groupOf({
          accounts: [{ type: 'save', tokenHash: leaf(fill), mxid, createdAtMs, perUserMax }],
        }),
      )

    test('a token is found by its hash until it is removed', async () => {
      await save(1, '@a:x.org', 1_700_000_000_000)
      expect(await storage.findAccount(leaf(1))).toEqual({
        mxid: '@a:x.org',
        createdAtMs: 1_700_000_000_000,
      })
      expect(await storage.findAccount(leaf(2))).toBeNull()
      await storage.commit(groupOf({ accounts: [{ type: 'remove', tokenHash: leaf(1) }] }))
      expect(await storage.findAccount(leaf(1))).toBeNull()
    })

    test('the oldest tokens of a Matrix ID go, never the one just saved', async () => {
      for (const [i, at] of [10, 20, 30, 40, 5].entries()) await save(i, '@a:x.org', at)
      await save(9, '@b:x.org', 1)
      const kept = await Promise.all([0, 1, 2, 3, 4, 9].map((i) => storage.findAccount(leaf(i))))
      expect(kept.map((account) => account !== null)).toEqual([
        false,
        false,
        true,
        true,
        true,
        true,
      ])
    })
  })

  describe(`${engine}: records`, () => {
    const session = (key: string, more: Partial<StoredRecord> = {}): RecordPut['record'] => ({
      kind: 'session',
      key,
      subject: 'email a@x.org',
      body: '{"a":1}',
      dueMs: null,
      expiresMs: null,
      ...more,
    })
    const put = (record: RecordPut['record'], expected?: number | null): RecordPut =>
      expected === undefined ? { type: 'put', record } : { type: 'put', record, expected }
    const write = (...records: (readonly RecordChange[])[]): Promise<CommitOutcome> =>
      storage.commit(groupOf({ records }))

    test('a record is read back as it was written, by key and by subject', async () => {
      const record = session('s1', { dueMs: 5, expiresMs: 2 ** 50 })
      await write([put(record), put(session('s0')), put(session('s2', { subject: null }))])
      expect(await storage.findRecord('session', 's1')).toMatchObject(record)
      expect(await storage.findRecord('invite', 's1')).toBeNull()
      const found = await storage.recordsOf('session', 'email a@x.org', 10)
      expect(found.map(({ key }) => key)).toEqual(['s0', 's1'])
      expect(await storage.recordsOf('session', 'email a@x.org', 1)).toHaveLength(1)
      expect(await storage.countRecords('session')).toBe(3)
    })

    test('a change made for another revision is left out, and all that came with it', async () => {
      await write([put(session('s1'), null)])
      const { revision = 0 } = (await storage.findRecord('session', 's1')) ?? {}
      const late = write([put(session('s1', { body: '2' }), revision + 1), put(session('s3'))])
      expect(await late).toEqual({ conflicts: [0] })
      expect(await write([put(session('s1'), null)])).toEqual({ conflicts: [0] })
      expect(
        await write([put(session('s4'))], [put(session('s1', { body: '3' }), revision)]),
      ).toEqual({ conflicts: [] })
      expect((await storage.findRecord('session', 's1'))?.body).toBe('3')
      expect(await storage.findRecord('session', 's3')).toBeNull()
      const stale: RecordChange = { type: 'remove', kind: 'session', key: 's1', expected: revision }
      expect(await write([stale], [put(session('s5'))])).toEqual({ conflicts: [0] })
      expect(await storage.findRecord('session', 's5')).not.toBeNull()
    })

    test('of two changes made for one revision in one group the second is left out', async () => {
      await write([put(session('s1'), null)])
      const { revision = 0 } = (await storage.findRecord('session', 's1')) ?? {}
      const twice = await write(
        [put(session('s1', { body: '1' }), revision)],
        [put(session('s1', { body: '2' }), revision)],
      )
      expect(twice).toEqual({ conflicts: [1] })
      expect((await storage.findRecord('session', 's1'))?.body).toBe('1')
    })

    test('a revision is never used again, not even after the record was removed', async () => {
      await write([put(session('s1'), null)])
      const first = await storage.findRecord('session', 's1')
      await write([{ type: 'remove', kind: 'session', key: 's1' }], [put(session('s1'), null)])
      expect((await storage.findRecord('session', 's1'))?.revision).not.toBe(first?.revision)
    })

    test('what is due comes in the order of its time, and what has no time never', async () => {
      for (const [key, dueMs] of [
        ['late', 30],
        ['early', 10],
        ['now', 20],
        ['never', null],
      ] as const) {
        await write([put(session(key, { dueMs }))])
      }
      const due = await storage.dueRecords('session', 20, 10)
      expect(due.map(({ key }) => key)).toEqual(['early', 'now'])
      expect(await storage.dueRecords('session', 100, 1)).toHaveLength(1)
    })

    test('what has expired is dropped, the oldest first, a bounded number at a time', async () => {
      const times = { a: 10, b: 20, c: 30, d: null }
      for (const [key, expiresMs] of Object.entries(times)) {
        await write([put(session(key, { expiresMs }))])
      }
      await write([{ type: 'expire', beforeMs: 30, countMax: 1 }])
      expect(await storage.findRecord('session', 'a')).toBeNull()
      expect(await storage.countRecords('session')).toBe(3)
      expect(await storage.hasExpiredRecords(30)).toBe(true)
      await write([{ type: 'expire', beforeMs: 30, countMax: 10 }])
      expect(await storage.countRecords('session')).toBe(2)
      expect(await storage.hasExpiredRecords(30)).toBe(false)
    })
  })
}

type RecordPut = Extract<RecordChange, { type: 'put' }>

async function textsOf(storage: Storage, from: number): Promise<unknown[]> {
  const read = await storage.readLines({ log: paris, from, countMax: 1000, bytesMax: 1e6 })
  expect(read.map(({ index }) => index)).toEqual(read.map((_, i) => from + i))
  return read.map((found) =>
    'bytes' in found ? Buffer.from(found.bytes).toString() : [...found.blankHash],
  )
}
