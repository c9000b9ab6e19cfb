/**
 * Owns: the storage port, the few coarse operations everything else may ask of a store.
 * Relies on: domain types.
 * Never: hands out a transaction, knows HTTP or the mesh, or holds state another process over the same store needs.
 */
import type { LogId } from '../domain/log-id.ts'
import type { Threepid } from '../domain/threepid.ts'

/** A line as stored: its exact bytes, or its leaf hash alone (a blank, DESIGN 2.5). */
export type StoredLine =
  | { readonly index: number; readonly bytes: Uint8Array }
  | { readonly index: number; readonly blankHash: Uint8Array }

/** An entry that names a 3PID, with its place. */
export type StoredEntry = {
  readonly log: LogId
  readonly index: number
  readonly bytes: Uint8Array
}

/** What stands of one log. `note` is the newest checkpoint with the origin's signature (C2SP signed note). */
export type StoredLog = {
  readonly log: LogId
  /** Node name of the only writer. */
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  readonly note: string
  /** Stamp of the last line, 0 for an empty log (milliseconds × 1024 + counter). */
  readonly lastStamp: number
  /** Index of the first unknown critical entry: from here on lines are stored but not applied. */
  readonly haltedAt: number | null
  /** Index of the first unexplained blank: not served or cosigned past it. */
  readonly blankAt: number | null
  /** Size at which a `close` line ended it, null while open. */
  readonly closedAt: number | null
}

/** Root of the complete subtree over leaves [n × 2^level, (n + 1) × 2^level); only levels ≥ 8 are stored. */
export type Subtree = { readonly level: number; readonly n: number; readonly hash: Uint8Array }

/** An entry to be found by the hash of the 3PID it names. Only applied entries are indexed. */
export type LookupAddition = {
  readonly threepid: Threepid
  readonly log: LogId
  readonly index: number
}

export type LogCommit = {
  readonly head: StoredLog
  /** The size this group was made for: the commit is refused with `conflict` when the store holds another. */
  readonly expectedSize: number
  /** Lines expectedSize, expectedSize + 1, …: exact bytes, or a leaf hash for a blank. */
  readonly lines: readonly (Uint8Array | { readonly blankHash: Uint8Array })[]
  /** Lines that fill earlier blanks. */
  readonly fills: readonly { readonly index: number; readonly bytes: Uint8Array }[]
  readonly subtrees: readonly Subtree[]
}

export type AccountChange =
  | {
      readonly type: 'save'
      /** SHA-256 of the access token; the token itself is never stored. */
      readonly tokenHash: Uint8Array
      readonly mxid: string
      readonly createdAtMs: number
      /** Tokens of one Matrix ID kept at most; the oldest go. */
      readonly perUserMax: number
    }
  | { readonly type: 'remove'; readonly tokenHash: Uint8Array }

/** Short-lived things beside the logs; `mail`, `sms` and `onbind` are what waits to be sent. */
export type RecordKind =
  'session' | 'invite' | 'ephemeral-key' | 'terms' | 'mail' | 'sms' | 'onbind'

/** Something kept beside the logs until it expires. */
export type StoredRecord = {
  readonly kind: RecordKind
  /** Names it within its kind. */
  readonly key: string
  /** What it is about, to find all of it: `medium address` of a 3PID, or a Matrix ID. */
  readonly subject: string | null
  /** JSON; its shape is its owner's. */
  readonly body: string
  /** When something is to be done about it, milliseconds since the epoch. */
  readonly dueMs: number | null
  /** When it may be dropped, milliseconds since the epoch; null keeps it. */
  readonly expiresMs: number | null
  /** Another with every change, and never used twice. */
  readonly revision: number
}

/**
 * `expected`: the revision it must stand at, null when it must not exist; absent for whatever stands. `expire` drops
 * at most `countMax` records whose time is before `beforeMs`.
 */
export type RecordChange =
  | {
      readonly type: 'put'
      readonly record: Omit<StoredRecord, 'revision'>
      readonly expected?: number | null
    }
  | {
      readonly type: 'remove'
      readonly kind: RecordKind
      readonly key: string
      readonly expected?: number
    }
  | { readonly type: 'expire'; readonly beforeMs: number; readonly countMax: number }

/** One durable transaction. All of it stands afterwards, or nothing of it. */
export type CommitGroup = {
  readonly logs: readonly LogCommit[]
  readonly lookups: readonly LookupAddition[]
  readonly accounts: readonly AccountChange[]
  /** Named values; null removes. */
  readonly meta: Readonly<Record<string, string | null>>
  /** Each list stands as a whole or, when a record is not as expected, not at all; the rest of the group does not mind. */
  readonly records?: readonly (readonly RecordChange[])[]
  /** It may be lost with the power, as a whole, until a group that is not bulk is durable. */
  readonly isBulk?: boolean
}

/** `conflicts`: places in `records` that were left out. */
export type CommitOutcome = { readonly conflicts: readonly number[] }

export type Account = { readonly mxid: string; readonly createdAtMs: number }

/** What a recomputation covers. `all` is made beside the old index and swapped in at the end (also for a new pepper). */
export type RefoldScope =
  | { readonly type: 'all'; readonly pepper: string }
  | { readonly type: 'log'; readonly log: LogId }
  | { readonly type: 'threepid'; readonly threepid: Threepid }

/** Decides whether the entry of a log at an index counts (accept rules, halted logs). Pure and quick. */
export type AppliesRule = (log: LogId, index: number, threepid: Threepid) => boolean

/** A recomputation under way; `step` does one bounded batch in one transaction and says whether it is finished. */
export interface Refold {
  step(): Promise<{
    readonly done: boolean
    readonly linesDone: number
    readonly linesTotal: number
  }>
}

export type StorageFaultCode =
  'conflict' | 'full' | 'read-only' | 'corrupt' | 'schema-newer' | 'busy' | 'other'

export class StorageFault extends Error {
  readonly code: StorageFaultCode

  constructor(code: StorageFaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StorageFault'
    this.code = code
  }
}

/**
 * Guarantees every engine gives (test/contracts/storage.ts):
 * - `commit` is atomic and, with all before it, durable when it resolves (SQLite: synchronous=FULL; NORMAL for what is
 *   bulk), visible to every reader that asks after;
 * - a failed commit leaves no trace and the store goes on working once the cause is gone;
 * - readers never wait for a writer;
 * - deleted content leaves no bytes behind (secure_delete).
 * Callers must not infer an order between two commits that were not awaited.
 */
export interface Storage {
  readLogs(): Promise<readonly StoredLog[]>
  /** Consecutive lines from `from`, at most `countMax` and about `bytesMax` bytes, at least one if there is one. */
  readLines(range: {
    readonly log: LogId
    readonly from: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly StoredLine[]>
  /** Index of the first blank at or after `from`, null when there is none. */
  firstBlank(log: LogId, from: number): Promise<number | null>
  /** Complete subtrees of level ≥ 8; a missing one is a fault. Answers in the order asked. */
  readSubtrees(
    log: LogId,
    wanted: readonly { readonly level: number; readonly n: number }[],
  ): Promise<readonly Uint8Array[]>
  /**
   * For each lookup hash (SHA-256 of "address medium pepper", unpadded URL-safe base64, as a client sends it): the
   * entries, not superseded, that may name that 3PID. Callers compare in full: a bucket may hold other 3PIDs too.
   */
  entriesByHash(hashes: readonly string[]): Promise<readonly (readonly StoredEntry[])[]>
  /** The same by 3PID, in the order asked. */
  entriesByThreepid(threepids: readonly Threepid[]): Promise<readonly (readonly StoredEntry[])[]>
  /** Every entry indexed for a 3PID, superseded ones too, in no order: for erasure and `3pid lookup --history`. */
  historyOf(threepid: Threepid): Promise<readonly StoredEntry[]>
  /** The pepper the lookup index is built for; null before `init`. */
  readPepper(): Promise<string | null>
  findAccount(tokenHash: Uint8Array): Promise<Account | null>
  readMeta(name: string): Promise<string | null>
  findRecord(kind: RecordKind, key: string): Promise<StoredRecord | null>
  /** Records about a subject, in the order of their keys. */
  recordsOf(kind: RecordKind, subject: string, countMax: number): Promise<readonly StoredRecord[]>
  /** Records due at or before a time, the longest due first. */
  dueRecords(kind: RecordKind, byMs: number, countMax: number): Promise<readonly StoredRecord[]>
  countRecords(kind: RecordKind): Promise<number>
  /** Whether there is a record to `expire` now. */
  hasExpiredRecords(beforeMs: number): Promise<boolean>
  commit(group: CommitGroup): Promise<CommitOutcome>
  startRefold(scope: RefoldScope, applies: AppliesRule): Promise<Refold>
  /**
   * One bounded piece of upkeep (tens of milliseconds): call it again in idle moments until `done`, and now and then
   * afterwards. Nothing depends on it but speed and disk space.
   */
  tend(): Promise<{ readonly done: boolean }>
  /** Figures for metrics and status: entries in the lookup index (not superseded ones too), bytes of the store. */
  readFigures(): Promise<{ readonly lookupEntries: number; readonly bytes: number }>
  close(): Promise<void>
}

/** A row of the lookup index. `bucket` stands for the lookup hash: rows of one 3PID share it. */
export type IndexRow = {
  readonly bucket: number
  readonly isSuperseded: boolean
  readonly log: LogId
  readonly index: number
}

/**
 * One picture of the store for an audit, taken when it was opened and unchanged until it is closed, beside whoever
 * writes: what was committed since is not in it. An engine may keep old content on disk meanwhile, so none is held long.
 */
export interface StorageAudit extends Pick<Storage, 'readLogs' | 'readLines' | 'readMeta'> {
  /** Complete subtrees of level ≥ 8 in the order asked; null where one is missing. */
  findSubtrees(
    log: LogId,
    wanted: readonly { readonly level: number; readonly n: number }[],
  ): Promise<readonly (Uint8Array | null)[]>
  /** Where the lookup index keeps a 3PID; null while it has no pepper. Quick: asked for every line. */
  bucketOf(threepid: Threepid): number | null
  /** The whole lookup index, in batches; rows of one bucket follow each other, also across batches. */
  indexRows(): AsyncIterable<readonly IndexRow[]>
  close(): Promise<void>
}
