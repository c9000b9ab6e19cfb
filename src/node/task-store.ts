import type { StoredTask, TaskStore } from '../platform/task-queue.ts'
import type { RecordChange, RecordKind, Storage } from '../storage/storage.ts'

export type TaskKind = Extract<RecordKind, 'mail' | 'sms' | 'onbind'>

export type TaskRecords = Pick<Storage, 'dueRecords'> & {
  /** All of the changes, durable when it resolves; or false and none, when a record is not as one of them expects. */
  changeRecords(changes: readonly RecordChange[]): Promise<boolean>
}

/** Tasks of a queue, kept as records of one kind. */
export function taskStore<Work>(records: TaskRecords, kind: TaskKind): TaskStore<Work> {
  return {
    due: async (byMs, countMax) => {
      const found = await records.dueRecords(kind, byMs, countMax)
      return found.map(({ key, subject, body, dueMs, revision }) => ({
        task: { ...(JSON.parse(body) as Kept<Work>), id: key, subject, dueMs: dueMs ?? byMs },
        revision,
      }))
    },
    put: (task, revision) => records.changeRecords([putTask(kind, task, revision)]),
    remove: async (id) => {
      await records.changeRecords([{ type: 'remove', kind, key: id }])
    },
  }
}

type Kept<Work> = Pick<StoredTask<Work>, 'work' | 'tries' | 'firstMs' | 'isUnderWay'>

/** `expected`: the revision it stands at, null for a new task, absent for whatever stands. */
export function putTask<Work>(
  kind: TaskKind,
  { id, subject, work, tries, firstMs, dueMs, isUnderWay }: StoredTask<Work>,
  expected?: number | null,
): RecordChange {
  const body = JSON.stringify({ work, tries, firstMs, isUnderWay } satisfies Kept<Work>)
  const record = { kind, key: id, subject, body, dueMs: Math.round(dueMs), expiresMs: null }
  return expected === undefined ? { type: 'put', record } : { type: 'put', record, expected }
}
