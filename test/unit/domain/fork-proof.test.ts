import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatCheckpointBody, signCheckpoint } from '../../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import { checkForkProof, formatForkProof, parseForkProof } from '../../../src/domain/fork-proof.ts'
import { parseProofKey } from '../../../src/domain/proof-keys.ts'
import { isRefusal } from '../../../src/domain/refusal.ts'

type Vectors = {
  readonly keys: readonly string[]
  readonly judged: readonly {
    readonly name: string
    readonly text: string
    readonly isContradiction: boolean
    readonly isSigned: boolean | null
  }[]
  readonly malformed: readonly { readonly name: string; readonly text: string }[]
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../vectors/fork-proof.json'), 'utf8'),
) as Vectors
const keys = vectors.keys.map((text) => {
  const key = parseProofKey(text)
  if (key === null) throw new Error(`no key: ${text}`)
  return key
})

function codeOf(text: string): string | null {
  try {
    parseForkProof(text)
    return null
  } catch (error) {
    return isRefusal(error) ? error.code : String(error)
  }
}

function holds(text: string): boolean {
  const code = codeOf(text)
  if (code !== null) {
    expect(code).toBe('proof-malformed')
    return false
  }
  const { isContradiction, isSigned } = checkForkProof(parseForkProof(text), keys)
  return isContradiction && isSigned === true
}

describe('a proof of a fork', () => {
  test.each(vectors.judged)('is judged as the vectors say: $name', (given) => {
    const proof = parseForkProof(given.text)
    const { isContradiction, isSigned } = checkForkProof(proof, keys)
    expect({ isContradiction, isSigned }).toEqual({
      isContradiction: given.isContradiction,
      isSigned: given.isSigned,
    })
    expect(formatForkProof(proof)).toBe(given.text)
  })

  test.each(vectors.malformed)('that cannot be read is refused: $name', ({ text }) => {
    expect(codeOf(text)).toBe('proof-malformed')
  })

  test('cut off anywhere, or with any byte changed, accuses nobody and is no fault', () => {
    const text = vectors.judged.find(({ name }) => name === 'of 3 and 7 lines')?.text ?? ''
    expect(holds(text)).toBe(true)
    for (let at = 0; at < text.length; at++) {
      expect(holds(text.slice(0, at))).toBe(false)
      const other = text[at] === 'A' ? 'B' : 'A'
      expect(holds(`${text.slice(0, at)}${other}${text.slice(at + 1)}`)).toBe(false)
    }
  })

  test('leaves the cosignatures of others out', () => {
    const text = vectors.judged[0]?.text ?? ''
    const proof = parseForkProof(text)
    const line = '— lyon.id.example.org AAAAAAAAAAAAAAAA\n'
    expect(formatForkProof({ ...proof, first: proof.first + line })).toBe(text)
  })

  test('has at most 4 kB for the longest log id and the greatest sizes', () => {
    const seed = new Uint8Array(32).fill(3)
    const log = `${'a'.repeat(200)}/${'b'.repeat(64)}~k3vq7xmd`
    const size = Number.MAX_SAFE_INTEGER
    const root = new Uint8Array(32).fill(9)
    const signed = (lines: number): string =>
      signCheckpoint({ log, size: lines, root }, seed, publicKeyFromSeed(seed))
    const hashes = Array.from({ length: 54 }, () => root)
    const text = formatForkProof({
      first: signed(size - 1),
      second: signed(size),
      prefix: root,
      hashes,
    })
    expect(formatCheckpointBody({ log, size, root }).length).toBeGreaterThan(300)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_000)
    expect(codeOf(text)).toBeNull()
  })
})
