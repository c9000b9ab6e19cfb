import { segmentsPerAnswer } from '../domain/limits.ts'
import type { Outward } from './driver.ts'
import type { FromWriter } from './writer-messages.ts'

/**
 * What the writer thread posts. Each message wakes the main thread, which costs as much as a dozen lines of a
 * catch-up: that segments were taken is told of several at once, but never later than when the writer pauses.
 */
export class Outbox {
  readonly #post: (message: FromWriter) => void
  readonly #pause: () => Promise<void>
  #taken: Outward[] = []

  constructor(post: (message: FromWriter) => void, pause: () => Promise<void>) {
    this.#post = post
    this.#pause = pause
  }

  post(message: FromWriter): void {
    if (message.type !== 'outward' || message.outward.type !== 'segment-taken') {
      this.#flush()
      this.#post(message)
      return
    }
    this.#taken.push(message.outward)
    if (this.#taken.length >= segmentsPerAnswer) this.#flush()
    else if (this.#taken.length === 1) void this.#pause().then(() => this.#flush())
  }

  #flush(): void {
    if (this.#taken.length === 0) return
    const outwards = this.#taken
    this.#taken = []
    this.#post({ type: 'outwards', outwards })
  }
}
