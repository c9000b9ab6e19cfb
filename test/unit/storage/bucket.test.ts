import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatLookupHash, lookupHash } from '../../../src/domain/lookup-hash.ts'
import type { Threepid } from '../../../src/domain/threepid.ts'
import { bucketOfText, bucketOfThreepid, isHashText } from '../../../src/storage/sqlite/bucket.ts'
import { indexOf, lineId, logNumberOf } from '../../../src/storage/sqlite/line-id.ts'

test('a bucket is the first 53 bits of the hash, from a 3PID as from a sent text', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (address, pepper) => {
      const threepid: Threepid = { medium: 'email', address }
      const hash = lookupHash(threepid, pepper)
      const expected = Number(Buffer.from(hash).readBigUInt64BE() >> 11n)
      expect(bucketOfThreepid(threepid, pepper)).toBe(expected)
      expect(bucketOfText(formatLookupHash(hash))).toBe(expected)
      expect(isHashText(formatLookupHash(hash))).toBe(true)
    }),
  )
})

test('the greatest and the least hash have a bucket', () => {
  const greatest = formatLookupHash(new Uint8Array(32).fill(255))
  expect([bucketOfText(greatest), bucketOfText('A'.repeat(43))]).toEqual([2 ** 53 - 1, 0])
})

const ofAlphabet = (characters: string): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters), minLength: 43, maxLength: 43 })

test('a text is a hash only where decoding and encoding it gives it back', () => {
  const texts = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'AZaz09-_'), minLength: 40, maxLength: 46 }),
    ofAlphabet('Aé\u0000\u0141\uffff'),
    ofAlphabet('ABCXYZabcxyz0189-_'),
    ofAlphabet('AQgw048-_+/='),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const bytes = Buffer.from(text, 'base64url')
      const isHash = bytes.length === 32 && bytes.toString('base64url') === text
      expect(isHashText(text)).toBe(isHash)
      if (isHash) expect(bucketOfText(text)).toBe(Number(bytes.readBigUInt64BE() >> 11n))
      else if (text.length !== 43) expect(bucketOfText(text)).toBe(-1)
    }),
    { numRuns: 300 },
  )
})

test('a bad character in the prefix has no bucket', () => {
  for (let at = 0; at < 9; at++) {
    for (const bad of ['+', '=', ' ', '\u0000', '\u0141', '\uffff']) {
      expect(bucketOfText(`${'A'.repeat(at)}${bad}${'A'.repeat(42 - at)}`)).toBe(-1)
    }
  }
})

test('log number and index come back from a line id, which stays a safe integer', () => {
  for (const no of [1, 2, 32_768, 2 ** 21 - 1]) {
    for (const index of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
      const id = lineId(no, index)
      expect(Number.isSafeInteger(id)).toBe(true)
      expect([logNumberOf(id), indexOf(id)]).toEqual([no, index])
    }
  }
  expect(() => lineId(2 ** 21, 0)).toThrow(RangeError)
  expect(() => lineId(1, 2 ** 32)).toThrow(RangeError)
})
