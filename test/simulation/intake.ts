import { ChunkReader, type ChunkHeader } from '../../src/domain/chunk.ts'
import { isRefusal, RefusalError } from '../../src/domain/refusal.ts'
import type { Process } from './process.ts'
import type { Outcome } from './process-ports.ts'

/** What came of a chunk: as log/accept.ts ends, or refused before the machine heard of it. */
export type IntakeResult =
  Outcome | { readonly type: 'unread'; readonly code: string; readonly message: string }

/** Takes the bytes of one chunk as they come, splits them with the product's reader, and feeds the machine. */
export class Intake {
  readonly #process: Process
  readonly #given: {
    readonly peer: string
    readonly via: 'push' | 'pull'
    readonly log: string | null
  }
  readonly #reader = new ChunkReader()
  readonly #hear: (result: IntakeResult) => void
  readonly #exchange: number
  #isOpen = false
  isOver = false

  constructor(
    process: Process,
    given: { readonly peer: string; readonly via: 'push' | 'pull'; readonly log: string | null },
    hear: (result: IntakeResult) => void,
  ) {
    this.#process = process
    this.#given = given
    this.#hear = hear
    this.#exchange = process.openExchange((outcome) => this.#end(outcome))
  }

  piece(bytes: Uint8Array): void {
    if (this.isOver) return
    try {
      for (const part of this.#reader.push(bytes)) {
        if (part.type === 'header') this.#open(part.header)
        else
          this.#process.handle({ type: 'segment', exchange: this.#exchange, segment: part.segment })
        if (this.isOver) return
      }
    } catch (error) {
      this.#refuse(error)
    }
  }

  /** The stream ended as streams do. */
  end(): void {
    if (this.isOver) return
    try {
      this.#reader.end()
    } catch (error) {
      return this.#refuse(error)
    }
    this.#process.handle({ type: 'chunk-ended', exchange: this.#exchange, failure: null })
  }

  /** The connection broke. */
  broke(): void {
    if (this.isOver) return
    this.#refuse(new RefusalError('chunk-truncated', 'the chunk broke off'))
  }

  #open(header: ChunkHeader): void {
    const { peer, via, log } = this.#given
    if (log !== null && header.log !== log) {
      throw new RefusalError('header-malformed', `asked for ${log}, got ${header.log}`)
    }
    this.#isOpen = true
    this.#process.handle({ type: 'chunk-opened', exchange: this.#exchange, peer, via, header })
  }

  #refuse(error: unknown): void {
    if (!isRefusal(error)) throw error
    const { code, message } = error
    if (!this.#isOpen) return this.#end({ type: 'unread', code, message })
    this.#process.handle({
      type: 'chunk-ended',
      exchange: this.#exchange,
      failure: { code, message },
    })
  }

  #end(result: IntakeResult): void {
    if (this.isOver) return
    this.isOver = true
    this.#hear(result)
  }
}
