import type { LogId } from '../domain/log-id.ts'
import type { RefusalCode } from '../domain/refusal.ts'

/** Things an operator should hear of; the executor turns them into log lines, counters and alarms. */
export type Notice =
  | { readonly type: 'life-begun'; readonly log: LogId; readonly reason: string }
  | { readonly type: 'log-closed'; readonly log: LogId; readonly size: number }
  | {
      readonly type: 'chunk-refused'
      readonly peer: string
      readonly log: LogId | null
      readonly code: RefusalCode
      readonly message: string
    }
  | { readonly type: 'peer-reachable'; readonly peer: string }
  | { readonly type: 'peer-unreachable'; readonly peer: string; readonly reason: string }
  | {
      readonly type: 'push-refused'
      readonly peer: string
      readonly log: LogId
      readonly code: string
      readonly message: string
    }
  | {
      readonly type: 'upgrade-needed'
      readonly log: LogId
      readonly index: number
      readonly kind: string
    }
  | {
      readonly type: 'blank-unexplained'
      readonly log: LogId
      readonly index: number
      readonly peer: string
    }
  | {
      readonly type: 'heads-differ'
      readonly log: LogId
      readonly size: number
      readonly peer: string
    }
  | { readonly type: 'key-conflict'; readonly node: string; readonly keyId: string }
  | { readonly type: 'keys-changed' }
  | { readonly type: 'storage-failed'; readonly code: RefusalCode }
  | { readonly type: 'storage-recovered' }
  | { readonly type: 'clock-jumped'; readonly driftMs: number }
  | { readonly type: 'ready' }
  | { readonly type: 'not-ready'; readonly reason: string }
