import { Buffer } from 'node:buffer'
import type { Config } from '../config/config.ts'
import { onbindParallelMax, onbindRefusalsMax, queueTerms } from '../domain/api-limits.ts'
import { subjectOf, type Threepid } from '../domain/threepid.ts'
import type { OnbindErrand } from '../features/invites/deliver-invites.ts'
import type { InviteErrand } from '../features/invites/store-invite.ts'
import type { CodeErrand, FirstTry } from '../features/validation/request-code.ts'
import type { OnbindOutcome } from '../matrix/onbind.ts'
import { DeliveryFault, type Medium, type OutboundMessage } from '../mediums/medium.ts'
import {
  TaskQueue,
  type StoredTask,
  type TaskTerms,
  type TaskVerdict,
} from '../platform/task-queue.ts'
import type { RecordChange } from '../storage/storage.ts'
import type { Outside } from './outside.ts'
import { unhurried } from './records.ts'
import { putTask, taskStore, type TaskKind, type TaskRecords } from './task-store.ts'

type MessageErrand = CodeErrand | InviteErrand

export type Errands = {
  /** Whether the first try was made at once, and how it ended; null when `changes` could not be written. */
  readonly message: (
    errand: MessageErrand,
    changes: readonly RecordChange[],
  ) => Promise<{ readonly firstTry: FirstTry } | null>
  /** False when `changes` could not be written. */
  readonly onbind: (errand: OnbindErrand, changes: readonly RecordChange[]) => Promise<boolean>
  start(): void
  stop(): Promise<void>
}

export type ErrandDeps = {
  readonly records: TaskRecords
  readonly mediums: { readonly email: Medium | null; readonly msisdn: Medium | null }
  /** What an errand says, made when it is sent; null when there is nothing to say any more. */
  readonly messageOf: (errand: MessageErrand, id: string) => Promise<OutboundMessage | null>
  /** Tells the homeserver; null when the association no longer stands. */
  readonly tell: (errand: OnbindErrand) => Promise<OnbindOutcome | null>
  /** `used`: the homeserver was told, or never will be; `open`: there was nothing to tell any more. */
  readonly settle: (errand: OnbindErrand, state: 'used' | 'open') => Promise<void>
}

/** What waits to be sent, a queue for each way out: a dead mail server holds up mail and nothing else. */
export function createErrands(config: Config, outside: Outside, deps: ErrandDeps): Errands {
  const { mediums } = deps
  const messages = (kind: 'mail' | 'sms', medium: Medium | null): Queue<MessageErrand> =>
    openQueue(outside, deps, {
      kind,
      terms: { ...queueTerms[kind], concurrency: medium?.parallelMax ?? 1 },
      run: (task, signal) => sendMessage(deps, { task, medium, signal }),
    })
  const mail = messages('mail', mediums.email)
  const sms = messages('sms', mediums.msisdn)
  const { retryFirstMs, giveUpAfterMs } = config.onbind
  const onbind = openQueue<OnbindErrand>(outside, deps, {
    kind: 'onbind',
    terms: { ...queueTerms.onbind, concurrency: onbindParallelMax, retryFirstMs, giveUpAfterMs },
    run: (task) => sendOnbind(deps, task),
  })
  return {
    message: async (errand, changes) => {
      const { threepid } = errand
      const queue = threepid.medium === 'email' ? mail : sms
      const sent = await queue.submit({ work: errand, threepid, changes })
      return sent === null ? null : { firstTry: firstTryOf(sent.firstTry) }
    },
    onbind: async (errand, changes) => {
      const { medium, address } = errand.association
      const threepid = { medium, address }
      return (await onbind.submit({ work: errand, threepid, changes })) !== null
    },
    start: () => {
      if (mediums.email !== null) mail.tasks.start()
      if (mediums.msisdn !== null) sms.tasks.start()
      onbind.tasks.start()
    },
    stop: async () => {
      await Promise.all([mail.tasks.stop(), sms.tasks.stop(), onbind.tasks.stop()])
      await Promise.all([mediums.email?.close(), mediums.msisdn?.close()])
    },
  }
}

type Queue<Work> = {
  readonly tasks: TaskQueue<Work>
  /** Keeps a task together with `changes`, all or nothing. */
  readonly submit: (given: {
    readonly work: Work
    readonly threepid: Threepid
    readonly changes: readonly RecordChange[]
  }) => ReturnType<TaskQueue<Work>['submit']>
}

function openQueue<Work>(
  { clock, random, events }: Outside,
  { records }: Pick<ErrandDeps, 'records'>,
  given: {
    readonly kind: TaskKind
    readonly terms: TaskTerms
    readonly run: (task: StoredTask<Work>, signal: AbortSignal) => Promise<TaskVerdict>
  },
): Queue<Work> {
  const { kind, terms, run } = given
  const patient = unhurried({ clock }, records)
  // Telling a homeserver is kept in the commit of the bind it is about.
  const submitting = kind === 'onbind' ? records : patient
  const tasks = new TaskQueue<Work>({
    store: taskStore<Work>(patient, kind),
    // A node holds the lock of its data folder.
    isAlone: true,
    terms,
    clock,
    chance: random.fraction,
    run,
    onVerdict: (verdict, { tries }) => events.errandTried({ queue: kind, tries, verdict }),
    onFault: (error) =>
      events.taskFailed({ task: `send-${kind}`, peer: null, willRetry: true, error }),
  })
  return {
    tasks,
    submit: ({ work, threepid, changes }) => {
      const id = Buffer.from(random.bytes(12)).toString('base64url')
      return tasks.submit({ id, subject: subjectOf(threepid), work }, (task) =>
        submitting.changeRecords([...changes, putTask(kind, task, null)]),
      )
    },
  }
}

function firstTryOf(tried: Promise<TaskVerdict> | null): FirstTry {
  if (tried === null) return null
  return tried.then(({ type }) => {
    if (type === 'retry') return 'later'
    return type === 'done' ? 'sent' : 'refused'
  })
}

async function sendMessage(
  { messageOf }: Pick<ErrandDeps, 'messageOf'>,
  given: {
    readonly task: StoredTask<MessageErrand>
    readonly medium: Medium | null
    readonly signal: AbortSignal
  },
): Promise<TaskVerdict> {
  const { task, medium, signal } = given
  if (medium === null) return { type: 'give-up', reason: 'not-configured' }
  const message = await messageOf(task.work, task.id)
  if (message === null) return { type: 'done' }
  try {
    await medium.send(message, signal)
    return { type: 'done' }
  } catch (error) {
    if (!(error instanceof DeliveryFault)) throw error
    const { reason, isPermanent } = error
    return { type: isPermanent ? 'give-up' : 'retry', reason }
  }
}

async function sendOnbind(
  { tell, settle }: Pick<ErrandDeps, 'tell' | 'settle'>,
  { work, tries }: StoredTask<OnbindErrand>,
): Promise<TaskVerdict> {
  const outcome = await tell(work)
  const verdict = onbindVerdict(outcome, tries)
  if (verdict.type !== 'retry') await settle(work, outcome === null ? 'open' : 'used')
  return verdict
}

function onbindVerdict(outcome: OnbindOutcome | null, tries: number): TaskVerdict {
  if (outcome === null || outcome.result === 'done') return { type: 'done' }
  const { reason } = outcome
  switch (outcome.result) {
    case 'permanent':
      return { type: 'give-up', reason }
    case 'refused':
      return { type: tries < onbindRefusalsMax ? 'retry' : 'give-up', reason }
    case 'temporary':
      return outcome.waitMs > 0
        ? { type: 'retry', reason, afterMs: outcome.waitMs }
        : { type: 'retry', reason }
  }
}
