import PQueue from 'p-queue'
import type { Clock, Timer } from './clock.ts'

/** What waits to be done, as it is kept. */
export type StoredTask<Work> = {
  readonly id: string
  /** What it is about, to find all of it. */
  readonly subject: string | null
  readonly work: Work
  /** Tries so far, one under way among them. */
  readonly tries: number
  readonly firstMs: number
  /** When it is to be tried; while it is being tried, when another may take it up. */
  readonly dueMs: number
  readonly isUnderWay: boolean
}

/** Where tasks are kept, so that they outlive the process. */
export interface TaskStore<Work> {
  /** Tasks due at a time, the longest due first. */
  due(
    byMs: number,
    countMax: number,
  ): Promise<readonly { readonly task: StoredTask<Work>; readonly revision: number }[]>
  /** Durable when it resolves; false, and nothing written, when the task is not at this revision any more. */
  put(task: StoredTask<Work>, revision?: number): Promise<boolean>
  remove(id: string): Promise<void>
}

/** `retry`: later; `give-up`: trying again is pointless. */
export type TaskVerdict =
  | { readonly type: 'done' }
  | { readonly type: 'retry'; readonly reason: string; readonly afterMs?: number }
  | { readonly type: 'give-up'; readonly reason: string }

export type TaskTerms = {
  /** Tasks under way at once. */
  readonly concurrency: number
  /** A try takes no longer: then it is cut short, and after twice that time another process may take it up. */
  readonly tryMaxMs: number
  readonly retryFirstMs: number
  readonly retryMaxMs: number
  readonly giveUpAfterMs: number
}

export type TaskQueueDeps<Work> = {
  readonly store: TaskStore<Work>
  /** Whether no other process works on the store: what is under way when it starts, a crash has cut off. */
  readonly isAlone: boolean
  readonly terms: TaskTerms
  readonly clock: Pick<Clock, 'wallMs' | 'setTimer'>
  /** From 0 up to 1. */
  readonly chance: () => number
  readonly run: (task: StoredTask<Work>, signal: AbortSignal) => Promise<TaskVerdict>
  readonly onVerdict: (verdict: TaskVerdict, task: StoredTask<Work>) => void
  /** The store could not be read or written, or a try threw; the queue goes on. */
  readonly onFault: (error: unknown) => void
}

const pollMs = 1_000
/** Far more than are ever under way at once; with a longer queue before them, they wait for their time. */
const takenBackMax = 1_000

/**
 * A queue that survives a restart: each task is stored before anybody is told of it, and leaves the store when it is
 * done or given up. A task is tried at least once, and twice when we crash between the deed and its removal. While a
 * task is being tried it is stored as due only later, so that of several processes over one store one tries it.
 */
export class TaskQueue<Work> {
  readonly #deps: TaskQueueDeps<Work>
  readonly #queue: PQueue
  readonly #cut = new AbortController()
  /** Tasks this process has under way. */
  readonly #ownIds = new Set<string>()
  #reserved = 0
  #timer: Timer | null = null
  #isPolling = false
  /** Whether more may be due than there was room for. */
  #mayHaveMore = true

  constructor(deps: TaskQueueDeps<Work>) {
    this.#deps = deps
    this.#queue = new PQueue({ concurrency: deps.terms.concurrency })
  }

  /** Takes up what an earlier process has left. */
  start(): void {
    if (this.#deps.isAlone) void this.#takeBack().then(() => this.#poll())
    else void this.#poll()
  }

  /**
   * Makes a task; `commit` stores it, together with whatever must stand or fall with it, and says whether it did.
   * Answers null when it did not; else what became of the first try, where there was room for one at once.
   */
  async submit(
    given: Pick<StoredTask<Work>, 'id' | 'subject' | 'work'>,
    commit: (task: StoredTask<Work>) => Promise<boolean>,
  ): Promise<{ readonly firstTry: Promise<TaskVerdict> | null } | null> {
    const { clock } = this.#deps
    const nowMs = clock.wallMs()
    const isImmediate = this.#freeCount() > 0
    const task: StoredTask<Work> = isImmediate
      ? { ...given, tries: 1, firstMs: nowMs, dueMs: nowMs + this.#leaseMs(), isUnderWay: true }
      : { ...given, tries: 0, firstMs: nowMs, dueMs: nowMs, isUnderWay: false }
    if (isImmediate) {
      this.#reserved++
      this.#ownIds.add(task.id)
    } else this.#mayHaveMore = true
    let isStored = false
    try {
      isStored = await commit(task)
    } finally {
      if (isImmediate) this.#reserved--
      if (!isStored) this.#ownIds.delete(task.id)
    }
    if (!isStored) return null
    return { firstTry: isImmediate ? this.#enqueue(task) : null }
  }

  /** Cuts what is under way short; it is tried again by whoever starts next. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#cut.abort()
    await this.#queue.onIdle()
  }

  #freeCount(): number {
    const { size, pending } = this.#queue
    if (this.#cut.signal.aborted) return 0
    return this.#deps.terms.concurrency - size - pending - this.#reserved
  }

  #leaseMs(): number {
    return this.#deps.terms.tryMaxMs * 2
  }

  /** What the process before this one had under way when it was killed waits for nobody. */
  async #takeBack(): Promise<void> {
    const { store, clock, onFault } = this.#deps
    const nowMs = clock.wallMs()
    try {
      for (const { task, revision } of await store.due(nowMs + this.#leaseMs(), takenBackMax)) {
        if (!task.isUnderWay || task.dueMs <= nowMs || this.#ownIds.has(task.id)) continue
        await store.put({ ...task, dueMs: nowMs, isUnderWay: false }, revision)
      }
    } catch (error) {
      onFault(error)
    }
  }

  async #poll(): Promise<void> {
    if (this.#isPolling || this.#cut.signal.aborted) return
    this.#isPolling = true
    try {
      await this.#takeUp()
    } catch (error) {
      this.#deps.onFault(error)
    } finally {
      this.#isPolling = false
      this.#timer?.cancel()
      if (!this.#cut.signal.aborted) {
        this.#timer = this.#deps.clock.setTimer(pollMs, () => void this.#poll())
      }
    }
  }

  async #takeUp(): Promise<void> {
    const { store, clock } = this.#deps
    const countMax = this.#freeCount()
    if (countMax <= 0) return
    const nowMs = clock.wallMs()
    // Before the store is asked: what is submitted meanwhile may not be in its answer.
    this.#mayHaveMore = false
    const due = await store.due(nowMs, countMax)
    if (due.length === countMax) this.#mayHaveMore = true
    for (const { task, revision } of due) {
      const dueMs = nowMs + this.#leaseMs()
      const taken = { ...task, tries: task.tries + 1, dueMs, isUnderWay: true }
      this.#ownIds.add(task.id)
      if (await store.put(taken, revision)) void this.#enqueue(taken)
      else this.#ownIds.delete(task.id)
    }
  }

  #enqueue(task: StoredTask<Work>): Promise<TaskVerdict> {
    const tried = this.#queue.add(() => this.#try(task))
    void tried.then(() => (this.#mayHaveMore ? this.#poll() : undefined))
    return tried
  }

  /** Never rejects. A task whose end cannot be stored is tried again when its time has come. */
  async #try(task: StoredTask<Work>): Promise<TaskVerdict> {
    const { run, onVerdict, terms } = this.#deps
    const signal = AbortSignal.any([this.#cut.signal, AbortSignal.timeout(terms.tryMaxMs)])
    let verdict: TaskVerdict
    try {
      verdict = this.#judge(await run(task, signal), task)
    } catch (error) {
      this.#deps.onFault(error)
      verdict = this.#judge({ type: 'retry', reason: 'fault' }, task)
    }
    onVerdict(verdict, task)
    await this.#settle(verdict, task).catch(this.#deps.onFault)
    this.#ownIds.delete(task.id)
    return verdict
  }

  #judge(verdict: TaskVerdict, task: StoredTask<Work>): TaskVerdict {
    const { clock, terms } = this.#deps
    if (verdict.type !== 'retry' || this.#cut.signal.aborted) return verdict
    if (clock.wallMs() - task.firstMs < terms.giveUpAfterMs) return verdict
    return { type: 'give-up', reason: verdict.reason }
  }

  async #settle(verdict: TaskVerdict, task: StoredTask<Work>): Promise<void> {
    const { store, clock } = this.#deps
    if (verdict.type !== 'retry') await store.remove(task.id)
    else {
      const waitMs = this.#cut.signal.aborted ? 0 : (verdict.afterMs ?? this.#backoffMs(task.tries))
      await store.put({ ...task, dueMs: clock.wallMs() + waitMs, isUnderWay: false })
    }
  }

  /** Doubles with each try; a quarter up or down, so that what failed together is not tried together. */
  #backoffMs(tries: number): number {
    const { terms, chance } = this.#deps
    const doubled = terms.retryFirstMs * 2 ** Math.min(tries - 1, 30)
    return Math.min(doubled, terms.retryMaxMs) * (0.75 + chance() / 2)
  }
}
