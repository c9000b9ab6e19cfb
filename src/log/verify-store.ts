import { parseEntry, type BeginEntry, type Entry } from '../domain/entry.ts'
import { signatureBatchLines } from '../domain/limits.ts'
import type { LogId } from '../domain/log-id.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { StorageAudit, StoredLine, StoredLog } from '../storage/storage.ts'
import { associationKeys, type AssociationKeys } from './association-keys.ts'
import { SignaturePool, type BatchVerdict, type LineBatch } from './signature-pool.ts'
import { IndexCheck, type IndexRules } from './verify-index.ts'
import { Findings, verifyLog, type LogFault, type LogVerdict } from './verify-log.ts'

export type StoreRules = IndexRules & {
  /** Verifier keys of a log's origin; null when it is unknown. */
  readonly keysOf: (origin: string) => readonly string[] | null
}

export type StoreCheck = {
  readonly logs: readonly StoredLog[]
  /** Threads that check every association's signature; null leaves the signatures alone. */
  readonly signatureThreads: number | null
  readonly onProgress: (linesDone: number) => void
}

export type StoreVerdict = {
  readonly logs: readonly LogVerdict[]
  /** Differences between lookup index and lines; empty too when only some logs were looked at (`isIndexChecked`). */
  readonly index: readonly LogFault[]
  readonly isIndexChecked: boolean
  /** Associations looked at, and those of them that came from elsewhere under unknown keys; null when left alone. */
  readonly signatures: { readonly checked: number; readonly foreign: number } | null
}

/** Recomputes all that is stored of the logs wanted: what log verify calls sound (docs/operating.md). */
export async function verifyStore(
  audit: StorageAudit,
  rules: StoreRules,
  { logs, signatureThreads, onProgress }: StoreCheck,
): Promise<StoreVerdict> {
  const index = new IndexCheck(audit, rules)
  const all = await audit.readLogs()
  const signatures =
    signatureThreads === null ? null : await startSignatures(audit, rules, all, signatureThreads)
  let before = 0
  try {
    const verdicts: LogVerdict[] = []
    for (const stored of logs) {
      verdicts.push(
        await verifyLog(audit, stored, {
          keysOf: rules.keysOf,
          onLine: (line, entry) => {
            index.expect(stored.log, line.index, entry)
            signatures?.take(stored.log, line, entry)
          },
          onBatch: async (done) => {
            await signatures?.handOn(stored.log)
            onProgress(before + done)
          },
        }),
      )
      before += stored.size
    }
    await signatures?.end()
    const isIndexChecked = logs.length === all.length
    const walkAgain = (take: (log: LogId, index: number, entry: Entry | null) => void) =>
      readAgain(audit, logs, take)
    const differences = isIndexChecked
      ? await index.compare(walkAgain, () => onProgress(before))
      : []
    return {
      logs: verdicts.map((verdict) => withFaults(verdict, signatures?.faultsOf(verdict.log) ?? [])),
      index: differences,
      isIndexChecked,
      signatures: signatures?.counts ?? null,
    }
  } finally {
    await signatures?.stop()
  }
}

function withFaults(verdict: LogVerdict, more: readonly LogFault[]): LogVerdict {
  return { ...verdict, faults: [...verdict.faults, ...more] }
}

async function readAgain(
  audit: StorageAudit,
  logs: readonly StoredLog[],
  take: (log: LogId, index: number, entry: Entry | null) => void,
): Promise<void> {
  for (const stored of logs) {
    await verifyLog(audit, stored, {
      keysOf: () => null,
      onLine: (line, entry) => take(stored.log, line.index, entry),
      onBatch: async () => {},
    })
  }
}

/** Matrix keys by group, from the first line of every log: a partner's log cannot bring a key for ours. */
async function keysByGroup(
  audit: StorageAudit,
  rules: IndexRules,
  logs: readonly StoredLog[],
): Promise<Map<string, AssociationKeys>> {
  const begins = new Map<string, BeginEntry[]>()
  for (const { log } of logs) {
    const [line] = await audit.readLines({ log, from: 0, countMax: 1, bytesMax: 1 })
    const begin = line === undefined ? null : beginOf(line)
    const group = rules.groupOf(log, null)
    if (begin !== null) begins.set(group, [...(begins.get(group) ?? []), begin])
  }
  return new Map([...begins].map(([group, entries]) => [group, associationKeys(entries)]))
}

function beginOf(line: StoredLine): BeginEntry | null {
  if (!('bytes' in line)) return null
  try {
    const entry = parseEntry(Buffer.from(line.bytes).toString('utf8'), line.bytes.length)
    return entry.kind === 'begin' ? entry : null
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

async function startSignatures(
  audit: StorageAudit,
  rules: IndexRules,
  logs: readonly StoredLog[],
  threads: number,
): Promise<SignatureCheck> {
  return new SignatureCheck(await keysByGroup(audit, rules, logs), rules, threads)
}

/** Gathers bind lines into batches for the pool, and its verdicts into findings. */
class SignatureCheck {
  readonly #rules: IndexRules
  readonly #pool: SignaturePool
  readonly #findings = new Map<LogId, Findings>()
  #lines: { index: number; bytes: Uint8Array }[] = []
  #checked = 0
  #foreign = 0

  constructor(keys: ReadonlyMap<string, AssociationKeys>, rules: IndexRules, threads: number) {
    this.#rules = rules
    this.#pool = new SignaturePool(keys, threads, (log, verdict, lines) => {
      this.#checked += lines
      this.#foreign += verdict.foreign
      this.#note(log, verdict)
    })
  }

  get counts(): { readonly checked: number; readonly foreign: number } {
    return { checked: this.#checked, foreign: this.#foreign }
  }

  take(log: LogId, line: StoredLine, entry: Entry | null): void {
    if (entry?.kind !== 'bind' || !('bytes' in line)) return
    if (!this.#findings.has(log)) this.#findings.set(log, new Findings(log))
    this.#lines.push({ index: line.index, bytes: line.bytes })
  }

  /** Hands on what was gathered of one log: a batch never holds lines of two. */
  async handOn(log: LogId): Promise<void> {
    const lines = this.#lines
    this.#lines = []
    const group = this.#rules.groupOf(log, null)
    for (let at = 0; at < lines.length; at += signatureBatchLines)
      await this.#pool.check(log, batchOf(group, lines.slice(at, at + signatureBatchLines)))
  }

  async end(): Promise<void> {
    await this.#pool.drain()
  }

  stop(): Promise<void> {
    return this.#pool.stop()
  }

  faultsOf(log: LogId): readonly LogFault[] {
    return this.#findings.get(log)?.list ?? []
  }

  #note(log: LogId, { bad, unknown }: BatchVerdict): void {
    const findings = this.#findings.get(log)
    for (const index of bad)
      findings?.add(index, 'the association is not signed by the key it names')
    for (const index of unknown) findings?.add(index, 'no known key signed the association')
  }
}

function batchOf(
  group: string,
  lines: readonly { readonly index: number; readonly bytes: Uint8Array }[],
): Omit<LineBatch, 'batch'> {
  let end = 0
  const ends = lines.map(({ bytes }) => (end += bytes.length))
  const bytes = new Uint8Array(end)
  for (const [i, line] of lines.entries())
    bytes.set(line.bytes, (ends[i] as number) - line.bytes.length)
  return { group, indexes: lines.map(({ index }) => index), ends, bytes }
}
