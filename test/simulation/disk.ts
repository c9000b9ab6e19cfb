import { hashLeaf, TreeBuilder, rootOf, type Hash } from '../../src/domain/merkle-tree.ts'
import { parseEntry, type Entry } from '../../src/domain/entry.ts'
import { parseNote } from '../../src/domain/checkpoint.ts'
import type { LogId } from '../../src/domain/log-id.ts'
import type { RefusalCode } from '../../src/domain/refusal.ts'
import { readFact, type Fact } from './oracle.ts'
import { newLog } from '../../src/mesh/group.ts'
import type { Effect, KnownLeaf, LogWrite } from '../../src/mesh/events.ts'
import type { LogState } from '../../src/mesh/state.ts'

export type DiskLine = Uint8Array | { readonly blankHash: Hash }

type Head = Omit<LogWrite, 'lines' | 'fills' | 'subtrees' | 'expectedSize' | 'note'> & {
  readonly note: string
}

export type DiskLog = {
  head: Head
  readonly lines: DiskLine[]
  readonly leaves: Hash[]
  /** Lines under a signed head that was reached: what this node can hand on. Lines beyond came of a broken chunk. */
  reached: number
}

export type IndexedEntry = {
  readonly log: LogId
  readonly index: number
  readonly entry: Entry
  readonly fact: Fact
  /** Number of the transaction that brought it. */
  readonly transaction: number
}

/** One durable transaction, its heads signed. */
export type Transaction = {
  readonly logs: readonly (LogWrite & { readonly note: string })[]
  readonly lookups: Extract<Effect, { type: 'commit' }>['lookups']
  readonly side: Extract<Effect, { type: 'commit' }>['side']
}

/**
 * The store as its port promises it: a transaction stands whole or not at all, and what stands survives a crash. Every
 * transaction is kept, so that any earlier state can be restored: a rolled-back disk, or a clone's copy.
 */
export class Disk {
  readonly transactions: Transaction[] = []
  readonly logs = new Map<LogId, DiskLog>()
  readonly #index = new Map<string, IndexedEntry[]>()
  readonly meta = new Map<string, string>()
  /** Why writes fail now, null when they do not. */
  problem: Extract<RefusalCode, 'storage-full' | 'storage-read-only'> | null = null

  /** The disk as it was after its first `count` transactions. */
  copy(count = this.transactions.length): Disk {
    const copy = new Disk()
    for (const transaction of this.transactions.slice(0, count)) copy.commit(transaction)
    return copy
  }

  /** Throws on a head that has moved: two writers on one store, which the store would refuse. */
  commit(transaction: Transaction): void {
    for (const write of transaction.logs) {
      const size = this.logs.get(write.log)?.lines.length ?? 0
      if (size !== write.expectedSize) {
        throw new Error(
          `conflict: ${write.log} holds ${size} lines, the commit expects ${write.expectedSize}`,
        )
      }
    }
    this.transactions.push(transaction)
    for (const write of transaction.logs) this.#write(write)
    for (const lookup of transaction.lookups) {
      const { medium, address } = lookup.threepid
      const line = this.logs.get(lookup.log)?.lines[lookup.index]
      if (!(line instanceof Uint8Array))
        throw new Error(`${lookup.log} lacks indexed line ${lookup.index}`)
      const known = this.about(medium, address)
      const isNew = !known.some(({ log, index }) => log === lookup.log && index === lookup.index)
      if (!isNew) continue
      const { log, index } = lookup
      const { entry, fact } = readOnce(textOf(line), log, index)
      known.push({ log, index, entry, fact, transaction: this.transactions.length })
    }
    for (const { meta } of transaction.side) {
      for (const [name, value] of Object.entries(meta)) {
        if (value === null) this.meta.delete(name)
        else this.meta.set(name, value)
      }
    }
  }

  #write({
    lines,
    fills,
    subtrees: _,
    expectedSize: __,
    ...head
  }: Transaction['logs'][number]): void {
    let log = this.logs.get(head.log)
    if (log === undefined) {
      log = { head, lines: [], leaves: [], reached: 0 }
      this.logs.set(head.log, log)
    }
    if (log.head.note !== head.note || log.reached === 0) {
      log.reached = parseNote(head.note)?.checkpoint.size ?? 0
    }
    log.head = head
    for (const line of lines) {
      // The bytes are copied: a machine that kept and changed them must not change the disk.
      const stored = line instanceof Uint8Array ? new Uint8Array(line) : line
      log.lines.push(stored)
      log.leaves.push(leafOf(stored))
    }
    for (const { index, bytes } of fills) {
      if (log.lines[index] instanceof Uint8Array)
        throw new Error(`${head.log}: line ${index} is not blank`)
      log.lines[index] = new Uint8Array(bytes)
    }
  }

  /** Entries indexed for a 3PID, in the order they came. */
  about(medium: string, address: string): IndexedEntry[] {
    const key = `${medium} ${address}`
    let entries = this.#index.get(key)
    if (entries === undefined) {
      entries = []
      this.#index.set(key, entries)
    }
    return entries
  }

  /** What a pair's lookup is answered from: of each kind the newest, as the others are superseded. */
  newestAbout(pair: {
    readonly medium: string
    readonly address: string
    readonly mxid: string
  }): IndexedEntry[] {
    const newest: IndexedEntry[] = []
    for (const kind of ['bind', 'unbind']) {
      let last: IndexedEntry | null = null
      for (const entry of this.about(pair.medium, pair.address)) {
        if (entry.fact.kind !== kind || entry.fact.mxid !== pair.mxid) continue
        if (last === null || entry.fact.mark > last.fact.mark) last = entry
      }
      if (last !== null) newest.push(last)
    }
    return newest
  }

  knownLeaves(log: LogId, from: number, to: number): KnownLeaf[] {
    const stored = this.logs.get(log)
    if (stored === undefined) return []
    return stored.leaves.slice(from, to).map((hash, i) => ({
      hash,
      isBlank: !(stored.lines[from + i] instanceof Uint8Array),
    }))
  }

  firstBlank(log: LogId, from: number): number | null {
    const lines = this.logs.get(log)?.lines ?? []
    for (let i = from; i < lines.length; i++) if (!(lines[i] instanceof Uint8Array)) return i
    return null
  }

  /** What a start reads, as log/boot.ts does. Throws when the stored root is not that of the stored lines. */
  bootLogs(): LogState[] {
    return [...this.logs.values()].map(({ head, lines, leaves }) => {
      const builder = new TreeBuilder({ size: 0, hashes: [] })
      for (const leaf of leaves) builder.add(leaf)
      const frontier = builder.frontier()
      if (!Buffer.from(rootOf(frontier)).equals(head.root) || head.size !== lines.length) {
        throw new Error(`${head.log}: the stored lines do not make the stored root`)
      }
      return {
        ...newLog(head.log),
        size: head.size,
        root: head.root,
        frontier,
        note: head.note,
        noteSize: parseNote(head.note)?.checkpoint.size ?? 0,
        lastStamp: head.lastStamp,
        haltedAt: head.haltedAt,
        blankAt: head.blankAt,
        closedAt: head.closedAt,
        begin: beginOf(lines[0]),
      }
    })
  }
}

/** Lines read already: every node of a run, and every copy of its disk, indexes the same ones. */
const read = new Map<string, { readonly entry: Entry; readonly fact: Fact }>()
const readMax = 5_000

function readOnce(
  text: string,
  log: LogId,
  index: number,
): { readonly entry: Entry; readonly fact: Fact } {
  const key = `${log} ${index} ${text}`
  const before = read.get(key)
  if (before !== undefined) return before
  const fact = readFact(text, log, index)
  if (fact === null)
    throw new Error(`${log} has line ${index} indexed, which says nothing about an address`)
  const both = { entry: parseEntry(text, Buffer.byteLength(text)), fact }
  if (read.size >= readMax) read.clear()
  read.set(key, both)
  return both
}

function beginOf(line: DiskLine | undefined): LogState['begin'] {
  if (!(line instanceof Uint8Array)) return null
  const entry = parseEntry(textOf(line), line.length)
  if (entry.kind !== 'begin') return null
  return { serverName: entry.serverName, matrixKeys: entry.matrixKeys }
}

export function leafOf(line: DiskLine): Hash {
  return line instanceof Uint8Array ? hashLeaf(line) : line.blankHash
}

export function textOf(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8')
}
