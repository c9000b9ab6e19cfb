import { answerOfPair } from './known-pairs.ts'
import type { BindOperation, UnbindOperation } from '../domain/entry-line.ts'
import {
  verifyCheckpoint,
  verifyCosignature,
  formatCheckpointBody,
  parseVerifierKey,
} from '../domain/checkpoint.ts'
import { lifeFromRandom, type LogId } from '../domain/log-id.ts'
import type { Threepid } from '../domain/threepid.ts'
import type {
  Effect,
  HeadToCosign,
  KnownLeaf,
  KnownOperation,
  MeshEvent,
  Now,
} from '../mesh/events.ts'
import type { Notice } from '../mesh/notice.ts'
import { step } from '../mesh/step.ts'
import type { MeshState } from '../mesh/state.ts'
import type { Storage } from '../storage/storage.ts'
import { leafOf } from './boot.ts'
import { commit } from './commit.ts'
import type { Signer } from './signer.ts'

/** An event as it is handed over: the driver adds the time, and to operations what the store knows of their pairs. */
export type Input =
  | DistributiveOmit<Exclude<MeshEvent, { type: 'append' }>, 'now'>
  | {
      readonly type: 'append'
      readonly request: number
      readonly operations: readonly (BindOperation | UnbindOperation)[]
    }

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** Effects that leave the writer: answers to requests, and calls to peers. */
export type Outward =
  | Extract<
      Effect,
      {
        type:
          | 'appended'
          | 'side-done'
          | 'served'
          | 'refused'
          | 'segment-taken'
          | 'exchange-refused'
          | 'ask-heads'
          | 'push'
          | 'pull'
      }
    >
  | {
      readonly type: 'exchange-ended'
      readonly exchange: number
      readonly have: number
      readonly cosignature: string | null
    }
  | {
      readonly type: 'heads'
      readonly request: number
      readonly logs: readonly { log: string; have: number; note: string }[]
      readonly closed: { count: number; logs: readonly HeadToCosign[] }
    }
  | { readonly type: 'notice'; readonly notice: Notice }

export type DriverPorts = {
  readonly storage: Storage
  readonly signer: Signer
  /** Whether an entry of this log, come this way, is the own group's word. */
  readonly isOwnWord: (log: LogId, via: string | null) => boolean
  readonly now: () => Now
  readonly random: (bytes: number) => Uint8Array
  /** Resolves after everything that has arrived meanwhile was handed over: what arrives together commits together. */
  readonly pause: () => Promise<void>
  readonly emit: (outward: Outward) => void
  /** A fault that ends the writer: a broken invariant is never repaired silently. */
  readonly fail: (error: unknown) => void
  /** Records each event with its effects, for replay. */
  readonly record?: (event: MeshEvent, effects: readonly Effect[]) => void
}

/**
 * Runs the machine: one event at a time, its effects in order, their results before the next event. Thread-agnostic:
 * production runs it in the writer thread, tests of several nodes in one process run it inline.
 */
export class LogDriver {
  readonly state: MeshState
  readonly #ports: DriverPorts
  readonly #inputs: Input[] = []
  /** Work that is no event of the machine (a batch of a refold), between events. */
  readonly #tasks: (() => Promise<void>)[] = []
  #isRunning = false
  #isCommitWanted = false
  #isBroken = false

  constructor(state: MeshState, ports: DriverPorts) {
    this.state = state
    this.#ports = ports
  }

  handle(input: Input): void {
    this.#inputs.push(input)
    void this.#run()
  }

  /** Runs a task between events, after what waits now; bounded tasks only. */
  task(work: () => Promise<void>): void {
    this.#tasks.push(work)
    void this.#run()
  }

  get isIdle(): boolean {
    return !this.#isRunning
  }

  async #run(): Promise<void> {
    if (this.#isRunning || this.#isBroken) return
    this.#isRunning = true
    try {
      for (;;) {
        const input = this.#inputs.shift()
        if (input !== undefined) {
          await this.#process(await this.#eventOf(input))
          continue
        }
        if (this.#isCommitWanted) {
          await this.#ports.pause()
          if (this.#inputs.length > 0) continue
          this.#isCommitWanted = false
          await this.#process({ type: 'commit-due', now: this.#ports.now() })
          continue
        }
        const task = this.#tasks.shift()
        if (task === undefined) return
        await task()
      }
    } catch (error) {
      this.#isBroken = true
      this.#ports.fail(error)
    } finally {
      this.#isRunning = false
    }
  }

  async #eventOf(input: Input): Promise<MeshEvent> {
    if (input.type !== 'append') return { ...input, now: this.#ports.now() } as MeshEvent
    const operations = await this.#withKnown(input.operations)
    return { type: 'append', request: input.request, operations, now: this.#ports.now() }
  }

  async #withKnown(
    operations: readonly (BindOperation | UnbindOperation)[],
  ): Promise<KnownOperation[]> {
    const threepids = operations.map(({ medium, address }): Threepid => ({
      medium: medium as Threepid['medium'],
      address,
    }))
    const found = await this.#ports.storage.entriesByThreepid(threepids)
    return operations.map((operation, i) => ({
      ...operation,
      known: answerOfPair(found[i] ?? [], this.#ports.isOwnWord, operation),
    }))
  }

  async #process(event: MeshEvent): Promise<void> {
    const effects = step(this.state, event)
    this.#ports.record?.(event, effects)
    for (const effect of effects) await this.#perform(effect)
  }

  async #perform(effect: Effect): Promise<void> {
    const { emit, now, random, signer, storage } = this.#ports
    switch (effect.type) {
      case 'draw-life':
        return this.#process({ type: 'life-drawn', life: lifeFromRandom(random(8)), now: now() })
      case 'verify-checkpoint': {
        const isValid = effect.keys.some((key) => isSignedBy(effect.note, key))
        return this.#process({
          type: 'checkpoint-verified',
          exchange: effect.exchange,
          isValid,
          now: now(),
        })
      }
      case 'load-leaves': {
        const leaves = await loadLeaves(storage, effect)
        return this.#process({
          type: 'leaves-loaded',
          exchange: effect.exchange,
          leaves,
          now: now(),
        })
      }
      case 'want-commit':
        this.#isCommitWanted = true
        return
      case 'commit':
        return this.#commit(effect)
      case 'find-blank': {
        const index = await storage.firstBlank(effect.log, effect.from)
        return this.#process({ type: 'blank-found', log: effect.log, index, now: now() })
      }
      case 'verify-cosignature':
        return this.#verifyCosignature(effect)
      case 'exchange-ended': {
        const timeS = Math.floor(now().wallMs / 1000)
        const cosignature = effect.cosign === null ? null : signer.cosign(effect.cosign, timeS)
        return emit({
          type: 'exchange-ended',
          exchange: effect.exchange,
          have: effect.have,
          cosignature,
        })
      }
      case 'heads':
        return emit(this.#withCosignatures(effect))
      default:
        return emit(effect)
    }
  }

  async #commit(effect: Extract<Effect, { type: 'commit' }>): Promise<void> {
    const result = await commit(this.#ports, effect)
    const now = this.#ports.now()
    if (result.type === 'committed') {
      const { notes, conflicts } = result
      return this.#process({ type: 'committed', commit: effect.commit, notes, conflicts, now })
    }
    return this.#process({ type: 'commit-failed', commit: effect.commit, code: result.code, now })
  }

  #verifyCosignature({
    log,
    node,
    keys,
    head,
    line,
  }: Extract<Effect, { type: 'verify-cosignature' }>): Promise<void> {
    const body = formatCheckpointBody(head)
    let timeS: number | null = null
    for (const key of keys) {
      const parsed = parseVerifierKey(key)
      if (parsed === null) continue
      timeS ??=
        verifyCosignature({ body, line, name: node, publicKey: parsed.publicKey })?.timeS ?? null
    }
    const event = { type: 'cosignature-verified', log, node, size: head.size, timeS, line } as const
    return this.#process({ ...event, now: this.#ports.now() })
  }

  /** Each head this node holds whole goes out with its own dated cosignature beside those it has heard. */
  #withCosignatures(effect: Extract<Effect, { type: 'heads' }>): Outward {
    const timeS = Math.floor(this.#ports.now().wallMs / 1000)
    const logs = effect.logs.map(({ log, have, note, cosigned, cosign }) => {
      const own = cosign === null ? [] : [this.#ports.signer.cosign(cosign, timeS)]
      return {
        log,
        have,
        note: note === '' ? '' : note + [...own, ...cosigned].map((line) => `${line}\n`).join(''),
      }
    })
    const closed = { count: effect.closed.count, logs: effect.closed.logs }
    return { type: 'heads', request: effect.request, logs, closed }
  }
}

function isSignedBy(note: string, key: string): boolean {
  const parsed = parseVerifierKey(key)
  return parsed !== null && verifyCheckpoint(note, parsed.publicKey) !== null
}

async function loadLeaves(
  storage: Storage,
  { log, from, to }: { log: string; from: number; to: number },
): Promise<KnownLeaf[]> {
  const leaves: KnownLeaf[] = []
  while (from + leaves.length < to) {
    const lines = await storage.readLines({
      log,
      from: from + leaves.length,
      countMax: to - from - leaves.length,
      bytesMax: Infinity,
    })
    if (lines.length === 0) break
    for (const line of lines) leaves.push({ hash: leafOf(line), isBlank: !('bytes' in line) })
  }
  return leaves
}
