import { appendsWaitingMax } from '../domain/limits.ts'
import { RefusalError } from '../domain/refusal.ts'
import type { AppendedEntry } from '../mesh/events.ts'
import type { Input, Outward } from './driver.ts'
import type { FromWriter, ToWriter, WriterStatus } from './writer-messages.ts'
import type { Writer } from './writer-port.ts'

type Waiting = {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** The main thread's end of the writer: matches answers with requests, bounds what waits. */
export class WriterClient implements Writer {
  readonly #post: (message: ToWriter) => void
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners: ((outward: Outward) => void)[] = []
  readonly #pepperListeners: ((pepper: string) => void)[] = []
  readonly #failedListeners: ((message: string) => void)[] = []
  #next = 1
  #failure: string | null = null
  #stopped: (() => void) | null = null

  constructor(post: (message: ToWriter) => void) {
    this.#post = post
  }

  run(): void {
    this.#post({ type: 'run' })
  }

  async append(operations: Parameters<Writer['append']>[0]): Promise<readonly AppendedEntry[]> {
    const outward = await this.ask((request) => ({ type: 'append', request, operations }))
    if (outward.type !== 'appended') throw new Error(`append was answered with ${outward.type}`)
    return outward.entries
  }

  async side(change: Parameters<Writer['side']>[0]): Promise<boolean> {
    const outward = await this.ask((request) => ({ type: 'side', request, change }))
    if (outward.type !== 'side-done') throw new Error(`side was answered with ${outward.type}`)
    return outward.isApplied
  }

  send(input: Input): void {
    if (this.#failure === null) this.#post({ type: 'input', input })
  }

  ask(make: (request: number) => Input): Promise<Outward> {
    return this.#request((request) => ({ type: 'input', input: make(request) }))
  }

  status(): Promise<WriterStatus> {
    return this.#request((request) => ({ type: 'status', request }))
  }

  refold(scope: Parameters<Writer['refold']>[0]): Promise<{ readonly lines: number }> {
    return this.#request((request) => ({ type: 'refold', request, scope }))
  }

  onOutward(listen: (outward: Outward) => void): void {
    this.#listeners.push(listen)
  }

  onPepper(listen: (pepper: string) => void): void {
    this.#pepperListeners.push(listen)
  }

  onFailed(listen: (message: string) => void): void {
    this.#failedListeners.push(listen)
  }

  async stop(): Promise<void> {
    if (this.#failure !== null) return
    await new Promise<void>((resolve) => {
      this.#stopped = resolve
      this.#post({ type: 'stop' })
    })
  }

  /** Takes what the writer posts. */
  take(message: FromWriter): void {
    switch (message.type) {
      case 'outward':
        return this.#outward(message.outward)
      case 'outwards':
        for (const outward of message.outwards) this.#outward(outward)
        return
      case 'status':
        return this.#settle(message.request, message.status)
      case 'refolded':
        return this.#settle(message.request, { lines: message.lines })
      case 'pepper':
        for (const listen of this.#pepperListeners) listen(message.pepper)
        return
      case 'failed':
        return this.fail(message.message)
      case 'stopped':
        this.#stopped?.()
        return this.#refuseAll(new RefusalError('node-stopping', 'this node is stopping'))
      case 'started':
    }
  }

  /** The writer is gone: everything that waits hears so. */
  fail(message: string): void {
    if (this.#failure !== null) return
    this.#failure = message
    this.#stopped?.()
    this.#refuseAll(new Error(`the writer has stopped: ${message}`))
    for (const listen of this.#failedListeners) listen(message)
  }

  #request<T>(make: (request: number) => ToWriter): Promise<T> {
    if (this.#failure !== null) {
      return Promise.reject(new RefusalError('storage-read-only', 'the writer has stopped'))
    }
    if (this.#waiting.size >= appendsWaitingMax) {
      return Promise.reject(new RefusalError('writer-busy', 'too many writes are waiting'))
    }
    const request = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(request, { resolve: resolve as Waiting['resolve'], reject })
      this.#post(make(request))
    })
  }

  #outward(outward: Outward): void {
    if ('request' in outward) {
      if (outward.type === 'refused')
        return this.#refuse(outward.request, new RefusalError(outward.code, outward.message))
      return this.#settle(outward.request, outward)
    }
    for (const listen of this.#listeners) listen(outward)
  }

  #settle(request: number, value: unknown): void {
    const waiting = this.#waiting.get(request)
    this.#waiting.delete(request)
    waiting?.resolve(value as never)
  }

  #refuse(request: number, error: unknown): void {
    const waiting = this.#waiting.get(request)
    this.#waiting.delete(request)
    waiting?.reject(error)
  }

  #refuseAll(error: unknown): void {
    for (const request of [...this.#waiting.keys()]) this.#refuse(request, error)
  }
}
