import { closedDigest } from '../../src/domain/heads-digest.ts'
import type { PushOutcome } from '../../src/mesh/events.ts'
import { readHeads } from '../../src/replication/heads-shape.ts'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import { chunkBytes } from './chunk-bytes.ts'
import { Intake, type IntakeResult } from './intake.ts'
import type { Process } from './process.ts'
import type { Call } from './process-ports.ts'

/** What a direction between two nodes does to messages. Chances from 0 to 1, times in virtual milliseconds. */
export type Weather = {
  delayMinMs: number
  delayMaxMs: number
  /** A message is lost; the caller hears nothing until it gives up. */
  loss: number
  /** A request arrives a second time, later: what a retry below us does. */
  duplication: number
  /** A stream breaks somewhere in the middle; both ends notice. */
  reset: number
  /** A stream ends somewhere in the middle as if that were its end. */
  truncation: number
}

/** Changes the pieces of a chunk on its way; null leaves them. */
export type Alteration = (pieces: Uint8Array[], about: { readonly log: string }) => Uint8Array[]

/** How long a caller waits for a silent peer; production waits longer, which would only make runs longer. */
const silenceMaxMs = 8_000
const duplicateDelayMaxMs = 30_000

/** Carries calls between processes by name, through weather, as bytes. */
export class Network {
  readonly #agenda: Agenda
  readonly #chance: Chance
  readonly #weather: (from: string, to: string) => Weather
  readonly #processesOf: (name: string) => readonly Process[]
  readonly #cuts = new Map<string, number>()
  /** Chunks of a hostile node are altered as they leave it. */
  readonly alterations = new Map<string, Alteration>()
  /** Heads of a hostile node are altered as they leave it. */
  readonly headsAlterations = new Map<string, (body: Record<string, unknown>) => unknown>()
  span: number

  constructor(given: {
    agenda: Agenda
    chance: Chance
    weather: (from: string, to: string) => Weather
    processesOf: (name: string) => readonly Process[]
    span: number
  }) {
    this.#agenda = given.agenda
    this.#chance = given.chance
    this.#weather = given.weather
    this.#processesOf = given.processesOf
    this.span = given.span
  }

  /** Cuts one direction; cuts add up, so that overlapping partitions end apart. */
  cut(from: string, to: string): void {
    this.#cuts.set(`${from} ${to}`, (this.#cuts.get(`${from} ${to}`) ?? 0) + 1)
  }

  mend(from: string, to: string): void {
    this.#cuts.set(`${from} ${to}`, (this.#cuts.get(`${from} ${to}`) ?? 0) - 1)
  }

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from} ${to}`) ?? 0) > 0
  }

  readonly call = (from: Process, call: Call): void => {
    if (call.type === 'ask-heads') this.#askHeads(from, call)
    else if (call.type === 'push') this.#push(from, call)
    else this.#pull(from, call)
  }

  /** Sends one message. Never both delivered and lost; a dead or absent callee refuses, which the caller hears. */
  #send(from: string, to: string, deliver: () => void): void {
    const weather = this.#weather(from, to)
    const delay = this.#chance.between(weather.delayMinMs, weather.delayMaxMs)
    if (this.isCut(from, to) || this.#chance.isHit(weather.loss)) return
    this.#agenda.after(delay, deliver)
  }

  #callee(name: string): Process | null {
    const processes = this.#processesOf(name)
    return processes.length === 0 ? null : this.#chance.pick(processes)
  }

  /** A call that ends once: by its answer, or by silence. */
  #pending(
    from: Process,
    call: Call,
    end: (reason: string) => void,
  ): { isOver: boolean; finish: () => boolean } {
    from.calls.add(call)
    const pending = {
      isOver: false,
      finish: (): boolean => {
        if (pending.isOver) return false
        pending.isOver = true
        from.calls.delete(call)
        return true
      },
    }
    this.#agenda.after(silenceMaxMs, () => {
      if (pending.finish()) end('no answer in time')
    })
    return pending
  }

  #askHeads(from: Process, call: Extract<Call, { type: 'ask-heads' }>): void {
    const { peer, full } = call
    const fail = (reason: string): void => from.handle({ type: 'heads-failed', peer, reason })
    const pending = this.#pending(from, call, fail)
    const request = (): void => {
      const callee = this.#callee(peer)
      if (callee === null)
        return this.#send(peer, from.name, () => pending.finish() && fail('connection refused'))
      const body = this.#headsBody(callee, from.name, full)
      this.#send(peer, from.name, () => {
        if (!pending.finish()) return
        const heads = body === null ? null : readHeads(body, null)
        if (heads === null) fail('its heads are not of this protocol')
        else from.handle({ type: 'heads-heard', peer, heads })
      })
    }
    this.#sendTwicePerhaps(from.name, peer, request)
  }

  #headsBody(callee: Process, caller: string, full: boolean): unknown {
    const answer = callee.ask((request) => ({ type: 'heads-asked', request, peer: caller, full }))
    if (answer?.type !== 'heads') return null
    const { count, logs } = answer.closed
    const body = {
      v: 1,
      node: callee.name,
      now: callee.wallMs(),
      logs: answer.logs.map(({ log, have, note }) => ({ log, have, checkpoint: note })),
      closed: { count, digest: closedDigest(logs) },
    }
    const alter = this.headsAlterations.get(callee.name)
    return alter === undefined ? body : alter(body)
  }

  #sendTwicePerhaps(from: string, to: string, deliver: () => void): void {
    this.#send(from, to, deliver)
    if (!this.#chance.isHit(this.#weather(from, to).duplication)) return
    this.#agenda.after(this.#chance.between(1, duplicateDelayMaxMs), () =>
      this.#send(from, to, deliver),
    )
  }

  #push(from: Process, call: Extract<Call, { type: 'push' }>): void {
    const { peer, log, from: index, to, note } = call
    const finish = (outcome: PushOutcome): void =>
      from.handle({ type: 'push-ended', peer, log, outcome })
    const pending = this.#pending(from, call, (reason) => finish({ type: 'failed', reason }))
    const pieces = this.#piecesOf(from, { log, from: index, to, note })
    const send = (): void => {
      const callee = this.#callee(peer)
      const fail = (reason: string): void => {
        if (pending.finish()) finish({ type: 'failed', reason })
      }
      if (callee === null) return this.#send(peer, from.name, () => fail('connection refused'))
      const intake = new Intake(callee, { peer: from.name, via: 'push', log: null }, (result) => {
        this.#send(peer, from.name, () => {
          if (pending.finish()) finish(pushOutcome(result))
        })
      })
      this.#stream(from.name, peer, pieces, intake, () => fail('the connection broke'))
    }
    this.#sendTwicePerhaps(from.name, peer, send)
  }

  #pull(from: Process, call: Extract<Call, { type: 'pull' }>): void {
    const { peer, log, from: index } = call
    let intake: Intake | null = null
    const finish = (failure: string | null): void =>
      from.handle({ type: 'pull-ended', peer, log, failure })
    const pending = this.#pending(from, call, (reason) => {
      intake?.broke()
      finish(reason)
    })
    const end = (failure: string | null): void => {
      if (pending.finish()) finish(failure)
    }
    this.#send(from.name, peer, () => {
      const callee = this.#callee(peer)
      if (callee === null) return this.#send(peer, from.name, () => end('connection refused'))
      const answer = callee.ask((request) => ({
        type: 'entries-asked',
        request,
        peer: from.name,
        log,
        from: index,
      }))
      if (answer?.type !== 'served') {
        const code = answer?.type === 'refused' ? answer.code : 'no answer'
        return this.#send(peer, from.name, () => end(`it refused: ${code}`))
      }
      callee.handle({ type: 'serving', peer: from.name, log, isOn: true })
      const pieces = this.#piecesOf(callee, { log, from: index, to: answer.to, note: answer.note })
      this.#send(peer, from.name, () => {
        callee.handle({ type: 'serving', peer: from.name, log, isOn: false })
        if (pending.isOver || !from.isAlive) return
        intake = new Intake(from, { peer, via: 'pull', log }, (result) => end(failureOf(result)))
        this.#stream(peer, from.name, pieces, intake, () => undefined)
      })
      // Where the answer is lost, the callee notices later.
      this.#agenda.after(silenceMaxMs, () => {
        if (callee.state.peers.get(from.name)?.serving.has(log) === true) {
          callee.handle({ type: 'serving', peer: from.name, log, isOn: false })
        }
      })
    })
  }

  #piecesOf(
    sender: Process,
    range: { log: string; from: number; to: number; note: string },
  ): Uint8Array[] {
    const stored = sender.disk.logs.get(range.log)
    if (stored === undefined) throw new Error(`${sender.name} does not hold ${range.log}`)
    const pieces = chunkBytes(stored, range, this.span)
    const alter = this.alterations.get(sender.name)
    return alter === undefined ? pieces : alter(pieces, range)
  }

  /** Delivers the pieces of a chunk in order, cut anew at any byte, with pauses; or breaks off on the way. */
  #stream(
    from: string,
    to: string,
    pieces: readonly Uint8Array[],
    intake: Intake,
    broke: () => void,
  ): void {
    const weather = this.#weather(from, to)
    const bytes = Buffer.concat(pieces)
    const isReset = this.#chance.isHit(weather.reset)
    const isTruncated = this.#chance.isHit(weather.truncation)
    const end = isReset || isTruncated ? this.#chance.between(0, bytes.length) : bytes.length
    let delay = 0
    for (let start = 0; start < end;) {
      const next = Math.min(end, start + this.#chance.between(1, 4_000))
      // Each delivery has bytes of its own, as a socket's would be: a duplicate must not see what the first one did.
      const piece = Buffer.from(bytes.subarray(start, next))
      if (delay === 0) intake.piece(piece)
      else this.#agenda.after(delay, () => intake.piece(piece))
      delay += this.#chance.isHit(0.3) ? this.#chance.between(1, weather.delayMaxMs) : 0
      start = next
    }
    this.#agenda.after(delay, () => {
      if (!isReset) return intake.end()
      intake.broke()
      broke()
    })
  }
}

function pushOutcome(result: IntakeResult): PushOutcome {
  if (result.type === 'exchange-ended') {
    const { have, cosignature } = result
    return { type: 'taken', have, cosignatures: cosignature === null ? [] : [cosignature] }
  }
  if (result.type === 'exchange-refused') {
    const { code, message, have } = result.refused
    return { type: 'refused', code, message, have }
  }
  return { type: 'refused', code: result.code, message: result.message, have: null }
}

function failureOf(result: IntakeResult): string | null {
  if (result.type === 'exchange-ended') return null
  const { code, message } = result.type === 'exchange-refused' ? result.refused : result
  return `${code}: ${message}`
}
