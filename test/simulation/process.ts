import { formatCheckpointBody } from '../../src/domain/checkpoint.ts'
import { awayMaxMs } from '../../src/domain/limits.ts'
import { lifeFromRandom } from '../../src/domain/log-id.ts'
import { answerOfPair } from '../../src/log/known-pairs.ts'
import { bootState } from '../../src/mesh/boot.ts'
import type { Effect, KnownOperation, MeshEvent, Now } from '../../src/mesh/events.ts'
import type { Notice } from '../../src/mesh/notice.ts'
import type { MeshState } from '../../src/mesh/state.ts'
import { aliveMetaName, step } from '../../src/mesh/step.ts'
import type { MachineClock } from './clock.ts'
import type { Disk, Transaction } from './disk.ts'
import type {
  Answer,
  Call,
  Input,
  Machine,
  Operation,
  Outcome,
  ProcessPorts,
} from './process-ports.ts'

/** The process was killed in the middle of a transaction. */
class Killed extends Error {}

/** One run of the production machine over a virtual disk and clock; performs effects exactly as log/driver.ts does. */
export class Process {
  readonly machine: Machine
  readonly disk: Disk
  readonly clock: MachineClock
  readonly state: MeshState
  readonly #ports: ProcessPorts
  readonly #answers = new Map<number, (answer: Answer) => void>()
  readonly #outcomes = new Map<number, (outcome: Outcome) => void>()
  readonly #appends = new Map<number, readonly KnownOperation[]>()
  #requestNext = 1
  #exchangeNext = 1
  #isCommitWanted = false
  isAlive = true
  /** The next transaction is interrupted: before it is durable, or after, with nobody told. */
  killAtCommit: 'before' | 'after' | null = null
  /** Newest refusals this process gave to chunks. */
  readonly refused: {
    readonly atMs: number
    readonly peer: string
    readonly log: string | null
    readonly code: string
  }[] = []
  /** Calls under way. */
  readonly calls = new Set<Call>()

  constructor(
    ports: ProcessPorts,
    machine: Machine,
    given: { disk: Disk; clock: MachineClock; resumed?: MeshState },
  ) {
    this.#ports = ports
    this.machine = machine
    this.disk = given.disk
    this.clock = given.clock
    const now = this.#now()
    this.state = given.resumed ?? this.#boot(now)
    if (given.resumed !== undefined) return
    const aliveMs = Number(this.disk.meta.get(aliveMetaName) ?? '0')
    this.handle({ type: 'started', isAway: now.wallMs - aliveMs > awayMaxMs })
  }

  #boot(now: Now): MeshState {
    const { name, verifierKey: meshKey, peers } = this.machine
    const key = { key_id: 'ed25519:0', key: 'a'.repeat(43), valid_from: 0, expired_at: null }
    const serverName = 'id.example.org'
    return bootState({
      self: { name, serverName, meshKey, matrixKeys: [key], recoveryKey: null },
      limits: { skewMaxMs: 60_000 },
      peers,
      logs: this.disk.bootLogs(),
      now,
    })
  }

  get name(): string {
    return this.machine.name
  }

  get ports(): ProcessPorts {
    return this.#ports
  }

  #now(): Now {
    return this.clock.read(this.#ports.agenda.nowMs)
  }

  wallMs(): number {
    return this.#now().wallMs
  }

  kill(): void {
    this.isAlive = false
  }

  append(operations: readonly Operation[]): void {
    const request = this.#requestNext++
    const known = operations.map((operation): KnownOperation => ({
      ...operation,
      known: this.#knownOf(operation),
    }))
    this.#appends.set(request, known)
    this.handle({ type: 'append', request, operations: known })
  }

  #knownOf(operation: Operation): KnownOperation['known'] {
    const entries = this.disk.newestAbout(operation).map(({ log, index }) => {
      const bytes = this.disk.logs.get(log)?.lines[index] as Uint8Array
      return { log, index, bytes }
    })
    return answerOfPair(entries, () => true, operation)
  }

  /** Asks the machine something that it answers at once. */
  ask(make: (request: number) => Input): Answer | null {
    const request = this.#requestNext++
    let answer: Answer | null = null
    this.#answers.set(request, (given) => (answer = given))
    this.handle(make(request))
    this.#answers.delete(request)
    return answer
  }

  openExchange(hear: (outcome: Outcome) => void): number {
    const exchange = this.#exchangeNext++
    this.#outcomes.set(exchange, hear)
    return exchange
  }

  handle(input: Input): void {
    if (!this.isAlive) return
    try {
      this.#process({ ...input, now: this.#now() } as MeshEvent)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
  }

  #process(event: MeshEvent): void {
    const { agenda } = this.#ports
    const effects = step(this.state, event)
    agenda.noteText(event.type)
    agenda.note(effects.length)
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const { agenda, chance, keys, call, commitDelayMs } = this.#ports
    const now = this.#now()
    switch (effect.type) {
      case 'draw-life':
        return this.#process({ type: 'life-drawn', life: lifeFromRandom(chance.bytes(8)), now })
      case 'verify-checkpoint': {
        const isValid = effect.keys.some((key) => keys.isSigned(effect.note, key))
        return this.#process({
          type: 'checkpoint-verified',
          exchange: effect.exchange,
          isValid,
          now,
        })
      }
      case 'load-leaves': {
        const leaves = this.disk.knownLeaves(effect.log, effect.from, effect.to)
        return this.#process({ type: 'leaves-loaded', exchange: effect.exchange, leaves, now })
      }
      case 'want-commit':
        if (this.#isCommitWanted) return
        this.#isCommitWanted = true
        return agenda.after(commitDelayMs(), () => this.#commitDue())
      case 'commit':
        return this.#commit(effect)
      case 'find-blank': {
        const index = this.disk.firstBlank(effect.log, effect.from)
        return this.#process({ type: 'blank-found', log: effect.log, index, now })
      }
      case 'verify-cosignature': {
        const { log, node, head, line } = effect
        const body = formatCheckpointBody(head)
        let timeS: number | null = null
        for (const key of effect.keys) timeS ??= keys.cosignedAt(body, line, node, key)
        return this.#process({
          type: 'cosignature-verified',
          log,
          node,
          size: head.size,
          timeS,
          line,
          now,
        })
      }
      case 'ask-heads':
      case 'push':
      case 'pull':
        return call(this, effect)
      default:
        return this.#emit(effect)
    }
  }

  #commitDue(): void {
    this.#isCommitWanted = false
    this.handle({ type: 'commit-due' })
  }

  #emit(effect: Effect): void {
    const { signer } = this.machine
    const timeS = Math.floor(this.wallMs() / 1000)
    switch (effect.type) {
      case 'appended': {
        const operations = this.#appends.get(effect.request) ?? []
        this.#appends.delete(effect.request)
        return this.#ports.witness.appended(this.name, this.disk, {
          operations,
          entries: effect.entries,
        })
      }
      case 'heads': {
        const logs = effect.logs.map(({ log, have, note, cosigned, cosign }) => {
          const own = cosign === null ? [] : [signer.cosign(cosign, timeS)]
          return {
            log,
            have,
            note:
              note === '' ? '' : note + [...own, ...cosigned].map((line) => `${line}\n`).join(''),
          }
        })
        const closed = { count: effect.closed.count, logs: effect.closed.logs }
        this.#answers.get(effect.request)?.({
          type: 'heads',
          request: effect.request,
          logs,
          closed,
        })
        return
      }
      case 'served':
        this.#answers.get(effect.request)?.(effect)
        return
      case 'refused':
        this.#appends.delete(effect.request)
        this.#answers.get(effect.request)?.(effect)
        return
      case 'exchange-ended': {
        const cosignature = effect.cosign === null ? null : signer.cosign(effect.cosign, timeS)
        return this.#endExchange({
          type: 'exchange-ended',
          exchange: effect.exchange,
          have: effect.have,
          cosignature,
        })
      }
      case 'exchange-refused':
        return this.#endExchange(effect)
      case 'notice':
        this.#hearNotice(effect.notice)
        return
    }
  }

  #endExchange(outcome: Outcome): void {
    const hear = this.#outcomes.get(outcome.exchange)
    this.#outcomes.delete(outcome.exchange)
    hear?.(outcome)
  }

  #hearNotice(notice: Notice): void {
    if (notice.type !== 'chunk-refused') return
    const { peer, log, code } = notice
    this.refused.push({ atMs: this.#ports.agenda.nowMs, peer, log, code })
    const { refusals } = this.#ports.witness
    refusals.set(code, (refusals.get(code) ?? 0) + 1)
  }

  #commit(effect: Extract<Effect, { type: 'commit' }>): void {
    const { witness } = this.#ports
    const notes: Record<string, string> = {}
    const logs: Transaction['logs'][number][] = []
    const ownLogs = new Set<string>()
    for (const write of effect.logs) {
      if (write.note !== null) {
        logs.push({ ...write, note: write.note })
        continue
      }
      const head = { log: write.log, size: write.size, root: write.root }
      witness.signed(head)
      const note = this.machine.signer.signCheckpoint(head)
      notes[write.log] = note
      ownLogs.add(write.log)
      logs.push({ ...write, note })
    }
    const { problem } = this.disk
    if (problem !== null) {
      return this.#process({
        type: 'commit-failed',
        commit: effect.commit,
        code: problem,
        now: this.#now(),
      })
    }
    if (this.killAtCommit === 'before') this.#die()
    this.disk.commit({ logs, lookups: effect.lookups, side: effect.side })
    for (const write of effect.logs) {
      witness.committed(this.name, write, ownLogs.has(write.log) ? this : null, this.wallMs())
    }
    if (this.killAtCommit === 'after') this.#die()
    const { commit } = effect
    this.#process({ type: 'committed', commit, notes, conflicts: [], now: this.#now() })
  }

  #die(): never {
    this.isAlive = false
    throw new Killed()
  }
}
