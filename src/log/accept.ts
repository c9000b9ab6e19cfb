import { ChunkReader, type ChunkHeader, type Segment } from '../domain/chunk.ts'
import { segmentsInFlightMax } from '../domain/limits.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import type { Outward } from './driver.ts'
import type { Writer } from './writer-port.ts'

/** Whose chunk it is; `log` is the only one expected, `onHeader` hears which it is. */
export type ChunkSource = {
  readonly peer: string
  readonly via: 'push' | 'pull'
  readonly log?: string
  readonly onHeader?: (header: ChunkHeader) => void
}

/** What a chunk has come to: how much is held now, and our cosignature when the log is held whole. */
export type Accepted = { readonly have: number; readonly cosignature: string | null }

/**
 * Takes a chunk of anybody's: bytes are split into segments, a few at a time handed to the writer, which checks and
 * commits them. While it is busy the source is not read, and the sender waits.
 */
export class ChunkAcceptor {
  readonly #writer: Writer
  readonly #exchanges = new Map<number, Intake>()
  #next = 1

  constructor(writer: Writer) {
    this.#writer = writer
    writer.onOutward((outward) => this.#hear(outward))
  }

  /** Resolves when everything of the chunk is durable. Refused with the machine's reason, `details.have` included. */
  async accept(source: AsyncIterable<Uint8Array>, given: ChunkSource): Promise<Accepted> {
    const exchange = this.#next++
    const intake = new Intake()
    this.#exchanges.set(exchange, intake)
    try {
      await this.#feed(exchange, intake, source, given)
      return await intake.outcome
    } finally {
      this.#exchanges.delete(exchange)
    }
  }

  async #feed(
    exchange: number,
    intake: Intake,
    source: AsyncIterable<Uint8Array>,
    given: ChunkSource,
  ): Promise<void> {
    const reader = new ChunkReader()
    let isOpen = false
    try {
      for await (const piece of source) {
        if (intake.isOver) return
        for (const part of reader.push(piece)) {
          if (part.type === 'header') {
            if (given.log !== undefined && part.header.log !== given.log) {
              throw new RefusalError(
                'header-malformed',
                `asked for ${given.log}, got ${part.header.log}`,
              )
            }
            isOpen = true
            given.onHeader?.(part.header)
            this.#open(exchange, part.header, given)
          } else {
            await this.#hand(exchange, intake, part.segment)
            if (intake.isOver) return
          }
        }
      }
      reader.end()
      this.#writer.send({ type: 'chunk-ended', exchange, failure: null })
    } catch (error) {
      if (!isRefusal(error)) {
        if (isOpen)
          this.#abandon(exchange, new RefusalError('chunk-truncated', 'the chunk broke off'))
        throw error
      }
      if (isOpen) this.#abandon(exchange, error)
      else this.#unreadable(exchange, given.peer, error)
    }
  }

  #open(exchange: number, header: ChunkHeader, { peer, via }: ChunkSource): void {
    this.#writer.send({ type: 'chunk-opened', exchange, peer, via, header })
  }

  async #hand(exchange: number, intake: Intake, segment: Segment): Promise<void> {
    await intake.room()
    if (intake.isOver) return
    intake.handed()
    this.#writer.send({ type: 'segment', exchange, segment })
  }

  #abandon(exchange: number, refusal: RefusalError): void {
    const failure = { code: refusal.code, message: refusal.message }
    this.#writer.send({ type: 'chunk-ended', exchange, failure })
  }

  #unreadable(exchange: number, peer: string, refusal: RefusalError): void {
    const failure = { code: refusal.code, message: refusal.message }
    this.#writer.send({ type: 'chunk-unreadable', exchange, peer, failure })
  }

  #hear(outward: Outward): void {
    if (!('exchange' in outward)) return
    const intake = this.#exchanges.get(outward.exchange)
    if (intake === undefined) return
    if (outward.type === 'segment-taken') intake.taken()
    if (outward.type === 'exchange-ended')
      intake.end({ have: outward.have, cosignature: outward.cosignature })
    if (outward.type === 'exchange-refused') {
      const { code, message, log, have } = outward.refused
      intake.refuse(new RefusalError(code, message, { log, have }))
    }
  }
}

/** One exchange's flow control and outcome. */
class Intake {
  readonly outcome: Promise<Accepted>
  #resolve!: (accepted: Accepted) => void
  #reject!: (error: unknown) => void
  #inFlight = 0
  #wake: (() => void) | null = null
  isOver = false

  constructor() {
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.outcome.catch(() => {})
  }

  async room(): Promise<void> {
    while (this.#inFlight >= segmentsInFlightMax && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  handed(): void {
    this.#inFlight++
  }

  taken(): void {
    this.#inFlight--
    this.#signal()
  }

  end(accepted: Accepted): void {
    this.isOver = true
    this.#resolve(accepted)
    this.#signal()
  }

  refuse(error: RefusalError): void {
    this.isOver = true
    this.#reject(error)
    this.#signal()
  }

  #signal(): void {
    this.#wake?.()
    this.#wake = null
  }
}
