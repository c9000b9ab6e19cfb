import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ChunkReader,
  formatBlank,
  formatHeader,
  formatSegmentEnd,
  readSegmentLines,
  type ChunkPart,
} from '../../../src/domain/chunk.ts'
import {
  hashLeaf,
  TreeBuilder,
  verifyConsistency,
  type Hash,
} from '../../../src/domain/merkle-tree.ts'
import { isRefusal } from '../../../src/domain/refusal.ts'

type Text = { name: string; text?: string; base64?: string; pieces?: [string, number][] }
type Vectors = {
  log: string
  lines: string[]
  leaves: string[]
  roots: string[]
  valid: (Text & { from: number; size: number; root: string; blanks?: number[] })[]
  unreadable: (Text & { refusal: string })[]
}
const file = new URL('../../vectors/chunk.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

function bytesOf({ text, base64, pieces }: Text): Buffer {
  if (base64 !== undefined) return Buffer.from(base64, 'base64')
  return Buffer.from(text ?? (pieces ?? []).map(([piece, times]) => piece.repeat(times)).join(''))
}

/** Everything a stream yields, as plain values, and the code it ends with. */
function readAll(pieces: Iterable<Uint8Array>): { parts: unknown[]; code: string } {
  const reader = new ChunkReader()
  const parts: unknown[] = []
  try {
    for (const piece of pieces) for (const part of reader.push(piece)) parts.push(plain(part))
    reader.end()
    return { parts, code: 'whole' }
  } catch (error) {
    if (!isRefusal(error)) throw error
    return { parts, code: error.code }
  }
}

function plain(part: ChunkPart): unknown {
  if (part.type === 'header') return part.header
  const { body, to, proof } = part.segment
  const text = Buffer.from(body).toString('latin1')
  return {
    text,
    to,
    proof: proof.map(hex),
    lines: readSegmentLines(body).map((line) => ({
      ...line,
      bytes: 'bytes' in line ? Buffer.from(line.bytes).toString('latin1') : '',
    })),
  }
}

function hex(hash: Hash): string {
  return Buffer.from(hash).toString('hex')
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]
  return places.slice(1).map((end, i) => bytes.slice(places[i], end))
}

describe('a chunk', () => {
  test.each(vectors.valid)('is read to its lines: $name', (given) => {
    const reader = new ChunkReader()
    const builder = new TreeBuilder({ size: 0, hashes: [] })
    for (let i = 0; i < given.from; i++)
      builder.add(Buffer.from(vectors.leaves[i] as string, 'base64'))
    for (const part of reader.push(bytesOf(given))) {
      if (part.type === 'header') {
        expect(part.header).toMatchObject({ log: vectors.log, from: given.from })
        continue
      }
      for (const line of readSegmentLines(part.segment.body)) {
        const index = builder.size
        const isBlank = given.blanks?.includes(index) === true
        expect(line.type).toBe(isBlank ? 'blank' : 'entry')
        if (line.type === 'entry')
          expect(Buffer.from(line.bytes).toString()).toBe(vectors.lines[index])
        if (line.type !== 'blank-run') builder.add(line.leaf)
      }
      const root = Buffer.from(vectors.roots.at(-1) as string, 'base64')
      const { to, proof } = part.segment
      expect(builder.size).toBe(to)
      expect(
        verifyConsistency({
          oldSize: to,
          oldRoot: builder.root(),
          newSize: vectors.lines.length,
          newRoot: root,
          proof,
        }),
      ).toBe(true)
    }
    reader.end()
    expect(Buffer.from(builder.root()).toString('base64')).toBe(given.root)
    expect(builder.size).toBe(given.size)
  })

  test.each(vectors.unreadable)('is refused: $name', (given) => {
    expect(readAll([bytesOf(given)]).code).toBe(given.refusal)
  })

  test.each([...vectors.valid, ...vectors.unreadable.filter(({ pieces }) => pieces === undefined)])(
    'cut anywhere is the same: $name',
    (given) => {
      const bytes = bytesOf(given)
      const whole = readAll([bytes])
      const cuts = fc.array(fc.nat(bytes.length), { maxLength: 12 })
      fc.assert(
        fc.property(cuts, (places) => {
          expect(readAll(cutAt(bytes, places))).toEqual(whole)
        }),
        { numRuns: 30 },
      )
    },
  )

  test('byte by byte is the same', () => {
    const bytes = bytesOf(vectors.valid[1] as Text)
    expect(readAll(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(readAll([bytes]))
  })

  test('cut off anywhere is truncated, unless a segment has just ended', () => {
    const bytes = bytesOf(vectors.valid[1] as Text)
    const ends = new Set(
      [...bytes.toString('latin1').matchAll(/(?<=^|\n)(\{"to"|\{"log")[^\n]*\n/g)].map(
        (match) => match.index + match[0].length,
      ),
    )
    for (let length = 0; length < bytes.length; length++) {
      expect(readAll([bytes.subarray(0, length)]).code).toBe(
        ends.has(length) ? 'whole' : 'chunk-truncated',
      )
    }
    expect(ends.size).toBe(4)
  })

  test('of noise is refused by name or read, never a fault', () => {
    const noise = fc.array(
      fc.oneof(
        fc.uint8Array(),
        fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
        fc.constantFrom('\n', '{"to":', '"', header, '{"blank":').map((text) => Buffer.from(text)),
      ),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(noise, (pieces) => {
        expect(typeof readAll(pieces).code).toBe('string')
      }),
    )
    fc.assert(
      fc.property(noise, (pieces) => {
        expect(typeof readAll([Buffer.from(header), ...pieces]).code).toBe('string')
      }),
    )
  })
})

const header = formatHeader({ log: vectors.log, from: 0, checkpoint: 'x' })
const hash = new Uint8Array(32).fill(3)

function linesOf(...lines: (string | Uint8Array)[]): ReturnType<typeof readSegmentLines> {
  const reader = new ChunkReader()
  const body = Buffer.concat([
    Buffer.from(header),
    ...lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]),
    Buffer.from(formatSegmentEnd(lines.length, [])),
  ])
  const found: ReturnType<typeof readSegmentLines> = []
  for (const part of reader.push(body))
    if (part.type === 'segment') found.push(...readSegmentLines(part.segment.body))
  return found
}

describe('a line', () => {
  const hostile = [
    '{"x":"\u2028\u2029\u0085"}',
    '{"x":"😀é\u202e"}',
    '{"x":"\\ud800"}',
    ' {"to":1}',
    '{"tO":1}',
    '{ "to":1}',
    '{"to" :1}',
    '[{"to":1}]',
    '{"x":1}\r',
    '\ufeff{}',
    '\u0000',
    '',
    'x'.repeat(32_768),
  ]

  test.each(hostile)('is kept as the exact bytes that came: %j', (line) => {
    const [found] = linesOf(line)
    expect(found).toMatchObject({ type: 'entry', text: line, leaf: hashLeaf(Buffer.from(line)) })
    if (found?.type === 'entry') expect(Buffer.from(found.bytes).toString()).toBe(line)
  })

  test('and its neighbours do not disturb each other', () => {
    const lines = ['{"a":1}', '', '{"b":2}', 'x']
    const found = linesOf(...lines)
    expect(found.map((line) => ('text' in line ? line.text : ''))).toEqual(lines)
    for (const line of found)
      if (line.type === 'entry') expect(line.leaf).toEqual(hashLeaf(line.bytes))
  })

  test('in quotes is a blank: its leaf hash alone', () => {
    expect(linesOf(formatBlank(hash).trimEnd())).toEqual([{ type: 'blank', leaf: hash }])
  })

  test('may fold a run of blanks of a power of two', () => {
    const text = Buffer.from(hash).toString('base64')
    expect(linesOf(`{"blank":1024,"hash":"${text}"}`)).toEqual([
      { type: 'blank-run', level: 10, hash },
    ])
    expect(linesOf(`{"blank":${2 ** 52},"hash":"${text}"}`)).toMatchObject([{ level: 52 }])
  })

  test('that is an entry with a member "blank" is an entry', () => {
    expect(linesOf('{"blank":3,"k":"wink","t":1}')).toMatchObject([{ type: 'entry' }])
  })

  test('that begins like the end of a segment is one', () => {
    const lines = `${header}{"to":0,"proof":[],"k":"wink"}\n`
    expect(readAll([Buffer.from(lines)])).toMatchObject({ code: 'whole', parts: [{}, { to: 0 }] })
  })
})

describe('the bounds', () => {
  const endOf = (to: number): string => `{"to":${to},"proof":[]}\n`
  const codeOf = (...texts: string[]): string =>
    readAll(texts.map((text) => Buffer.from(text))).code

  test('a header of 64 KiB is read', () => {
    const filler = 'x'.repeat(
      65_536 - formatHeader({ log: vectors.log, from: 0, checkpoint: '' }).length + 1,
    )
    const text = formatHeader({ log: vectors.log, from: 0, checkpoint: filler })
    expect(text.length).toBe(65_537)
    expect(codeOf(text)).toBe('whole')
    expect(codeOf(text.replace('xx', 'xxx'))).toBe('header-malformed')
  })

  test('500 lines are read, 501 are not', () => {
    expect(codeOf(header, '{}\n'.repeat(500), endOf(500))).toBe('whole')
    expect(codeOf(header, '{}\n'.repeat(501), endOf(501))).toBe('segment-too-long')
  })

  test('1 MiB of lines is read, a byte more is not', () => {
    const lines = `${'x'.repeat(32_767)}\n`.repeat(32)
    expect(codeOf(header, lines, endOf(32))).toBe('whole')
    expect(codeOf(header, `x${lines}`, endOf(32))).toBe('segment-too-long')
  })

  test('the bounds are those of a segment, not of a chunk', () => {
    const segment = '{}\n'.repeat(500)
    expect(codeOf(header, segment, endOf(500), segment, endOf(1000), segment, endOf(1500))).toBe(
      'whole',
    )
  })

  test('a proof of 64 hashes is read', () => {
    expect(codeOf(header, formatSegmentEnd(0, Array<Hash>(64).fill(hash)))).toBe('whole')
    expect(codeOf(header, formatSegmentEnd(0, Array<Hash>(65).fill(hash)))).toBe('proof-malformed')
  })

  test('what is refused at its end keeps the segments before', () => {
    const { parts, code } = readAll([Buffer.from(`${header}{}\n${endOf(1)}${'{}\n'.repeat(501)}`)])
    expect(code).toBe('segment-too-long')
    expect(parts).toHaveLength(2)
  })
})
