import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatVerifierKey, signCheckpoint, verifierKey } from '../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { beginLine } from '../../src/domain/entry-line.ts'
import { threepidOf } from '../../src/domain/entry.ts'
import { emptyFrontier, hashLeaf, TreeBuilder } from '../../src/domain/merkle-tree.ts'
import { verifyIndependently } from '../../src/log/verify-independent.ts'
import { verifyStore, type StoreVerdict } from '../../src/log/verify-store.ts'
import { Database } from '../../src/platform/sqlite-binding.ts'
import { openAudit, openStorage } from '../../src/storage/index.ts'
import type { LookupAddition, Storage, Subtree } from '../../src/storage/storage.ts'
import { headOf, lineOf, paris, pepper } from './storage-fixture.ts'

/** A store with one signed log, and what log verify makes of it once something in it was changed by hand. */

const seed = new Uint8Array(32).fill(6)
const publicKey = publicKeyFromSeed(seed)
const origin = 'paris.id.example.org'
const vkey = formatVerifierKey(verifierKey(origin, 0x01, publicKey))
const lineCount = 300
const wavering = 'wavering@example.com'

let folder: string
let file: string
let storage: Storage

function textOf(index: number): Uint8Array {
  const begin = {
    node: origin,
    serverName: 'id.example.org',
    audience: 'site',
    meshKey: vkey,
    matrixKeys: [],
    recoveryKey: null,
    prev: null,
  }
  if (index === 0) return Buffer.from(beginLine(begin, 1))
  // The last two lines are about one address: the later replaces the earlier.
  const address = index >= lineCount - 2 ? wavering : `person${index}@example.com`
  const threepid = { medium: 'email', address } as const
  return lineOf({ threepid, mxid: '@one:example.org', stamp: index + 1 })
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-verify-'))
  file = join(folder, 'mycelid.db')
  storage = await openStorage({ engine: 'sqlite', file, access: 'write' })
  const subtrees: Subtree[] = []
  const tree = new TreeBuilder(emptyFrontier, (level, n, hash) => subtrees.push({ level, n, hash }))
  const lines = Array.from({ length: lineCount }, (_, index) => textOf(index))
  const lookups: LookupAddition[] = []
  for (const [index, line] of lines.entries()) {
    tree.add(hashLeaf(line))
    const { a } = JSON.parse(Buffer.from(line).toString()) as { a?: { address: string } }
    if (a !== undefined)
      lookups.push({ threepid: { medium: 'email', address: a.address }, log: paris, index })
  }
  const root = tree.root()
  const note = signCheckpoint({ log: paris, size: lineCount, root }, seed, publicKey)
  const head = headOf(paris, lineCount, { root, note, lastStamp: lineCount })
  const logs = [{ head, expectedSize: 0, lines, fills: [], subtrees }]
  await storage.commit({ logs, lookups, accounts: [], meta: { pepper } })
})
afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true })
})

async function verified(): Promise<StoreVerdict & { second: readonly string[] }> {
  const audit = await openAudit({ engine: 'sqlite', file })
  try {
    const logs = await audit.readLogs()
    const rules = {
      keysOf: () => [vkey],
      groupOf: () => 'own',
      isIndexed: (_log: string, _index: number, entry: Parameters<typeof threepidOf>[0]) =>
        threepidOf(entry) !== null,
    }
    const verdict = await verifyStore(audit, rules, {
      logs,
      signatureThreads: null,
      onProgress: () => {},
    })
    const [stored] = logs
    if (stored === undefined) throw new Error('no log')
    const how = { verifierKeys: [vkey], areSignaturesChecked: false, onProgress: () => {} }
    const second = await verifyIndependently(audit, stored, how)
    return {
      ...verdict,
      second: second.map(({ index, problem }) => `${index ?? 'log'}: ${problem}`),
    }
  } finally {
    await audit.close()
  }
}

/** What is found wrong, log and index together. */
async function problems(): Promise<string[]> {
  const { logs, index } = await verified()
  return [...logs.flatMap(({ faults }) => faults), ...index].map(
    (fault) => `${fault.index ?? 'log'}: ${fault.problem}`,
  )
}

function tamper(sql: string, ...parameters: unknown[]): void {
  const db = new Database(file)
  expect(db.prepare(sql).run(...parameters).changes).toBeGreaterThan(0)
  db.close()
}

const lineIdOf = (index: number): number => 2 ** 32 + index

describe('log verify', () => {
  test('finds nothing wrong with what was written', async () => {
    expect(await problems()).toEqual([])
    expect((await verified()).second).toEqual([])
  })

  test('finds a line that was changed, with both its trees', async () => {
    const changed = Buffer.from(Buffer.from(textOf(77)).toString().replace('@one:', '@two:'))
    tamper('UPDATE line SET bytes = ? WHERE id = ?', changed, lineIdOf(77))
    const found = await problems()
    expect(found).toContain(
      '0: the stored subtree of 256 lines from here is not what the lines make',
    )
    expect(found).toContain('log: the lines do not make the stored root')
    expect(found).toContain(`log: the lines do not make the root signed at ${lineCount}`)
    expect((await verified()).second).toEqual([
      'log: the lines do not make the stored root',
      `log: the lines do not make the root signed at ${lineCount}`,
    ])
  })

  test('finds a line that is gone', async () => {
    tamper('DELETE FROM line WHERE id = ?', lineIdOf(299))
    expect(await problems()).toContain('299: the line is missing')
    expect((await verified()).second).toContain('299: the line is missing')
  })

  test('finds a stored subtree that is missing: proofs are made of it', async () => {
    tamper('DELETE FROM subtree WHERE level = 8')
    expect(await problems()).toEqual(['0: the stored subtree of 256 lines from here is missing'])
  })

  test('finds a checkpoint that its origin did not sign', async () => {
    const root = Buffer.alloc(32, 1)
    const other = new Uint8Array(32).fill(7)
    const note = signCheckpoint({ log: paris, size: 1, root }, other, publicKeyFromSeed(other))
    tamper('UPDATE log SET note = ?', note)
    expect(await problems()).toEqual(['log: the checkpoint is not signed by its origin'])
    expect((await verified()).second).toContain('log: the checkpoint is not signed by its origin')
  })

  test('finds a signed head that the lines do not make', async () => {
    const root = Buffer.alloc(32, 1)
    tamper(
      'UPDATE log SET note = ?',
      signCheckpoint({ log: paris, size: 9, root }, seed, publicKey),
    )
    expect(await problems()).toEqual(['log: the lines do not make the root signed at 9'])
    expect((await verified()).second).toEqual(['log: the lines do not make the root signed at 9'])
  })

  test('finds an entry that lookups would miss', async () => {
    tamper('DELETE FROM lookup WHERE line = ?', lineIdOf(42))
    expect(await problems()).toEqual(['42: the entry is missing from the lookup index'])
  })

  test('finds a row of the lookup index that no line asks for', async () => {
    tamper('INSERT INTO lookup (bucket, superseded, line) VALUES (7, 0, ?)', lineIdOf(42))
    expect(await problems()).toEqual(['42: stands in the lookup index, and should not stand there'])
  })

  test('finds a row under the lookup hash of somebody else', async () => {
    tamper('UPDATE lookup SET bucket = 7 WHERE line = ?', lineIdOf(42))
    expect(await problems()).toEqual([
      '42: stands in the lookup index, and should not stand there',
      '42: the entry is missing from the lookup index',
    ])
  })

  test('finds an entry that is passed over although nothing newer replaces it', async () => {
    tamper('UPDATE lookup SET superseded = 1 WHERE line = ?', lineIdOf(299))
    expect(await problems()).toEqual([
      '299: lookups pass over this entry, and nothing newer replaces it',
    ])
    tamper('UPDATE lookup SET superseded = 1 WHERE line = ?', lineIdOf(5))
    expect(await problems()).toHaveLength(2)
  })

  test.each([
    ['blank_at', 12, '12: the head calls this line blank, and it is not'],
    ['last_stamp', 12, '299: its stamp is not the last one of the head'],
    [
      'halted_at',
      12,
      'log: the first entry that needs a newer version is not the one the head names (12)',
    ],
  ])('finds a head whose %s is not what the lines say', async (column, value, problem) => {
    tamper(`UPDATE log SET ${column} = ?`, value)
    expect(await problems()).toEqual([problem])
  })
})

describe('the picture an audit has of the store', () => {
  test('is not touched by what is committed meanwhile, which nothing holds up', async () => {
    const audit = await openAudit({ engine: 'sqlite', file })
    const line = textOf(1)
    const head = headOf(paris, lineCount + 1, { lastStamp: lineCount + 1 })
    const logs = [{ head, expectedSize: lineCount, lines: [line], fills: [], subtrees: [] }]
    await storage.commit({ logs, lookups: [], accounts: [], meta: { told: 'late' } })
    expect((await audit.readLogs())[0]?.size).toBe(lineCount)
    const range = { log: paris, from: lineCount, countMax: 1, bytesMax: 1 }
    expect(await audit.readLines(range)).toEqual([])
    expect(await audit.readMeta('told')).toBeNull()
    await audit.close()
    expect((await storage.readLogs())[0]?.size).toBe(lineCount + 1)
  })

  test('has the rows of one 3PID together, in whatever order they came', async () => {
    const audit = await openAudit({ engine: 'sqlite', file })
    const buckets: number[] = []
    for await (const rows of audit.indexRows()) buckets.push(...rows.map(({ bucket }) => bucket))
    await audit.close()
    expect(buckets).toHaveLength(lineCount - 1)
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b))
    expect(new Set(buckets).size).toBe(lineCount - 2)
  })
})
