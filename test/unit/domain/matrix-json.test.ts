import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import nacl from 'tweetnacl'
import { expect, test } from 'vitest'
import { canonicalJson, signJson, verifySignedJson } from '../../../src/domain/matrix-json.ts'
import { parseStrictJson } from '../../../src/domain/strict-json.ts'

type Named = { name: string; text: string }
type Vectors = {
  canonical: (Named & { canonical: string })[]
  withoutCanonicalForm: Named[]
  refusedText: Named[]
  signing: {
    seed: string
    entity: string
    keyId: string
    signed: { object: object; signature: string }[]
  }
}
const file = new URL('../../vectors/matrix-json.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors
const { entity, keyId, signed } = vectors.signing
const seed = Buffer.from(vectors.signing.seed, 'base64')
const publicKey = nacl.sign.keyPair.fromSeed(seed).publicKey

test.each(vectors.canonical)('canonical form: $name', ({ text, canonical }) => {
  expect(canonicalJson(parseStrictJson(text))).toBe(canonical)
  expect(canonicalJson(parseStrictJson(Buffer.from(text)))).toBe(canonical)
})

test.each(vectors.withoutCanonicalForm)('no canonical form: $name', ({ text }) => {
  const value = parseStrictJson(text)
  expect(() => canonicalJson(value)).toThrow(RangeError)
})

test.each(vectors.refusedText)('refused text: $name', ({ text }) => {
  const refused = expect.objectContaining({ code: 'body-not-json' }) as Error
  expect(() => parseStrictJson(text)).toThrowError(refused)
  expect(() => parseStrictJson(Buffer.from(text))).toThrowError(refused)
})

test('bytes that are not UTF-8 are refused', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0xff, 0xfe, 0x7b, 0],
  ]) {
    expect(() => parseStrictJson(Uint8Array.from(bytes))).toThrowError(
      expect.objectContaining({ code: 'body-not-json' }) as Error,
    )
  }
})

test('a raw lone surrogate in a string is refused', () => {
  expect(() => parseStrictJson('{"a":"\ud800"}')).toThrowError('surrogate')
})

test('64 levels are read, one more is not, and a hundred thousand do no harm', () => {
  const nested = (open: string, close: string, depth: number): string =>
    open.repeat(depth) + '0' + close.repeat(depth)
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    expect(() => parseStrictJson(nested(open, close, 64))).not.toThrow()
    for (const depth of [65, 100_000]) {
      expect(() => parseStrictJson(nested(open, close, depth))).toThrowError('levels')
    }
  }
})

test('whatever JSON writes, the strict reader reads', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value)
      if (/\\ud[89a-f]/.test(text)) return
      expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      expect(parseStrictJson(Buffer.from(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('a key that stands twice is found wherever it stands', () => {
  const key = fc.string({ unit: 'grapheme', maxLength: 3 })
  fc.assert(
    fc.property(key, fc.jsonValue({ maxDepth: 2 }), fc.nat(3), (name, value, depth) => {
      const member = `${JSON.stringify(name)} : ${JSON.stringify(value)}`
      const text = '{"x":['.repeat(depth) + `{${member}, ${member}}` + ']}'.repeat(depth)
      expect(() => parseStrictJson(text)).toThrowError()
    }),
  )
})

test('canonical form does not depend on the order of keys', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.integer()), (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse())
      expect(canonicalJson(reversed)).toBe(canonicalJson(object))
      expect(JSON.parse(canonicalJson(object))).toEqual(JSON.parse(JSON.stringify(object)))
    }),
  )
})

test('what JSON cannot say has no canonical form', () => {
  const values = [undefined, () => 0, 1n, Symbol('x'), { a: '\ud800' }, { '\udc00': 1 }]
  for (const value of values) expect(() => canonicalJson(value)).toThrow(RangeError)
})

test('a value that holds itself is refused, not followed for ever', () => {
  const ring: Record<string, unknown> = {}
  ring['ring'] = ring
  expect(() => canonicalJson(ring)).toThrow(RangeError)
})

test.each(signed)('the signature of the specification for $object', ({ object, signature }) => {
  const result = signJson(object, entity, keyId, seed)
  expect(result.signatures).toEqual({ [entity]: { [keyId]: signature } })
  expect(verifySignedJson(result, entity, keyId, publicKey)).toBe(true)
})

test('signatures and unsigned are not covered, everything else is', () => {
  const object = signJson({ a: 1, unsigned: { age: 5 } }, entity, keyId, seed)
  const verifies = (value: object): boolean => verifySignedJson(value, entity, keyId, publicKey)
  expect(verifies({ ...object, unsigned: { age: 6 } })).toBe(true)
  expect(verifies({ ...object, a: 2 })).toBe(false)
  expect(verifies({ ...object, b: 1 })).toBe(false)
})

test('a second signature leaves the first one valid', () => {
  const both = signJson(signJson({ a: 1 }, entity, keyId, seed), entity, 'ed25519:2', seed)
  expect(verifySignedJson(both, entity, keyId, publicKey)).toBe(true)
  expect(verifySignedJson(both, entity, 'ed25519:2', publicKey)).toBe(true)
})

test('a member named __proto__ is covered by the signature', () => {
  const object = parseStrictJson('{"__proto__":{"a":1},"b":2}') as object
  const result = signJson(object, entity, keyId, seed)
  expect(verifySignedJson(result, entity, keyId, publicKey)).toBe(true)
  expect(verifySignedJson({ b: 2, signatures: result.signatures }, entity, keyId, publicKey)).toBe(
    false,
  )
})

test('malformed signatures verify as false', () => {
  const good = signJson({ a: 1 }, entity, keyId, seed).signatures[entity]?.[keyId] ?? ''
  const cases: unknown[] = [
    undefined,
    null,
    5,
    {},
    { [entity]: null },
    { [entity]: { [keyId]: 5 } },
  ]
  for (const text of ['', good.slice(1), `${good}A`, good.replace(/.$/, '*')]) {
    cases.push({ [entity]: { [keyId]: text } })
  }
  for (const signatures of cases) {
    expect(verifySignedJson({ a: 1, signatures }, entity, keyId, publicKey)).toBe(false)
  }
  const fraction = { a: 1.5, signatures: { [entity]: { [keyId]: good } } }
  expect(verifySignedJson(fraction, entity, keyId, publicKey)).toBe(false)
  expect(verifySignedJson({ a: 1 }, 'constructor', 'name', publicKey)).toBe(false)
})
