import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  checkEntryProof,
  formatEntryProof,
  parseEntryProof,
} from '../../../src/domain/entry-proof.ts'
import { entryProofBytesMax } from '../../../src/domain/limits.ts'
import { inclusionProof } from '../../../src/domain/merkle-tree.ts'
import { parseProofKey } from '../../../src/domain/proof-keys.ts'
import { toBase64 } from '../../../src/domain/base64.ts'
import { isRefusal } from '../../../src/domain/refusal.ts'
import { formatVerifierKey, verifierKey } from '../../../src/domain/checkpoint.ts'

type Vectors = {
  readonly keys: readonly string[]
  readonly judged: readonly {
    readonly name: string
    readonly text: string
    readonly index: number
    readonly size: number
    readonly entry: string | null
    readonly isIncluded: boolean
    readonly isSigned: boolean | null
    readonly cosigners: readonly { readonly name: string; readonly timeS: number }[]
    readonly unknown: readonly string[]
  }[]
  readonly malformed: readonly { readonly name: string; readonly text: string }[]
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../vectors/entry-proof.json'), 'utf8'),
) as Vectors
const keys = vectors.keys.map((text) => {
  const key = parseProofKey(text)
  if (key === null) throw new Error(`no key: ${text}`)
  return key
})

function codeOf(text: string): string | null {
  try {
    parseEntryProof(text)
    return null
  } catch (error) {
    return isRefusal(error) ? error.code : String(error)
  }
}

describe('a proof of an entry', () => {
  test.each(vectors.judged)('is judged as the vectors say: $name', (given) => {
    const proof = parseEntryProof(given.text)
    const { checkpoint, ...verdict } = checkEntryProof(proof, keys)
    expect(proof.index).toBe(given.index)
    expect(proof.entry === null ? null : Buffer.from(proof.entry).toString()).toBe(given.entry)
    expect(checkpoint.size).toBe(given.size)
    const { isIncluded, isSigned, cosigners, unknown } = given
    expect(verdict).toEqual({ isIncluded, isSigned, cosigners, unknown })
    expect(formatEntryProof(proof)).toBe(given.text)
  })

  test.each(vectors.malformed)('that cannot be read is refused: $name', ({ text }) => {
    expect(codeOf(text)).toBe('proof-malformed')
  })

  test('of more bytes than any honest one is refused unread', () => {
    const given = parseEntryProof(vectors.judged[0]?.text ?? '')
    const long = (bytes: number): string =>
      formatEntryProof({ ...given, entry: new Uint8Array(bytes) })
    expect(codeOf(long(90 * 1024))).toBeNull()
    expect(codeOf(long(entryProofBytesMax))).toBe('proof-malformed')
  })

  test('cut off anywhere, or with any byte changed, proves nothing and is no fault', () => {
    const text = vectors.judged.find(({ name }) => name.startsWith('cosigned by a'))?.text ?? ''
    const holds = (changed: string): boolean => {
      const code = codeOf(changed)
      if (code !== null) {
        expect(code).toBe('proof-malformed')
        return false
      }
      const verdict = checkEntryProof(parseEntryProof(changed), keys)
      return verdict.isIncluded && verdict.isSigned === true && verdict.cosigners.length === 1
    }
    expect(holds(text)).toBe(true)
    for (let at = 0; at < text.length; at++) {
      expect(holds(text.slice(0, at))).toBe(false)
      const other = text[at] === 'A' ? 'B' : 'A'
      expect(holds(`${text.slice(0, at)}${other}${text.slice(at + 1)}`)).toBe(false)
    }
  })

  test('without any key tells who it would be signed by, and that nobody was asked', () => {
    const verdict = checkEntryProof(parseEntryProof(vectors.judged[0]?.text ?? ''), [])
    expect(verdict.isSigned).toBeNull()
    expect(verdict.isIncluded).toBe(true)
  })

  test('of a bind in a log of a million lines has less than 4 kB with ten cosignatures', async () => {
    const hashes = await inclusionProof(777_777, 1_000_000, () => new Uint8Array(32).fill(7))
    const log = `${'a'.repeat(60)}.id.example.org/site~k3vq7xmd`
    const line = (bytes: number, name: string): string =>
      `— ${name} ${toBase64(new Uint8Array(bytes).fill(1))}\n`
    const note = [
      `${log}\n1000000\n${toBase64(new Uint8Array(32))}\n\n`,
      line(68, log),
      ...Array.from({ length: 10 }, () => line(76, 'lyon.id.example.org')),
    ].join('')
    const proof = { index: 777_777, entry: new Uint8Array(420), hashes, note }
    expect(Buffer.byteLength(formatEntryProof(proof))).toBeLessThan(4_000)
  })

  test('is not judged by a key of small order, under which anything is signed', () => {
    const weak = new Uint8Array(32)
    weak[0] = 1
    const text = formatVerifierKey(verifierKey('paris.id.example.org', 0x01, weak))
    expect(parseProofKey(text)).toBeNull()
  })
})
