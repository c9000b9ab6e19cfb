import type { BindOperation, UnbindOperation } from '../domain/entry-line.ts'
import type { MatrixKey } from '../domain/entry.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Peer } from '../domain/peer.ts'
import type { RefusalCode } from '../domain/refusal.ts'
import type { PeerRefusal } from '../mesh/state.ts'
import type { StorageFaultCode } from '../storage/storage.ts'
import type { Input, Outward } from './driver.ts'

/** What passes between the main thread and the writer; plain data that survives a structured clone. */

export type WriterOptions = {
  readonly storage: {
    readonly engine: 'sqlite'
    readonly file: string
    readonly filter?: SharedArrayBuffer
  }
  readonly self: {
    readonly name: string
    readonly serverName: string
    readonly meshSeed: Uint8Array
    readonly matrixKeys: readonly MatrixKey[]
  }
  readonly peers: readonly Peer[]
  readonly skewMaxMs: number
  /** Pepper to answer for; another than the store's starts a recomputation. Null keeps the store's. */
  readonly pepper: string | null
  /** Where every event and its effects are recorded for replay; holds personal data. */
  readonly recordFile: string | null
}

export type ToWriter =
  /** The first of all; nothing else is listened to before. */
  | { readonly type: 'start'; readonly options: WriterOptions }
  | { readonly type: 'run' }
  | { readonly type: 'input'; readonly input: Input }
  | { readonly type: 'inputs'; readonly inputs: readonly Input[] }
  | { readonly type: 'status'; readonly request: number }
  | { readonly type: 'refold'; readonly request: number; readonly scope: 'all' | LogId }
  | { readonly type: 'stop' }

export type FromWriter =
  | { readonly type: 'started'; readonly status: WriterStatus }
  | { readonly type: 'outward'; readonly outward: Outward }
  | { readonly type: 'outwards'; readonly outwards: readonly Outward[] }
  | { readonly type: 'status'; readonly request: number; readonly status: WriterStatus }
  | { readonly type: 'refolded'; readonly request: number; readonly lines: number }
  | { readonly type: 'pepper'; readonly pepper: string }
  | {
      readonly type: 'failed'
      readonly message: string
      readonly stack: string
      readonly code: StorageFaultCode | null
    }
  | { readonly type: 'stopped' }

export type LogStatus = {
  readonly log: LogId
  readonly origin: string
  readonly audience: string
  readonly size: number
  readonly rootBase64: string
  readonly checkpoint: string
  readonly checkpointSize: number
  readonly lastStampMs: number
  readonly isCurrent: boolean
  readonly closedAt: number | null
  readonly haltedAt: number | null
  readonly blankAt: number | null
  readonly serverName: string | null
  readonly matrixKeys: readonly MatrixKey[]
  /** What each replica has promised to hold: node → size. */
  readonly cosigned: Readonly<Record<string, { size: number; timeS: number }>>
}

export type PeerStatus = {
  readonly name: string
  readonly role: 'sibling' | 'partner'
  readonly url: string | null
  readonly isReachable: boolean | null
  readonly lastHeardMs: number | null
  readonly clockDifferenceMs: number | null
  /** Entries we hold that it has not said it holds, over all logs it may read; and the other way round. */
  readonly entriesItLacks: number
  readonly entriesWeLack: number
  readonly pulling: LogId | null
  readonly failures: number
  readonly nextTryInMs: number
  readonly lastFailure: { readonly reason: string; readonly atMs: number } | null
  readonly refusals: readonly PeerRefusal[]
  readonly mismatches: readonly string[]
}

export type WriterStatus = {
  readonly node: string
  readonly isReady: boolean
  readonly waitingFor: readonly string[]
  readonly storageProblem: { readonly code: RefusalCode; readonly sinceMs: number } | null
  readonly clockAheadMs: number
  readonly refold: { readonly linesDone: number; readonly linesTotal: number } | null
  readonly logs: readonly LogStatus[]
  readonly peers: readonly PeerStatus[]
}

export type AppendOperation = BindOperation | UnbindOperation
