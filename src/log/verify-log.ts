import { parseNote, parseVerifierKey, verifyCheckpoint } from '../domain/checkpoint.ts'
import { parseEntry, type Entry } from '../domain/entry.ts'
import { auditFindingsMax, segmentBytesMax } from '../domain/limits.ts'
import { emptyFrontier, TreeBuilder } from '../domain/merkle-tree.ts'
import type { StorageAudit, StoredLine, StoredLog, Subtree } from '../storage/storage.ts'
import { leafOf } from './boot.ts'

/** The first things found wrong with a log, in words; `index` where one line is to blame. */
export type LogFault = {
  readonly log: string
  readonly index: number | null
  readonly problem: string
}

export type LogVerdict = {
  readonly log: string
  readonly size: number
  readonly blanks: number
  readonly checkpointSize: number
  readonly faults: readonly LogFault[]
}

/** What is heard of a line beside its place: the entry, null for a blank or one that cannot be read. */
export type LineListener = (line: StoredLine, entry: Entry | null) => void

export type VerifyOptions = {
  /** Verifier keys of a log's origin; null when it is unknown, which is a finding of its own. */
  readonly keysOf: (origin: string) => readonly string[] | null
  readonly onLine: LineListener
  /** Called after every batch of lines; the walk waits for it. */
  readonly onBatch: (linesDone: number) => Promise<void>
}

/** Findings about a log, no more than are worth reading. */
export class Findings {
  readonly #log: string
  readonly #faults: LogFault[] = []

  constructor(log: string) {
    this.#log = log
  }

  add(index: number | null, problem: string): void {
    if (this.#faults.length < auditFindingsMax)
      this.#faults.push({ log: this.#log, index, problem })
  }

  get list(): readonly LogFault[] {
    return this.#faults
  }
}

/** Recomputes a log from its stored lines: leaves, tree and stored subtrees, checkpoint, stamps, first line, blanks. */
export async function verifyLog(
  audit: Pick<StorageAudit, 'readLines' | 'findSubtrees'>,
  stored: StoredLog,
  options: VerifyOptions,
): Promise<LogVerdict> {
  const walk = new LogWalk(stored, options)
  let from = 0
  while (from < stored.size) {
    const lines = await audit.readLines({
      log: stored.log,
      from,
      countMax: 512,
      bytesMax: segmentBytesMax,
    })
    if (lines.length === 0) {
      walk.findings.add(from, 'the line is missing')
      break
    }
    for (const line of lines) walk.take(line)
    from += lines.length
    await walk.compareSubtrees(audit)
    await options.onBatch(from)
  }
  return walk.end()
}

class LogWalk {
  readonly findings: Findings
  readonly #stored: StoredLog
  readonly #options: VerifyOptions
  readonly #builder: TreeBuilder
  readonly #checkpointSize: number
  #subtrees: Subtree[] = []
  #rootAtCheckpoint: Uint8Array | null = null
  #lastStamp = 0
  #blanks = 0
  #firstBlank: number | null = null
  #firstCritical: number | null = null

  constructor(stored: StoredLog, options: VerifyOptions) {
    this.findings = new Findings(stored.log)
    this.#stored = stored
    this.#options = options
    this.#checkpointSize = parseNote(stored.note)?.checkpoint.size ?? 0
    this.#builder = new TreeBuilder(emptyFrontier, (level, n, hash) =>
      this.#subtrees.push({ level, n, hash }),
    )
  }

  take(line: StoredLine): void {
    const index = this.#builder.size
    if (line.index !== index) this.findings.add(index, `line ${line.index} stands in its place`)
    this.#builder.add(leafOf(line))
    if (this.#builder.size === this.#checkpointSize) this.#rootAtCheckpoint = this.#builder.root()
    this.#options.onLine(line, this.#entryOf(line, index))
  }

  #entryOf(line: StoredLine, index: number): Entry | null {
    if (!('bytes' in line)) {
      this.#blanks++
      this.#firstBlank ??= index
      if (index === 0) this.findings.add(index, 'the first line is blank')
      return null
    }
    try {
      const { buffer, byteOffset, length } = line.bytes
      const text = Buffer.from(buffer, byteOffset, length).toString('utf8')
      const entry = parseEntry(text, length)
      this.#checkOrder(index, entry)
      return entry
    } catch (error) {
      this.findings.add(index, error instanceof Error ? error.message : String(error))
      return null
    }
  }

  #checkOrder(index: number, entry: Entry): void {
    if (entry.stamp <= this.#lastStamp) this.findings.add(index, 'its stamp does not rise')
    this.#lastStamp = entry.stamp
    if ((index === 0) !== (entry.kind === 'begin'))
      this.findings.add(index, 'a begin line must be the first, and only it')
    if (entry.kind === 'unknown' && entry.isCritical) this.#firstCritical ??= index
  }

  /** What proofs are made of must be what the lines make. */
  async compareSubtrees(audit: Pick<StorageAudit, 'findSubtrees'>): Promise<void> {
    const made = this.#subtrees
    if (made.length === 0) return
    this.#subtrees = []
    const found = await audit.findSubtrees(this.#stored.log, made)
    for (const [i, { level, n, hash }] of made.entries()) {
      const held = found[i] ?? null
      if (held !== null && Buffer.compare(held, hash) === 0) continue
      const first = n * 2 ** level
      const how = held === null ? 'is missing' : 'is not what the lines make'
      this.findings.add(first, `the stored subtree of ${2 ** level} lines from here ${how}`)
    }
  }

  end(): LogVerdict {
    const { log, root, size, note } = this.#stored
    if (Buffer.compare(this.#builder.root(), root) !== 0)
      this.findings.add(null, 'the lines do not make the stored root')
    if (note !== '') this.#checkNote(note)
    this.#checkHead()
    const faults = this.findings.list
    return { log, size, blanks: this.#blanks, checkpointSize: this.#checkpointSize, faults }
  }

  #checkHead(): void {
    const { blankAt, haltedAt, lastStamp, size } = this.#stored
    // A blank that nothing explains is never before the first blank, nor a line whose bytes are here.
    if (blankAt !== null && (this.#firstBlank === null || blankAt < this.#firstBlank))
      this.findings.add(blankAt, 'the head calls this line blank, and it is not')
    if (haltedAt !== this.#firstCritical)
      this.findings.add(
        this.#firstCritical,
        `the first entry that needs a newer version is not the one the head names (${haltedAt})`,
      )
    if (this.#blanks === 0 && size > 0 && lastStamp !== this.#lastStamp)
      this.findings.add(size - 1, 'its stamp is not the last one of the head')
  }

  #checkNote(note: string): void {
    const keys = this.#options.keysOf(this.#stored.origin)
    if (keys === null) return this.findings.add(null, `no key of ${this.#stored.origin} is known`)
    const verified = keys
      .map((key) => parseVerifierKey(key))
      .map((key) => (key === null ? null : verifyCheckpoint(note, key.publicKey)))
      .find((checkpoint) => checkpoint !== null)
    if (verified === undefined || verified === null)
      return this.findings.add(null, 'the checkpoint is not signed by its origin')
    if (verified.log !== this.#stored.log)
      this.findings.add(null, `the checkpoint is one of ${verified.log}`)
    const root = this.#rootAtCheckpoint
    if (verified.size > 0 && (root === null || Buffer.compare(root, verified.root) !== 0))
      this.findings.add(null, `the lines do not make the root signed at ${verified.size}`)
  }
}
