import type { Worker } from 'node:worker_threads'
import type { Registry } from 'prom-client'
import type { Events } from '../events.ts'
import type { WriterStatus } from '../log/writer-messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { NameResolver } from '../platform/name-resolver.ts'
import type { Random } from '../platform/random.ts'

/** Everything beyond the process; tests replace these and nothing else. */
export type Outside = {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly events: Events
  /** Where the counters of events and the gauges of status stand. */
  readonly registry: Registry
  readonly resolver?: NameResolver
  /** The writer's thread, where it was begun ahead. */
  readonly writerThread?: Worker
}

/** What must be undone, newest first, when a later stage of the start fails. */
export type Undo = (() => Promise<void> | void)[]

export type NodeStatus = WriterStatus & {
  readonly certificateExpiriesMs: Readonly<Record<string, number>>
  readonly lookupEntries: number
  readonly storeBytes: number
}
