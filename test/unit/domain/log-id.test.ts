import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatCheckpointBody,
  formatVerifierKey,
  verifierKey,
  verifyCheckpoint,
  verifyCosignature,
  cosign,
  signCheckpoint,
} from '../../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import {
  formatLogId,
  isAudienceName,
  isNodeName,
  lifeFromRandom,
  parseLogId,
} from '../../../src/domain/log-id.ts'

type LogIdVectors = {
  valid: { id: string; node: string; audience: string; life: string }[]
  invalid: { name: string; id: string }[]
  lives: { random: string; life: string }[]
}
type CosignatureVectors = {
  seed: string
  publicKey: string
  node: string
  vkey: string
  log: string
  logVkey: string
  size: number
  root: string
  body: string
  note: string
  cosignatures: { timeS: number; line: string }[]
  invalid: { name: string; line: string }[]
}

function read<T>(name: string): T {
  return JSON.parse(
    readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'),
  ) as T
}

const ids = read<LogIdVectors>('log-id')

describe('a log id', () => {
  test.each(ids.valid)('is taken apart and put together: $id', ({ id, ...parts }) => {
    expect(parseLogId(id)).toEqual(parts)
    expect(formatLogId(parts)).toBe(id)
  })

  test.each(ids.invalid)('is none: $name', ({ id }) => {
    expect(parseLogId(id)).toBeNull()
  })

  test('that parses is the only text for its parts', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab2z.-~/A1') }), (text) => {
        const parts = parseLogId(text)
        if (parts !== null) expect(formatLogId(parts)).toBe(text)
      }),
    )
  })

  test('fits the one path segment it travels in', () => {
    const longest = ids.valid.map(({ id }) => encodeURIComponent(id).length)
    expect(Math.max(...longest)).toBeLessThan(300)
  })

  test('names nodes and audiences that hold no separator', () => {
    for (const name of ['a/b', 'a~b', 'a b', '', 'a\n']) {
      expect(isNodeName(name)).toBe(false)
      expect(isAudienceName(name)).toBe(false)
    }
  })
})

test.each(ids.lives)('a life out of the bytes $random', ({ random, life }) => {
  expect(lifeFromRandom(Buffer.from(random, 'hex'))).toBe(life)
})

test('a life out of any eight bytes makes a log id', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      const id = formatLogId({
        node: 'paris.example',
        audience: 'site',
        life: lifeFromRandom(bytes),
      })
      expect(parseLogId(id)).not.toBeNull()
    }),
  )
})

describe('one mesh key under two names', () => {
  const vectors = read<CosignatureVectors>('cosignature')
  const seed = Buffer.from(vectors.seed, 'hex')
  const publicKey = publicKeyFromSeed(seed)
  const head = { log: vectors.log, size: vectors.size, root: Buffer.from(vectors.root, 'base64') }
  const { body, node, log } = vectors

  test('has the key ids of the vectors', () => {
    expect(Buffer.from(publicKey).toString('hex')).toBe(vectors.publicKey)
    expect(formatVerifierKey(verifierKey(node, 0x01, publicKey))).toBe(vectors.vkey)
    expect(formatVerifierKey(verifierKey(log, 0x01, publicKey))).toBe(vectors.logVkey)
  })

  test('signs checkpoints as the log', () => {
    expect(formatCheckpointBody(head)).toBe(body)
    expect(signCheckpoint(head, seed, publicKey)).toBe(vectors.note)
    expect(verifyCheckpoint(vectors.note, publicKey)).toEqual({
      ...head,
      root: new Uint8Array(head.root),
    })
  })

  test.each(vectors.cosignatures)('cosigns as the node at $timeS', ({ timeS, line }) => {
    expect(cosign({ body, name: node, seed, publicKey, timeS })).toBe(line)
    expect(verifyCosignature({ body, line, name: node, publicKey })).toEqual({ timeS })
  })

  test.each(vectors.invalid)('did not cosign: $name', ({ line }) => {
    expect(verifyCosignature({ body, line, name: node, publicKey })).toBeNull()
  })
})
