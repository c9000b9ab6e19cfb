import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import nacl from 'tweetnacl'
import { describe, expect, test } from 'vitest'
import {
  isAcceptablePublicKey,
  publicKeyFromSeed,
  sign,
  verify,
} from '../../../src/domain/ed25519.ts'
import { keyObjectsMax } from '../../../src/domain/limits.ts'

type Signed = { publicKey: string; message: string; signature: string }
const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/ed25519.json', import.meta.url), 'utf8'),
) as {
  signatures: (Signed & { source: string; seed: string })[]
  refusedSignatures: (Signed & { rule: string })[]
  publicKeys: { acceptable: string[]; refused: { rule: string; publicKey: string }[] }
}
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

/* Curve arithmetic of its own: affine coordinates and the addition law of RFC 8032 section 5.1.4. */
const p = 2n ** 255n - 19n
const mod = (value: bigint) => ((value % p) + p) % p
function power(base: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return 1n
  const half = power(mod(base * base), exponent / 2n)
  return exponent % 2n === 1n ? mod(half * base) : half
}
const inverse = (value: bigint) => power(mod(value), p - 2n)
const d = mod(-121665n * inverse(121666n))
type Point = { x: bigint; y: bigint }

function add(a: Point, b: Point): Point {
  const product = d * a.x * b.x * a.y * b.y
  return {
    x: mod((a.x * b.y + b.x * a.y) * inverse(1n + product)),
    y: mod((a.y * b.y + a.x * b.x) * inverse(1n - product)),
  }
}

function encode(y: bigint, sign = 0): Uint8Array {
  const encoded = bytes(y.toString(16).padStart(64, '0')).reverse()
  encoded[31] = (encoded[31] as number) | (sign << 7)
  return encoded
}

/** Decoding by RFC 8032 section 5.1.3; null where it fails. */
function decode(encoded: Uint8Array): Point | null {
  const whole = BigInt(`0x${hex(encoded.toReversed())}`)
  const y = whole % 2n ** 255n
  if (y >= p) return null
  const square = mod((y * y - 1n) * inverse(d * y * y + 1n))
  let x = power(square, (p + 3n) / 8n)
  if (mod(x * x) !== square) x = mod(x * power(2n, (p - 1n) / 4n))
  if (mod(x * x) !== square) return null
  const isOdd = whole >> 255n === 1n
  if (x === 0n && isOdd) return null
  return { x: (x % 2n === 1n) === isOdd ? x : mod(-x), y }
}

const hasSmallOrder = (point: Point) => {
  const eightfold = [0, 1, 2].reduce((sum) => add(sum, sum), point)
  return eightfold.x === 0n && eightfold.y === 1n
}

test.each(vectors.signatures)('$source', ({ seed, publicKey, message, signature }) => {
  expect(hex(publicKeyFromSeed(bytes(seed)))).toBe(publicKey)
  expect(hex(sign(bytes(seed), bytes(message)))).toBe(signature)
  expect(verify(bytes(publicKey), bytes(message), bytes(signature))).toBe(true)
})

test.each(vectors.refusedSignatures)(
  'a signature is refused: $rule',
  ({ publicKey, message, signature }) => {
    expect(verify(bytes(publicKey), bytes(message), bytes(signature))).toBe(false)
  },
)

test('a second signature made by adding the group order is refused, though tweetnacl takes it', () => {
  const [given] = vectors.refusedSignatures.filter(({ rule }) => rule.includes('group order'))
  const { publicKey, message, signature } = given as Signed
  expect(nacl.sign.detached.verify(bytes(message), bytes(signature), bytes(publicKey))).toBe(true)
  expect(verify(bytes(publicKey), bytes(message), bytes(signature))).toBe(false)
})

test('keys and signatures are those of tweetnacl, and each verifies what the other signed', () => {
  fc.assert(
    fc.property(seeds, fc.uint8Array({ maxLength: 3_000 }), (seed, message) => {
      const pair = nacl.sign.keyPair.fromSeed(seed)
      expect(hex(publicKeyFromSeed(seed))).toBe(hex(pair.publicKey))
      const signature = sign(seed, message)
      expect(hex(signature)).toBe(hex(nacl.sign.detached(message, pair.secretKey)))
      expect(verify(pair.publicKey, message, signature)).toBe(true)
      expect(nacl.sign.detached.verify(message, signature, pair.publicKey)).toBe(true)
    }),
    { numRuns: 12 },
  )
})

test('every bit of a signature, of a message and of a key counts', () => {
  const seed = new Uint8Array(32).fill(7)
  const publicKey = publicKeyFromSeed(seed)
  const message = Buffer.from('example.org/site~aaaaaaaa\n')
  const signature = sign(seed, message)
  const flips = (value: Uint8Array) =>
    Array.from({ length: value.length * 8 }, (_, bit) => {
      const copy = new Uint8Array(value)
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
      return copy
    })
  expect(verify(publicKey, message, signature)).toBe(true)
  for (const wrong of flips(signature)) expect(verify(publicKey, message, wrong)).toBe(false)
  for (const wrong of flips(message)) expect(verify(publicKey, wrong, signature)).toBe(false)
  for (const wrong of flips(publicKey)) expect(verify(wrong, message, signature)).toBe(false)
})

test('arguments of any length are answered, never thrown at', () => {
  const lengths = fc.uint8Array({ maxLength: 70 })
  fc.assert(
    fc.property(lengths, lengths, lengths, (key, message, signature) => {
      const isRightLength = key.length === 32 && signature.length === 64
      expect([false, isRightLength]).toContain(verify(key, message, signature))
    }),
  )
})

test('seeds of another length are refused without being shown', () => {
  for (const length of [0, 31, 33, 64]) {
    const seed = new Uint8Array(length).fill(0xab)
    expect(() => sign(seed, new Uint8Array(0))).toThrow(RangeError)
    expect(() => publicKeyFromSeed(seed)).toThrow(/^expected a seed of 32 bytes, got \d+$/)
  }
})

test('buffers that are views into larger ones are read where they lie', () => {
  const [given] = vectors.signatures.slice(2)
  const { seed, publicKey, message, signature } = given as (typeof vectors.signatures)[number]
  const inside = (value: string) => {
    const around = Buffer.from(`ffff${value}ffff`, 'hex')
    return around.subarray(2, around.length - 2)
  }
  expect(hex(publicKeyFromSeed(inside(seed)))).toBe(publicKey)
  expect(hex(sign(inside(seed), inside(message)))).toBe(signature)
  expect(verify(inside(publicKey), inside(message), inside(signature))).toBe(true)
})

test('answers stay right when more keys are used than are kept', () => {
  const message = Buffer.from('m')
  const signed = Array.from({ length: 3 }, (_, i) => {
    const seed = new Uint8Array(32).fill(i)
    return { publicKey: publicKeyFromSeed(seed), signature: sign(seed, message) }
  })
  for (let i = 0; i < keyObjectsMax + 10; i++) {
    verify(encode(BigInt(1_000 + i)), message, new Uint8Array(64))
  }
  for (const { publicKey, signature } of signed) {
    expect(verify(publicKey, message, signature)).toBe(true)
    for (const other of signed) {
      expect(verify(other.publicKey, message, signature)).toBe(other.publicKey === publicKey)
    }
  }
})

describe('a public key is admitted', () => {
  test.each(vectors.publicKeys.acceptable)('%s', (key) => {
    expect(isAcceptablePublicKey(bytes(key))).toBe(true)
  })

  test('when a seed made it', () => {
    fc.assert(
      fc.property(seeds, (seed) => isAcceptablePublicKey(publicKeyFromSeed(seed))),
      { numRuns: 20 },
    )
  })

  test('exactly when it decodes and is not of small order', () => {
    fc.assert(
      fc.property(seeds, (encoded) => {
        const point = decode(encoded)
        const isGood = point !== null && !hasSmallOrder(point)
        expect(isAcceptablePublicKey(encoded)).toBe(isGood)
      }),
      { numRuns: 60 },
    )
    for (let y = 0n; y < 19n; y++) {
      for (const value of [y, p - y - 1n, p + y]) {
        for (const sign of [0, 1]) {
          const point = decode(encode(value, sign))
          const isGood = point !== null && !hasSmallOrder(point)
          expect(isAcceptablePublicKey(encode(value, sign))).toBe(isGood)
        }
      }
    }
  })
})

describe('a public key is refused:', () => {
  test.each(vectors.publicKeys.refused)('$rule', ({ publicKey }) => {
    expect(isAcceptablePublicKey(bytes(publicKey))).toBe(false)
  })

  test('the vectors name all eight points of small order', () => {
    const small = vectors.publicKeys.refused.filter(({ rule }) => rule.startsWith('small order'))
    const points = small.map(({ publicKey }) => decode(bytes(publicKey)))
    expect(points.every((point) => point !== null && hasSmallOrder(point))).toBe(true)
    expect(new Set(points.map((point) => `${point?.x} ${point?.y}`)).size).toBe(8)
  })

  test('a key of small order is refused before it verifies what nobody signed', () => {
    // OpenSSL before 3.5 says yes to this forgery, later ones no: admission must not depend on it.
    const identity = encode(1n)
    const forged = new Uint8Array([...identity, ...new Uint8Array(32)])
    const verdicts = ['one', 'two'].map((text) => verify(identity, Buffer.from(text), forged))
    expect(new Set(verdicts).size).toBe(1)
    expect(isAcceptablePublicKey(identity)).toBe(false)
  })
})
