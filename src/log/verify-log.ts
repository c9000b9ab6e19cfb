import { parseNote, parseVerifierKey, verifyCheckpoint } from '../domain/checkpoint.ts'
import { parseEntry, threepidOf, type Entry } from '../domain/entry.ts'
import { segmentBytesMax } from '../domain/limits.ts'
import { emptyFrontier, TreeBuilder } from '../domain/merkle-tree.ts'
import type { Storage, StoredLog } from '../storage/storage.ts'
import { leafOf } from './boot.ts'

/** The first thing found wrong with a log, in words; `index` where one line is to blame. */
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

export type VerifyOptions = {
  /** Verifier keys of a log's origin; null when it is unknown, which is a finding of its own. */
  readonly keysOf: (origin: string) => readonly string[] | null
  /** Whether an entry should be in the lookup index. */
  readonly isIndexed: (log: string, index: number, entry: Entry) => boolean
  readonly onProgress?: (linesDone: number) => void
}

/** Stops collecting after this many findings per log: the first names the cause. */
const faultsMax = 20

/** Recomputes a log from its stored lines: leaves, tree, checkpoint, stamps, first line, lookup index. */
export async function verifyLog(
  storage: Pick<Storage, 'readLines' | 'historyOf'>,
  stored: StoredLog,
  options: VerifyOptions,
): Promise<LogVerdict> {
  const walk = new LogWalk(stored, options)
  let from = 0
  while (from < stored.size) {
    const lines = await storage.readLines({
      log: stored.log,
      from,
      countMax: 500,
      bytesMax: segmentBytesMax,
    })
    if (lines.length === 0) {
      walk.fault(from, 'the line is missing')
      break
    }
    for (const line of lines) {
      const entry = walk.take(line)
      const threepid = entry === null ? null : threepidOf(entry)
      if (entry === null || threepid === null || !options.isIndexed(stored.log, line.index, entry))
        continue
      const history = await storage.historyOf(threepid)
      if (!history.some(({ log, index }) => log === stored.log && index === line.index)) {
        walk.fault(line.index, 'the entry is missing from the lookup index')
      }
    }
    from += lines.length
    options.onProgress?.(from)
  }
  return walk.end()
}

class LogWalk {
  readonly #stored: StoredLog
  readonly #options: VerifyOptions
  readonly #builder = new TreeBuilder(emptyFrontier)
  readonly #faults: LogFault[] = []
  readonly #checkpointSize: number
  #rootAtCheckpoint: Uint8Array | null = null
  #lastStamp = 0
  #blanks = 0

  constructor(stored: StoredLog, options: VerifyOptions) {
    this.#stored = stored
    this.#options = options
    this.#checkpointSize = parseNote(stored.note)?.checkpoint.size ?? 0
  }

  fault(index: number | null, problem: string): void {
    if (this.#faults.length < faultsMax)
      this.#faults.push({ log: this.#stored.log, index, problem })
  }

  /** Takes the next line; answers its entry, null for a blank or one that cannot be read. */
  take(line: Parameters<typeof leafOf>[0]): Entry | null {
    const index = this.#builder.size
    if (line.index !== index) this.fault(index, `line ${line.index} stands in its place`)
    this.#builder.add(leafOf(line))
    if (this.#builder.size === this.#checkpointSize) this.#rootAtCheckpoint = this.#builder.root()
    if (!('bytes' in line)) {
      this.#blanks++
      return null
    }
    try {
      const entry = parseEntry(Buffer.from(line.bytes).toString('utf8'), line.bytes.length)
      if (entry.stamp <= this.#lastStamp) this.fault(index, 'its stamp does not rise')
      this.#lastStamp = entry.stamp
      if ((index === 0) !== (entry.kind === 'begin'))
        this.fault(index, 'a begin line must be the first, and only it')
      return entry
    } catch (error) {
      this.fault(index, error instanceof Error ? error.message : String(error))
      return null
    }
  }

  end(): LogVerdict {
    const { log, root, size, note } = this.#stored
    if (!Buffer.from(this.#builder.root()).equals(root))
      this.fault(null, 'the lines do not make the stored root')
    if (note !== '') this.#checkNote(note)
    return {
      log,
      size,
      blanks: this.#blanks,
      checkpointSize: this.#checkpointSize,
      faults: this.#faults,
    }
  }

  #checkNote(note: string): void {
    const keys = this.#options.keysOf(this.#stored.origin)
    if (keys === null) return this.fault(null, `no key of ${this.#stored.origin} is known`)
    const verified = keys
      .map((key) => parseVerifierKey(key))
      .map((key) => (key === null ? null : verifyCheckpoint(note, key.publicKey)))
      .find((checkpoint) => checkpoint !== null)
    if (verified === undefined || verified === null)
      return this.fault(null, 'the checkpoint is not signed by its origin')
    const root = this.#rootAtCheckpoint
    if (root === null || !Buffer.from(root).equals(verified.root)) {
      this.fault(null, `the lines do not make the root signed at ${verified.size}`)
    }
  }
}
