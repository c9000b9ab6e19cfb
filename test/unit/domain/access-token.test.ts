import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashToken, isGenuineToken, mintAccessToken } from '../../../src/domain/access-token.ts'

const secret = Buffer.alloc(32, 1)
const random = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7))
const token = mintAccessToken(secret, random)

test('a token is 68 characters that need no escaping in a URL', () => {
  expect(token).toMatch(/^myc_[A-Za-z0-9_-]{64}$/)
})

test('a sibling under the same secret knows a genuine token, one under another does not', () => {
  expect(isGenuineToken(secret, token)).toBe(true)
  expect(isGenuineToken(Buffer.alloc(32, 2), token)).toBe(false)
})

test('no single changed character passes', () => {
  for (let i = 0; i < token.length; i++) {
    const changed = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1)
    expect(isGenuineToken(secret, changed)).toBe(false)
  }
})

test.each(['', 'myc_', token.slice(4), `${token}A`, `${token}\n`, ` ${token}`, token.slice(0, -1)])(
  'garbage %j is refused',
  (garbage) => {
    expect(isGenuineToken(secret, garbage)).toBe(false)
  },
)

test('different chance makes different tokens, and too little chance makes none', () => {
  expect(mintAccessToken(secret, Buffer.alloc(32))).not.toBe(token)
  expect(() => mintAccessToken(secret, Buffer.alloc(31))).toThrow(RangeError)
})

test('what is stored is the SHA-256 of the text', () => {
  expect(hashToken(token)).toEqual(createHash('sha256').update(token).digest())
})
