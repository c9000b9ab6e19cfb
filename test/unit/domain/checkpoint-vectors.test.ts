import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import nacl from 'tweetnacl'
import { describe, expect, test } from 'vitest'
import {
  cosign,
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
  verifyCheckpoint,
  verifyCosignature,
} from '../../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'

type Key = { name: string; type: 1 | 4; publicKey: string; keyId: string; text: string }
type Note = { note: string; publicKey: string }
type Head = { log: string; size: number; root: string; signatures: number }
type Cosignature = { name: string; publicKey: string; body: string; line: string }
const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/checkpoint.json', import.meta.url), 'utf8'),
) as {
  seeds: { seed: string; publicKey: string }[]
  verifierKeys: { valid: Key[]; invalid: { rule: string; text: string }[] }
  checkpoints: {
    valid: (Note & Head & { case: string })[]
    malformed: (Note & { rule: string })[]
    unverified: (Note & { rule: string })[]
  }
  cosignatures: {
    valid: (Cosignature & { timeS: number })[]
    invalid: (Cosignature & { rule: string })[]
  }
}
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

/* A reading of notes of its own, by string operations and tweetnacl, for what the vectors call valid. */
function naiveKeyId(name: string, type: number, publicKey: Uint8Array): string {
  const hash = createHash('sha256').update(Buffer.from(name)).update('\n')
  return hash.update(Uint8Array.of(type)).update(publicKey).digest('hex').slice(0, 8)
}

function naiveVerify(
  line: string,
  given: { name: string; publicKey: string; type: number; messageOf: (blob: Buffer) => string },
): boolean {
  const [, name, encoded = ''] = line.split(' ')
  const blob = Buffer.from(encoded, 'base64')
  const publicKey = bytes(given.publicKey)
  const keyId = naiveKeyId(given.name, given.type, publicKey)
  if (name !== given.name || hex(blob.subarray(0, 4)) !== keyId) return false
  const signature = new Uint8Array(blob.subarray(-64))
  const message = new Uint8Array(Buffer.from(given.messageOf(blob)))
  return nacl.sign.detached.verify(message, signature, publicKey)
}

test('the seeds give the public keys', () => {
  for (const { seed, publicKey } of vectors.seeds) {
    expect(hex(publicKeyFromSeed(bytes(seed)))).toBe(publicKey)
  }
})

describe('verifier keys', () => {
  test.each(vectors.verifierKeys.valid)('$text is read and written', (given) => {
    const { name, type, publicKey, keyId, text } = given
    expect(keyId).toBe(naiveKeyId(name, type, bytes(publicKey)))
    const key = verifierKey(name, type, bytes(publicKey))
    expect(hex(key.keyId)).toBe(keyId)
    expect(formatVerifierKey(key)).toBe(text)
    expect(parseVerifierKey(text)).toEqual(key)
  })

  test.each(vectors.verifierKeys.invalid)('refused: $rule', ({ text }) => {
    expect(parseVerifierKey(text)).toBeNull()
  })
})

describe('checkpoints', () => {
  test.each(vectors.checkpoints.valid)('accepted: $case', (given) => {
    const { note, publicKey, log, size, root, signatures } = given
    const head = { log, size, root: new Uint8Array(Buffer.from(root, 'base64')) }
    expect(verifyCheckpoint(note, bytes(publicKey))).toEqual(head)
    const [body = '', lines = ''] = note.split('\n\n')
    expect(parseNote(note)?.body).toBe(`${body}\n`)
    expect(parseNote(note)?.signatures).toHaveLength(signatures)
    const given0x01 = { name: log, publicKey, type: 1, messageOf: () => `${body}\n` }
    expect(lines.split('\n').some((line) => naiveVerify(line, given0x01))).toBe(true)
  })

  test('the first is what the first seed signs', () => {
    const [{ note, log, size, root }, { seed, publicKey }] = [
      vectors.checkpoints.valid[0] as Note & Head,
      vectors.seeds[0] as { seed: string; publicKey: string },
    ]
    const head = { log, size, root: Buffer.from(root, 'base64') }
    expect(signCheckpoint(head, bytes(seed), bytes(publicKey))).toBe(note)
  })

  test.each(vectors.checkpoints.malformed)('malformed: $rule', ({ note, publicKey }) => {
    expect(parseNote(note)).toBeNull()
    expect(verifyCheckpoint(note, bytes(publicKey))).toBeNull()
  })

  test.each(vectors.checkpoints.unverified)('unverified: $rule', ({ note, publicKey }) => {
    expect(parseNote(note)).not.toBeNull()
    expect(verifyCheckpoint(note, bytes(publicKey))).toBeNull()
  })
})

describe('cosignatures', () => {
  test.each(vectors.cosignatures.valid)('accepted: by $name at $timeS', (given) => {
    const { name, publicKey, body, line, timeS } = given
    expect(verifyCosignature({ ...given, publicKey: bytes(publicKey) })).toEqual({ timeS })
    const messageOf = (blob: Buffer) => `cosignature/v1\ntime ${blob.readBigUInt64BE(4)}\n${body}`
    expect(naiveVerify(line, { name, publicKey, type: 4, messageOf })).toBe(true)
    const seed = vectors.seeds.find((pair) => pair.publicKey === publicKey)?.seed ?? ''
    const keys = { seed: bytes(seed), publicKey: bytes(publicKey) }
    expect(cosign({ body, name, ...keys, timeS })).toBe(line)
  })

  test.each(vectors.cosignatures.invalid)('refused: $rule', (given) => {
    expect(verifyCosignature({ ...given, publicKey: bytes(given.publicKey) })).toBeNull()
  })
})
