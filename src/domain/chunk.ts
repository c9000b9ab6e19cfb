import { isUtf8 } from 'node:buffer'
import { fromBase64, toBase64 } from './base64.ts'
import {
  headerBytesMax,
  lineBytesMax,
  proofHashesMax,
  segmentBytesMax,
  segmentLinesMax,
} from './limits.ts'
import { parseLogId, type LogId } from './log-id.ts'
import { hashLeafPrefixed, type Hash } from './merkle-tree.ts'
import { RefusalError } from './refusal.ts'

/**
 * The chunk, the one unit that travels (DESIGN 2.5, docs/protocol.md): a header, then segments, each a run of
 * consecutive lines that ends with `{"to":…,"proof":[…]}`, which ties what came so far to the header's checkpoint.
 */
export type ChunkHeader = {
  readonly log: LogId
  /** Index of the first line. */
  readonly from: number
  /** Signed note of the checkpoint every proof leads to. */
  readonly checkpoint: string
}

/**
 * Lines up to one `to`, unread. `body` holds one newline, then the lines, each with its newline: so every line has a
 * byte before it that can become the 0x00 of its leaf hash without copying.
 */
export type Segment = {
  readonly body: Uint8Array
  readonly to: number
  readonly proof: readonly Hash[]
}

export type ChunkPart =
  | { readonly type: 'header'; readonly header: ChunkHeader }
  | { readonly type: 'segment'; readonly segment: Segment }

/** One line of a segment, read as far as the tree needs it. */
export type SegmentLine =
  | {
      readonly type: 'entry'
      readonly bytes: Buffer
      readonly text: string
      readonly leaf: Hash
    }
  | { readonly type: 'blank'; readonly leaf: Hash }
  | { readonly type: 'blank-run'; readonly level: number; readonly hash: Hash }

export function formatHeader({ log, from, checkpoint }: ChunkHeader): string {
  return JSON.stringify({ log, from, checkpoint }) + '\n'
}

export function formatSegmentEnd(to: number, proof: readonly Hash[]): string {
  return JSON.stringify({ to, proof: proof.map(toBase64) }) + '\n'
}

export function formatBlank(leaf: Hash): string {
  return `"${toBase64(leaf)}"\n`
}

const newline = 0x0a
const segmentEnd = Buffer.from('{"to":')

/** Splits a stream of bytes into header and segments; bounds every line and segment; holds one segment at most. */
export class ChunkReader {
  #held = Buffer.allocUnsafe(64 * 1024)
  /** Bytes of #held in use; byte 0 is the newline a segment's body begins with. */
  #length = 1
  #lineStart = 1
  #scanned = 1
  #lines = 0
  #hasHeader = false

  constructor() {
    this.#held[0] = newline
  }

  /** Takes the next bytes; yields the parts they complete, then throws RefusalError if what follows is refused. */
  *push(piece: Uint8Array): Generator<ChunkPart> {
    this.#append(piece)
    for (;;) {
      const end = this.#held.subarray(0, this.#length).indexOf(newline, this.#scanned)
      if (end < 0) {
        this.#scanned = this.#length
        this.#boundLine(this.#length - this.#lineStart)
        return
      }
      this.#boundLine(end - this.#lineStart)
      const part = this.#endLine(end)
      if (part !== null) yield part
    }
  }

  /** The stream has ended: refuses with chunk-truncated unless it ended with a whole segment. */
  end(): void {
    if (!this.#hasHeader)
      throw new RefusalError('chunk-truncated', 'the chunk ended before its header')
    if (this.#length > 1) {
      throw new RefusalError('chunk-truncated', 'the chunk ended within a segment')
    }
  }

  #append(piece: Uint8Array): void {
    const needed = this.#length + piece.length
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#held.length * 2))
      this.#held.copy(grown, 0, 0, this.#length)
      this.#held = grown
    }
    this.#held.set(piece, this.#length)
    this.#length = needed
  }

  #boundLine(length: number): void {
    const max = this.#hasHeader ? lineBytesMax : headerBytesMax
    if (length <= max) return
    const code = this.#hasHeader ? 'line-too-long' : 'header-malformed'
    throw new RefusalError(code, `a line of more than ${max} bytes`)
  }

  #endLine(end: number): ChunkPart | null {
    const start = this.#lineStart
    this.#scanned = end + 1
    this.#lineStart = end + 1
    if (!this.#hasHeader) {
      const header = parseHeader(this.#held.subarray(start, end))
      this.#hasHeader = true
      this.#drop(end + 1)
      return { type: 'header', header }
    }
    if (this.#isSegmentEnd(start, end)) return this.#endSegment(start, end)
    this.#lines++
    if (this.#lines > segmentLinesMax || end > segmentBytesMax) {
      throw new RefusalError(
        'segment-too-long',
        `a segment of more than ${segmentLinesMax} lines or ${segmentBytesMax} bytes`,
      )
    }
    return null
  }

  #isSegmentEnd(start: number, end: number): boolean {
    const length = segmentEnd.length
    return (
      end - start > length && this.#held.compare(segmentEnd, 0, length, start, start + length) === 0
    )
  }

  #endSegment(start: number, end: number): ChunkPart {
    const { to, proof } = parseSegmentEnd(this.#held.subarray(start, end))
    const body = new Uint8Array(start)
    body.set(this.#held.subarray(0, start))
    this.#drop(end + 1)
    this.#lines = 0
    return { type: 'segment', segment: { body, to, proof } }
  }

  /** Forgets everything before `position`, keeping the leading newline. */
  #drop(position: number): void {
    this.#held.copyWithin(1, position, this.#length)
    this.#length -= position - 1
    this.#lineStart = 1
    this.#scanned = 1
  }
}

function parseJson(line: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
}

function parseHeader(line: Uint8Array): ChunkHeader {
  const value = parseJson(line) as Partial<ChunkHeader> | null | undefined
  const { log, from, checkpoint } = value ?? {}
  const isHeader =
    typeof log === 'string' &&
    parseLogId(log) !== null &&
    typeof from === 'number' &&
    Number.isSafeInteger(from) &&
    from >= 0 &&
    typeof checkpoint === 'string'
  if (!isHeader) {
    throw new RefusalError('header-malformed', 'the first line must hold log, from and checkpoint')
  }
  return { log, from, checkpoint }
}

function parseSegmentEnd(line: Uint8Array): { to: number; proof: Hash[] } {
  const value = parseJson(line) as { to?: unknown; proof?: unknown } | null | undefined
  const { to, proof } = value ?? {}
  if (typeof to !== 'number' || !Number.isSafeInteger(to) || to < 0 || !Array.isArray(proof)) {
    throw new RefusalError(
      'proof-malformed',
      'a segment must end with {"to": index, "proof": [hashes]}',
    )
  }
  if (proof.length > proofHashesMax) {
    throw new RefusalError('proof-malformed', `a proof of more than ${proofHashesMax} hashes`)
  }
  return { to, proof: proof.map((text: unknown) => parseHash(text, 'proof-malformed')) }
}

function parseHash(text: unknown, code: 'proof-malformed' | 'entry-malformed'): Hash {
  const hash = typeof text === 'string' ? fromBase64(text, 32) : null
  if (hash === null) throw new RefusalError(code, 'a hash must be 32 bytes of standard base64')
  return hash
}

/** Reads the lines of a segment and their leaf hashes. The body is the caller's to give away: it is written to. */
export function readSegmentLines(body: Uint8Array): SegmentLine[] {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (!isUtf8(buffer)) throw new RefusalError('entry-malformed', 'a line is not UTF-8')
  const texts = buffer.toString('utf8', 1).split('\n')
  const lines: SegmentLine[] = []
  let start = 1
  for (let i = 0; i < texts.length - 1; i++) {
    const text = texts[i] as string
    const end = buffer.indexOf(newline, start)
    lines.push(readSegmentLine(buffer, { start, end, text }))
    start = end + 1
  }
  return lines
}

function readSegmentLine(
  buffer: Buffer,
  { start, end, text }: { start: number; end: number; text: string },
): SegmentLine {
  if (text.startsWith('"')) {
    const encoded = text.endsWith('"') ? text.slice(1, -1) : null
    return { type: 'blank', leaf: parseHash(encoded, 'entry-malformed') }
  }
  if (text.startsWith('{"blank":')) {
    const run = parseBlankRun(text)
    if (run !== null) return run
  }
  buffer[start - 1] = 0
  const leaf = hashLeafPrefixed(buffer.subarray(start - 1, end))
  buffer[start - 1] = newline
  return { type: 'entry', bytes: buffer.subarray(start, end), text, leaf }
}

/** An aligned run of blanks folded to its subtree hash; null when the line is an entry after all. */
function parseBlankRun(text: string): SegmentLine | null {
  const value = parseJson(Buffer.from(text)) as {
    blank?: unknown
    hash?: unknown
    k?: unknown
  } | null
  if (value === null || value === undefined || value.k !== undefined) return null
  const count = value.blank
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 2) {
    throw new RefusalError('entry-malformed', '"blank" must be a power of two, at least 2')
  }
  const level = Math.round(Math.log2(count))
  if (2 ** level !== count) {
    throw new RefusalError('entry-malformed', '"blank" must be a power of two, at least 2')
  }
  return { type: 'blank-run', level, hash: parseHash(value.hash, 'entry-malformed') }
}
