import type { Readable } from 'node:stream'

/** Lines of a stream, one asked for at a time: the stream is not read further than that (and one buffer). */
export class LineReader {
  readonly #chunks: AsyncIterator<Buffer>
  readonly #lineBytesMax: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: Readable, lineBytesMax: number) {
    // A stream that fails while nobody waits for its next line must not end the process; the next call tells.
    stream.on('error', () => {})
    this.#chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    this.#lineBytesMax = lineBytesMax
  }

  /** The next line without its newline; null at the end. Throws RangeError on a line beyond the bound. */
  async next(): Promise<string | null> {
    let from = 0
    for (;;) {
      const end = this.#rest.indexOf(10, from)
      if (end >= 0 && end <= this.#lineBytesMax) {
        const line = this.#rest.toString('utf8', 0, end)
        this.#rest = this.#rest.subarray(end + 1)
        return line
      }
      if (this.#rest.length > this.#lineBytesMax) {
        throw new RangeError(`a line of more than ${this.#lineBytesMax} bytes`)
      }
      from = this.#rest.length
      const chunk = await this.#chunks.next()
      if (chunk.done === true) return null
      this.#rest = this.#rest.length === 0 ? chunk.value : Buffer.concat([this.#rest, chunk.value])
    }
  }
}
