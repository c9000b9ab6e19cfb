import type { LogId } from '../domain/log-id.ts'
import type { SideChange } from '../mesh/events.ts'
import type { AppendedEntry } from '../mesh/events.ts'
import type { Input, Outward } from './driver.ts'
import type { AppendOperation, WriterStatus } from './writer-messages.ts'

/** The writer as the rest of the node sees it, whatever thread it runs in. */
export interface Writer {
  /** Everybody who listens to calls does so by now: the machine may begin. Call it once, before anything else. */
  run(): void
  /** Durable here when it resolves. Refused with RefusalError when this node cannot write. */
  append(operations: readonly AppendOperation[]): Promise<readonly AppendedEntry[]>
  /** Values beside the logs, durable when it resolves; false when a record was not as the change expected it. */
  side(change: SideChange): Promise<boolean>
  send(input: Input): void
  /** Sends an input that carries a request number of its own; resolves with what comes back under it. */
  ask(make: (request: number) => Input): Promise<Outward>
  status(): Promise<WriterStatus>
  refold(scope: 'all' | LogId): Promise<{ readonly lines: number }>
  onOutward(listen: (outward: Outward) => void): void
  /** Called when the index answers another pepper. */
  onPepper(listen: (pepper: string) => void): void
  /** Called when the writer has met a broken invariant and stopped for good. */
  onFailed(listen: (message: string) => void): void
  /** Commits what waits, closes the store, ends the thread. */
  stop(): Promise<void>
}
