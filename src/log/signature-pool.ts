import { Worker } from 'node:worker_threads'
import { signatureBatchesWaiting, signatureThreadsMax } from '../domain/limits.ts'
import type { AssociationKeys } from './association-keys.ts'

/** Bind lines of one log, one after the other in `bytes`; `ends` says where each ends. */
export type LineBatch = {
  readonly batch: number
  readonly group: string
  readonly indexes: readonly number[]
  readonly ends: readonly number[]
  readonly bytes: Uint8Array
}

export type BatchVerdict = {
  readonly batch: number
  /** Indexes of lines whose signature is not by the key it names. */
  readonly bad: readonly number[]
  /** Indexes of lines that no known key signed. */
  readonly unknown: readonly number[]
  /** Lines that came from elsewhere (`via`) and bear no signature of a known key: nothing can be said of them. */
  readonly foreign: number
}

/** Threads that check signatures while another reads; `keys` by the group whose logs publish them. */
export class SignaturePool {
  readonly #workers: Worker[]
  readonly #onVerdict: (log: string, verdict: BatchVerdict, lines: number) => void
  readonly #pending = new Map<number, { log: string; lines: number }>()
  #next = 0
  #failure: Error | null = null
  #wake: (() => void) | null = null

  constructor(
    keys: ReadonlyMap<string, AssociationKeys>,
    threads: number,
    onVerdict: (log: string, verdict: BatchVerdict, lines: number) => void,
  ) {
    this.#onVerdict = onVerdict
    const count = Math.max(1, Math.min(threads, signatureThreadsMax))
    this.#workers = Array.from({ length: count }, (_, i) => this.#start(keys, i))
  }

  #start(keys: ReadonlyMap<string, AssociationKeys>, i: number): Worker {
    const worker = new Worker(new URL('./signature-worker.js', import.meta.url), {
      workerData: keys,
      name: `signatures ${i}`,
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    })
    worker.on('message', (verdict: BatchVerdict) => this.#take(verdict))
    worker.on('error', (error) =>
      this.#fail(error instanceof Error ? error : new Error(String(error))),
    )
    return worker
  }

  /** Hands lines on, once there is room; rejects when a thread has failed. */
  async check(log: string, lines: Omit<LineBatch, 'batch'>): Promise<void> {
    await this.#until(() => this.#pending.size < this.#workers.length * signatureBatchesWaiting)
    const batch = this.#next++
    this.#pending.set(batch, { log, lines: lines.indexes.length })
    const worker = this.#workers[batch % this.#workers.length] as Worker
    worker.postMessage({ ...lines, batch })
  }

  /** Resolves when all that was handed on is judged. */
  async drain(): Promise<void> {
    await this.#until(() => this.#pending.size === 0)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (this.#failure === null && !isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure !== null) throw this.#failure
  }

  #take(verdict: BatchVerdict): void {
    const pending = this.#pending.get(verdict.batch)
    this.#pending.delete(verdict.batch)
    if (pending !== undefined) this.#onVerdict(pending.log, verdict, pending.lines)
    this.#wake?.()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake?.()
  }
}
