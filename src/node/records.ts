import {
  expireCountMax,
  expireIntervalMs,
  invitesCheckIntervalMs,
  unhurriedMs,
} from '../domain/api-limits.ts'
import { deliverOwed, type DeliverDeps } from '../features/invites/deliver-invites.ts'
import { startEvery } from '../platform/clock.ts'
import type { RecordChange, Storage } from '../storage/storage.ts'
import type { Core } from './core.ts'
import type { Outside } from './outside.ts'

/** Records as features see them: read here, changed by the writer. */
export type Records = Pick<
  Storage,
  'findRecord' | 'recordsOf' | 'dueRecords' | 'hasExpiredRecords'
> & {
  /** All of the changes, durable when it resolves; or false and none, when a record is not as one of them expects. */
  changeRecords(changes: readonly RecordChange[]): Promise<boolean>
}

export function recordsOf({ storage, writer }: Pick<Core, 'storage' | 'writer'>): Records {
  return {
    findRecord: (kind, key) => storage.findRecord(kind, key),
    recordsOf: (kind, subject, countMax) => storage.recordsOf(kind, subject, countMax),
    dueRecords: (kind, byMs, countMax) => storage.dueRecords(kind, byMs, countMax),
    hasExpiredRecords: (beforeMs) => storage.hasExpiredRecords(beforeMs),
    changeRecords: (changes) => writer.side({ accounts: [], meta: {}, records: changes }),
  }
}

/**
 * Changes nobody is in a hurry for, a request for a mail say, wait a moment for others and share their commit: one by
 * one they would cost a lookup server more in commits than in work.
 */
export function unhurried<R extends Pick<Records, 'changeRecords'>>(
  { clock }: Pick<Outside, 'clock'>,
  records: R,
): R {
  const waiting: (() => void)[] = []
  const release = (): void => {
    for (const write of waiting.splice(0)) write()
  }
  return {
    ...records,
    changeRecords: (changes) =>
      new Promise((resolve, reject) => {
        waiting.push(() => void records.changeRecords(changes).then(resolve, reject))
        if (waiting.length === 1) clock.setTimer(unhurriedMs, release)
      }),
  }
}

/** Drops what has expired and hands over invitations that are owed; answers how to stop. */
export function startUpkeep(
  { clock, events }: Outside,
  records: Records,
  delivery: DeliverDeps,
): () => void {
  const expire = async (): Promise<void> => {
    const beforeMs = clock.wallMs()
    if (!(await records.hasExpiredRecords(beforeMs))) return
    await records.changeRecords([{ type: 'expire', beforeMs, countMax: expireCountMax }])
  }
  const stops = [
    every(expireIntervalMs, events, { task: 'expire-records', run: expire }),
    every(invitesCheckIntervalMs, events, {
      task: 'deliver-invites',
      run: () => deliverOwed(delivery),
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** One run at a time, however long it takes. */
function every(
  intervalMs: number,
  events: Outside['events'],
  { task, run }: { readonly task: string; readonly run: () => Promise<void> },
): () => void {
  let isRunning = false
  return startEvery(intervalMs, () => {
    if (isRunning) return
    isRunning = true
    run()
      .catch((error: unknown) => events.taskFailed({ task, peer: null, willRetry: true, error }))
      .finally(() => {
        isRunning = false
      })
  })
}
