import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { foldCase } from '../../../src/domain/case-folding.ts'

type Vectors = { foldings: Record<string, string> }
const file = new URL('../../vectors/case-folding.json', import.meta.url)
const { foldings } = JSON.parse(readFileSync(file, 'utf8')) as Vectors

function hex(text: string): string {
  return [...text]
    .map((c) => (c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0'))
    .join(' ')
}

const expected = new Map(
  Object.entries(foldings).map((row) => row.map(fromHex) as [string, string]),
)

function fromHex(codePoints: string): string {
  return String.fromCodePoint(...codePoints.split(' ').map((code) => Number.parseInt(code, 16)))
}

/** Capitals of Unicode 16 and 17, which the vectors' version does not know. */
const newer =
  /^[\u1c89\ua7cb\ua7cc\ua7ce\ua7d2\ua7d4\ua7da\ua7dc\u{10d50}-\u{10d65}\u{16ea0}-\u{16eb8}]$/u

test('every code point folds as Unicode says', () => {
  const wrong: string[] = []
  for (let code = 0; code < 0x110000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue
    const character = String.fromCodePoint(code)
    if (newer.test(character)) continue
    if (foldCase(character) !== (expected.get(character) ?? character)) wrong.push(hex(character))
  }
  expect(wrong).toEqual([])
})

test('what folds to one character matches it case-insensitively in a regular expression', () => {
  const wrong: string[] = []
  for (let code = 0; code < 0x110000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue
    const character = String.fromCodePoint(code)
    const folded = foldCase(character)
    if (folded === character || [...folded].length > 1) continue
    if (!new RegExp(`^\\u{${code.toString(16)}}$`, 'iu').test(folded)) wrong.push(hex(character))
  }
  expect(wrong).toEqual([])
})

test('folding twice is folding once', () => {
  for (let code = 0; code < 0x110000; code++) {
    const folded = foldCase(String.fromCodePoint(code))
    if (foldCase(folded) !== folded) expect.fail(`U+${code.toString(16)} folds further`)
  }
})

test('folding never makes a text shorter', () => {
  for (let code = 0; code < 0x110000; code++) {
    const character = String.fromCodePoint(code)
    if (foldCase(character).length < character.length) expect.fail(`U+${code.toString(16)}`)
  }
})

test.each([
  ['Strauß@Example.com', 'strauss@example.com'],
  ['STRAUẞ', 'strauss'],
  ['ΣΊΣΥΦΟΣ', 'σίσυφοσ'],
  ['ſ', 's'],
  ['ﬁ', 'fi'],
  ['\uab70', '\u13a0'],
  ['\u13a0', '\u13a0'],
  ['İ', 'i\u0307'],
  ['ı', 'ı'],
  ['\u212a', 'k'],
  ['Ａ', 'ａ'],
  ['\ud800X', '\ud800x'],
])('%s folds to %s', (text, folded) => {
  expect(foldCase(text)).toBe(folded)
})
