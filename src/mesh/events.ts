import type { ChunkHeader, Segment } from '../domain/chunk.ts'
import type { BindOperation, UnbindOperation } from '../domain/entry-line.ts'
import type { LogId } from '../domain/log-id.ts'
import type { Hash } from '../domain/merkle-tree.ts'
import type { Peer } from '../domain/peer.ts'
import type { RefusalCode } from '../domain/refusal.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { Threepid } from '../domain/threepid.ts'
import type { Notice } from './notice.ts'

/** Both clocks of the machine this runs on, in milliseconds. */
export type Now = { readonly wallMs: number; readonly monoMs: number }

/** An operation with what the store knew of its pair when it was handed over. */
export type KnownOperation = (BindOperation | UnbindOperation) & {
  readonly known: {
    /** Whether a bind of the pair, not withdrawn, is present. */
    readonly isBound: boolean
    /** Greatest stamp an unbind of the pair covers, 0 when there is none. */
    readonly coveredTo: Stamp
  }
}

/** Values beside the logs that share the durable transaction. Opaque to the machine. */
export type SideChange = {
  readonly accounts: readonly unknown[]
  readonly meta: Readonly<Record<string, string | null>>
  /** Changes of records that stand together or not at all; a record changed meanwhile keeps them out. */
  readonly records?: readonly unknown[]
}

export type HeadsOffer = {
  readonly log: LogId
  readonly have: number
  readonly checkpoint: string | null
}

/** What a peer answered to heads, shape checked. Times in milliseconds. */
export type HeardHeads = {
  readonly nowMs: number
  readonly logs: readonly HeadsOffer[]
  readonly closed: { readonly count: number; readonly digest: string }
  readonly mismatches: readonly string[]
}

export type PushOutcome =
  | { readonly type: 'taken'; readonly have: number; readonly cosignatures: readonly string[] }
  | {
      readonly type: 'refused'
      readonly code: string
      readonly message: string
      readonly have: number | null
    }
  | { readonly type: 'failed'; readonly reason: string }

export type MeshEvent = { readonly now: Now } & (
  | { readonly type: 'started'; readonly isAway: boolean }
  | { readonly type: 'tick' }
  | { readonly type: 'stopping' }
  | { readonly type: 'life-drawn'; readonly life: string }
  | { readonly type: 'peers-changed'; readonly peers: readonly Peer[] }
  // our own lines
  | {
      readonly type: 'append'
      readonly request: number
      readonly operations: readonly KnownOperation[]
    }
  | { readonly type: 'side'; readonly request: number; readonly change: SideChange }
  // a chunk of anybody's, pushed to us, pulled by us, or read from a file
  | {
      readonly type: 'chunk-opened'
      readonly exchange: number
      readonly peer: string
      readonly via: 'push' | 'pull'
      readonly header: ChunkHeader
    }
  | {
      /** Refused before its header could be read: it names no log, but whoever sent it is known. */
      readonly type: 'chunk-unreadable'
      readonly exchange: number
      readonly peer: string
      readonly failure: { readonly code: RefusalCode; readonly message: string }
    }
  | { readonly type: 'checkpoint-verified'; readonly exchange: number; readonly isValid: boolean }
  | { readonly type: 'segment'; readonly exchange: number; readonly segment: Segment }
  | {
      readonly type: 'leaves-loaded'
      readonly exchange: number
      readonly leaves: readonly KnownLeaf[]
    }
  | {
      readonly type: 'chunk-ended'
      readonly exchange: number
      readonly failure: { readonly code: RefusalCode; readonly message: string } | null
    }
  // the store
  | { readonly type: 'commit-due' }
  | {
      readonly type: 'committed'
      readonly commit: number
      readonly notes: Readonly<Record<LogId, string>>
      /** Places in `side` whose records were not as expected. */
      readonly conflicts: readonly number[]
    }
  | { readonly type: 'commit-failed'; readonly commit: number; readonly code: RefusalCode }
  // peers
  | {
      readonly type: 'heads-asked'
      readonly request: number
      readonly peer: string
      readonly full: boolean
    }
  | {
      readonly type: 'entries-asked'
      readonly request: number
      readonly peer: string
      readonly log: LogId
      readonly from: number
    }
  | { readonly type: 'heads-heard'; readonly peer: string; readonly heads: HeardHeads }
  | { readonly type: 'heads-failed'; readonly peer: string; readonly reason: string }
  | {
      readonly type: 'push-ended'
      readonly peer: string
      readonly log: LogId
      readonly outcome: PushOutcome
    }
  | {
      readonly type: 'pull-ended'
      readonly peer: string
      readonly log: LogId
      readonly failure: string | null
    }
  | { readonly type: 'serving'; readonly peer: string; readonly log: LogId; readonly isOn: boolean }
  | { readonly type: 'blank-found'; readonly log: LogId; readonly index: number | null }
  | {
      readonly type: 'cosignature-verified'
      readonly log: LogId
      readonly node: string
      readonly size: number
      readonly timeS: number | null
      readonly line: string
    }
)

/** A leaf already stored: its hash, and whether the line behind it is missing. */
export type KnownLeaf = { readonly hash: Hash; readonly isBlank: boolean }

export type LookupChange = {
  readonly threepid: Threepid
  readonly log: LogId
  readonly index: number
}

export type LogWrite = {
  readonly log: LogId
  readonly origin: string
  readonly expectedSize: number
  readonly size: number
  readonly root: Hash
  /** Note reached, null when the executor must sign this head with the mesh key (a log of ours). */
  readonly note: string | null
  readonly lastStamp: Stamp
  readonly haltedAt: number | null
  readonly blankAt: number | null
  readonly closedAt: number | null
  readonly lines: readonly (Uint8Array | { readonly blankHash: Hash })[]
  readonly fills: readonly { readonly index: number; readonly bytes: Uint8Array }[]
  readonly subtrees: readonly { readonly level: number; readonly n: number; readonly hash: Hash }[]
}

export type AppendedEntry = { readonly log: LogId; readonly index: number; readonly stamp: Stamp }

export type Refused = {
  readonly code: RefusalCode
  readonly message: string
  readonly log: LogId | null
  readonly have: number | null
}

/** A head to be cosigned with our mesh key and the present time. */
export type HeadToCosign = { readonly log: LogId; readonly size: number; readonly root: Hash }

export type Effect =
  | { readonly type: 'draw-life' }
  | {
      readonly type: 'verify-checkpoint'
      readonly exchange: number
      readonly note: string
      readonly keys: readonly string[]
    }
  | {
      readonly type: 'load-leaves'
      readonly exchange: number
      readonly log: LogId
      readonly from: number
      readonly to: number
    }
  | { readonly type: 'want-commit' }
  | {
      readonly type: 'commit'
      readonly commit: number
      readonly logs: readonly LogWrite[]
      readonly lookups: readonly LookupChange[]
      readonly side: readonly SideChange[]
      /** Lines of others alone, for which nobody is answered: they may be synced with the next group that is not. */
      readonly isBulk: boolean
    }
  | {
      readonly type: 'appended'
      readonly request: number
      readonly entries: readonly AppendedEntry[]
    }
  /** `isApplied` is false when a record was not as the change expected it: nothing of its records was written. */
  | { readonly type: 'side-done'; readonly request: number; readonly isApplied: boolean }
  | {
      readonly type: 'refused'
      readonly request: number
      readonly code: RefusalCode
      readonly message: string
    }
  | { readonly type: 'segment-taken'; readonly exchange: number }
  | {
      readonly type: 'exchange-ended'
      readonly exchange: number
      readonly have: number
      readonly cosign: HeadToCosign | null
    }
  | { readonly type: 'exchange-refused'; readonly exchange: number; readonly refused: Refused }
  | {
      readonly type: 'heads'
      readonly request: number
      readonly logs: readonly {
        readonly log: LogId
        readonly have: number
        readonly note: string
        readonly cosigned: readonly string[]
        readonly cosign: HeadToCosign | null
      }[]
      readonly closed: {
        readonly count: number
        readonly logs: readonly HeadToCosign[]
        readonly full: boolean
      }
    }
  | {
      readonly type: 'served'
      readonly request: number
      readonly to: number
      readonly note: string
    }
  | { readonly type: 'find-blank'; readonly log: LogId; readonly from: number }
  | { readonly type: 'ask-heads'; readonly peer: string; readonly full: boolean }
  | {
      readonly type: 'push'
      readonly peer: string
      readonly log: LogId
      readonly from: number
      readonly to: number
      readonly note: string
    }
  | { readonly type: 'pull'; readonly peer: string; readonly log: LogId; readonly from: number }
  | {
      readonly type: 'verify-cosignature'
      readonly log: LogId
      readonly node: string
      readonly keys: readonly string[]
      readonly head: HeadToCosign
      readonly line: string
    }
  | { readonly type: 'notice'; readonly notice: Notice }
