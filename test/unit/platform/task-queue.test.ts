import { expect, test } from 'vitest'
import {
  TaskQueue,
  type StoredTask,
  type TaskStore,
  type TaskVerdict,
} from '../../../src/platform/task-queue.ts'

class MemoryTasks implements TaskStore<string> {
  readonly rows = new Map<string, { task: StoredTask<string>; revision: number }>()
  failure: Error | null = null

  async due(byMs: number, countMax: number) {
    return [...this.rows.values()]
      .filter(({ task }) => task.dueMs <= byMs)
      .sort((a, b) => a.task.dueMs - b.task.dueMs)
      .slice(0, countMax)
  }

  async put(task: StoredTask<string>, revision?: number): Promise<boolean> {
    if (this.failure !== null) throw this.failure
    const stands = this.rows.get(task.id)
    if (revision !== undefined && stands?.revision !== revision) return false
    this.rows.set(task.id, { task, revision: (stands?.revision ?? 0) + 1 })
    return true
  }

  async remove(id: string): Promise<void> {
    this.rows.delete(id)
  }
}

const terms = {
  concurrency: 2,
  tryMaxMs: 60_000,
  retryFirstMs: 1_000,
  retryMaxMs: 4_000,
  giveUpAfterMs: 20_000,
}

class World {
  readonly store = new MemoryTasks()
  readonly tried: string[] = []
  readonly verdicts: string[] = []
  readonly faults: unknown[] = []
  nowMs = 1_000_000
  answer: (work: string) => TaskVerdict | Promise<TaskVerdict> = () => ({ type: 'done' })
  #timers: { atMs: number; run: () => void }[] = []
  queue = this.open()

  open(isAlone = false): TaskQueue<string> {
    return new TaskQueue<string>({
      store: this.store,
      isAlone,
      terms,
      clock: {
        wallMs: () => this.nowMs,
        setTimer: (afterMs, run) => {
          const timer = { atMs: this.nowMs + afterMs, run }
          this.#timers.push(timer)
          return { cancel: () => void (this.#timers = this.#timers.filter((one) => one !== timer)) }
        },
      },
      chance: () => 0.5,
      run: async ({ work }) => {
        this.tried.push(work)
        return this.answer(work)
      },
      onVerdict: ({ type }, { work }) => this.verdicts.push(`${work} ${type}`),
      onFault: (error) => this.faults.push(error),
    })
  }

  submit(id: string, isKept = true): ReturnType<TaskQueue<string>['submit']> {
    return this.queue.submit({ id, subject: null, work: id }, async (task) =>
      isKept ? this.store.put(task) : false,
    )
  }

  /** Lets what waits run, second by second. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      this.nowMs += 1_000
      const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs)
      this.#timers = this.#timers.filter((timer) => !due.includes(timer))
      for (const { run } of due) run()
      await settle()
    }
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

test('a task is tried at once, tells how that went, and is gone when it is done', async () => {
  const world = new World()
  const submitted = await world.submit('a')
  expect(await submitted?.firstTry).toEqual({ type: 'done' })
  expect(world.store.rows.size).toBe(0)
  expect(world.verdicts).toEqual(['a done'])
})

test('what could not be kept is not tried', async () => {
  const world = new World()
  expect(await world.submit('a', false)).toBeNull()
  await settle()
  expect(world.tried).toEqual([])
})

test('a task that fails is tried again, later each time, and given up in the end', async () => {
  const world = new World()
  world.answer = () => ({ type: 'retry', reason: 'unreachable' })
  world.queue.start()
  await world.submit('a')
  await settle()
  expect(world.tried).toHaveLength(1)
  await world.pass(1_000)
  expect(world.tried).toHaveLength(2)
  await world.pass(1_000)
  expect(world.tried).toHaveLength(2)
  await world.pass(30_000)
  expect(world.verdicts.at(-1)).toBe('a give-up')
  expect(world.tried.length).toBeGreaterThan(4)
  expect(world.tried.length).toBeLessThan(12)
  expect(world.store.rows.size).toBe(0)
})

test('a task given up is never tried again', async () => {
  const world = new World()
  world.answer = () => ({ type: 'give-up', reason: 'rejected' })
  world.queue.start()
  expect(await (await world.submit('a'))?.firstTry).toMatchObject({ type: 'give-up' })
  await world.pass(10_000)
  expect(world.tried).toEqual(['a'])
})

test('what an earlier process left is taken up when its time has come, by one of two', async () => {
  const world = new World()
  world.answer = () => new Promise(() => {})
  await world.submit('a')
  world.queue = world.open()
  const other = world.open()
  world.answer = () => ({ type: 'done' })
  world.queue.start()
  other.start()
  await world.pass(60_000)
  expect(world.tried).toEqual(['a'])
  await world.pass(90_000)
  expect(world.tried).toEqual(['a', 'a'])
  expect(world.store.rows.size).toBe(0)
})

test('what was under way when the only process was killed is taken up at once, what waits is not', async () => {
  const world = new World()
  world.answer = (work) =>
    work === 'waits' ? { type: 'retry', reason: 'no' } : new Promise(() => {})
  await world.submit('waits')
  await world.submit('killed')
  await settle()
  const waitsUntilMs = world.store.rows.get('waits')?.task.dueMs
  world.tried.length = 0
  world.answer = () => ({ type: 'done' })
  world.open().start()
  await settle()
  expect(world.tried).toEqual([])
  const alone = world.open(true)
  alone.start()
  await settle()
  expect(world.tried).toEqual(['killed'])
  expect(world.store.rows.get('waits')?.task.dueMs).toBe(waitsUntilMs)
})

test('a start takes nothing from the tries this very process has under way', async () => {
  const world = new World()
  world.queue = world.open(true)
  world.answer = () => new Promise(() => {})
  await world.submit('own')
  world.queue.start()
  await settle()
  expect(world.tried).toEqual(['own'])
})

test('no more than its places are under way at once, and the rest wait their turn', async () => {
  const world = new World()
  const ends: (() => void)[] = []
  world.answer = () => new Promise((resolve) => ends.push(() => resolve({ type: 'done' })))
  world.queue.start()
  const tries = await Promise.all(['a', 'b', 'c', 'd'].map((id) => world.submit(id)))
  expect(tries.map((one) => one?.firstTry === null)).toEqual([false, false, true, true])
  await world.pass(2_000)
  expect(world.tried).toEqual(['a', 'b'])
  ends[0]?.()
  await settle()
  expect(world.tried).toEqual(['a', 'b', 'c'])
  for (const end of ends) end()
  await world.pass(2_000)
  for (const end of ends) end()
  await settle()
  expect(world.tried).toEqual(['a', 'b', 'c', 'd'])
  expect(world.store.rows.size).toBe(0)
})

test('stopping cuts a try short, and it is due at once for the next start', async () => {
  const world = new World()
  world.queue = new TaskQueue<string>({
    store: world.store,
    isAlone: true,
    terms,
    clock: { wallMs: () => world.nowMs, setTimer: () => ({ cancel: () => {} }) },
    chance: () => 0.5,
    run: (_task, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ type: 'retry', reason: 'aborted' }))
      }),
    onVerdict: () => {},
    onFault: () => {},
  })
  await world.submit('a')
  await world.queue.stop()
  expect(world.store.rows.get('a')?.task.dueMs).toBe(world.nowMs)
})

test('a store that fails for a while, or a try that throws, loses no task', async () => {
  const world = new World()
  world.answer = () => {
    throw new Error('broken')
  }
  world.queue.start()
  await world.submit('a')
  world.store.failure = new Error('disk full')
  await settle()
  await world.pass(2_000)
  world.store.failure = null
  world.answer = () => ({ type: 'done' })
  await world.pass(200_000)
  expect(world.store.rows.size).toBe(0)
  expect(world.faults.length).toBeGreaterThan(0)
})
