import type { Config } from '../config/config.ts'
import { onbindParallelMax, onbindRefusalsMax, queueTerms } from '../domain/limits.ts'
import { toBase64 } from '../domain/base64.ts'
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
import { putTask, taskStore, type TaskKind, type TaskRecords } from './task-store.ts'

type MessageErrand = CodeErrand | InviteErrand

export type Errands = {
  /** Whether the first try was made at once, and how it ended; null when `changes` could not be written. */
  message(
    errand: MessageErrand,
    changes: readonly RecordChange[],
  ): Promise<{ readonly firstTry: FirstTry } | null>
  /** False when `changes` could not be written. */
  onbind(errand: OnbindErrand, changes: readonly RecordChange[]): Promise<boolean>
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
  const { records, mediums } = deps
  const queueOf = <Work>(
    kind: TaskKind,
    terms: TaskTerms,
    run: (task: StoredTask<Work>, signal: AbortSignal) => Promise<TaskVerdict>,
  ): TaskQueue<Work> =>
    new TaskQueue({
      store: taskStore<Work>(records, kind),
      terms,
      clock: outside.clock,
      chance: outside.random.fraction,
      run,
      onVerdict: (verdict, { tries }) =>
        outside.events.errandTried({ queue: kind, tries, verdict }),
      onFault: (error) =>
        outside.events.taskFailed({ task: `send-${kind}`, peer: null, willRetry: true, error }),
    })
  const messages = (kind: 'mail' | 'sms', medium: Medium | null): TaskQueue<MessageErrand> =>
    queueOf(kind, { ...queueTerms[kind], concurrency: medium?.parallelMax ?? 1 }, (task, signal) =>
      sendMessage(deps, { task, medium, signal }),
    )
  const mail = messages('mail', mediums.email)
  const sms = messages('sms', mediums.msisdn)
  const { retryFirstMs, giveUpAfterMs } = config.onbind
  const onbindTerms = {
    ...queueTerms.onbind,
    concurrency: onbindParallelMax,
    retryFirstMs,
    giveUpAfterMs,
  }
  const onbind = queueOf<OnbindErrand>('onbind', onbindTerms, (task) => sendOnbind(deps, task))
  const submit = async <Work>(
    queue: TaskQueue<Work>,
    kind: TaskKind,
    given: {
      readonly work: Work
      readonly threepid: Threepid
      readonly changes: readonly RecordChange[]
    },
  ): Promise<{ readonly firstTry: Promise<TaskVerdict> | null } | null> => {
    const id = toBase64(outside.random.bytes(12)).replaceAll('+', '-').replaceAll('/', '_')
    const task = { id, subject: subjectOf(given.threepid), work: given.work }
    return queue.submit(task, (stored) =>
      records.changeRecords([...given.changes, putTask(kind, stored, null)]),
    )
  }
  return {
    message: async (errand, changes) => {
      const [queue, kind] =
        errand.threepid.medium === 'email' ? ([mail, 'mail'] as const) : ([sms, 'sms'] as const)
      const { threepid } = errand
      const sent = await submit(queue, kind, { work: errand, threepid, changes })
      return sent === null ? null : { firstTry: firstTryOf(sent.firstTry) }
    },
    onbind: async (errand, changes) => {
      const { medium, address } = errand.association
      const threepid = { medium, address }
      return (await submit(onbind, 'onbind', { work: errand, threepid, changes })) !== null
    },
    start: () => {
      if (mediums.email !== null) mail.start()
      if (mediums.msisdn !== null) sms.start()
      onbind.start()
    },
    stop: async () => {
      await Promise.all([mail.stop(), sms.stop(), onbind.stop()])
      await Promise.all([mediums.email?.close(), mediums.msisdn?.close()])
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
