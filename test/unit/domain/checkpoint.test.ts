import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  appendSignature,
  cosign,
  formatCheckpointBody,
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
  verifyCheckpoint,
  verifyCosignature,
  type Checkpoint,
} from '../../../src/domain/checkpoint.ts'
import { publicKeyFromSeed, verify } from '../../../src/domain/ed25519.ts'
import { noteBytesMax, signatureLinesMax } from '../../../src/domain/limits.ts'

const seed = new Uint8Array(32).fill(1)
const publicKey = publicKeyFromSeed(seed)
const log = 'paris.id.example.org/site~abcdefgh'
const node = 'paris.id.example.org'
const root = createHash('sha256').update('a root').digest()
const body = formatCheckpointBody({ log, size: 7, root })
const signed = signCheckpoint({ log, size: 7, root }, seed, publicKey)

describe('the examples of the C2SP specifications', () => {
  const sofa = 'example.com/behind-the-sofa'
  const sofaBody = `${sofa}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n`
  const sofaLine = `— ${sofa} Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=`
  const witnessLine =
    '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=='

  test('tlog-checkpoint: the example is read, and written the same', () => {
    const note = parseNote(`${sofaBody}\n${sofaLine}\n`)
    expect(note?.body).toBe(sofaBody)
    expect(note?.checkpoint).toMatchObject({ log: sofa, size: 20852163 })
    expect(formatCheckpointBody(note?.checkpoint as never)).toBe(sofaBody)
    expect(note?.signatures).toHaveLength(1)
    expect(note?.signatures[0]).toMatchObject({ name: sofa, line: sofaLine })
    expect(note?.signatures[0]?.signature).toHaveLength(64)
  })

  test('tlog-cosignature: the cosigned example is read, with the time the text names', () => {
    const note = parseNote(`${sofaBody}\n${sofaLine}\n${witnessLine}\n`)
    expect(note?.signatures.map(({ name }) => name)).toEqual([sofa, 'witness.example.com/w1'])
    const signature = Buffer.from(note?.signatures[1]?.signature ?? [])
    expect(signature).toHaveLength(72)
    expect(signature.readBigUInt64BE()).toBe(1679315147n)
    expect(appendSignature(`${sofaBody}\n${sofaLine}\n`, witnessLine)).toBe(
      `${sofaBody}\n${sofaLine}\n${witnessLine}\n`,
    )
  })

  test('signed-note: the example key has the stated id and verifies the example signature', () => {
    const text = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
    const key = parseVerifierKey(text)
    expect(key).toMatchObject({ name: 'example.com/foo', type: 1 })
    expect(Buffer.from(key?.keyId ?? []).toString('hex')).toBe('530d903a')
    expect(formatVerifierKey(key as never)).toBe(text)
    const line = Buffer.from(
      'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=',
      'base64',
    )
    expect(line.subarray(0, 4)).toEqual(Buffer.from(key?.keyId ?? []))
    const message = Buffer.from('This is an example message.\n')
    expect(verify(key?.publicKey ?? message, message, line.subarray(4))).toBe(true)
  })

  test('signed-note: a note whose text is no checkpoint is none', () => {
    const poem =
      'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n' +
      '— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n'
    expect(parseNote(poem)).toBeNull()
  })
})

describe('a note', () => {
  const line = signed.slice(body.length + 1, -1)
  const filler = (bytes: number) => `${body}${'é'.repeat(bytes / 2)}\n\n${line}\n`

  test('is read up to its bound in bytes and not beyond', () => {
    const rest = noteBytesMax - Buffer.byteLength(filler(0))
    const even = rest - (rest % 2)
    expect(parseNote(filler(even))).not.toBeNull()
    expect(parseNote(filler(even + 2))).toBeNull()
    expect(parseNote('x'.repeat(noteBytesMax + 1))).toBeNull()
  })

  test('is read with as many signatures as its bound and no more', () => {
    const lines = (count: number) => `${body}\n${`${line}\n`.repeat(count)}`
    expect(parseNote(lines(signatureLinesMax))?.signatures).toHaveLength(signatureLinesMax)
    expect(parseNote(lines(signatureLinesMax + 1))).toBeNull()
    expect(parseNote(lines(0))).toBeNull()
  })

  test('is no note when it is not UTF-8', () => {
    expect(parseNote(signed.replace('\n\n', '\n\ud800\n\n'))).toBeNull()
    expect(parseNote(signed.replace('\n\n', '\n\ud83d\ude00\n\n'))).not.toBeNull()
  })

  test('is refused with any byte of it altered', () => {
    const bytes = Buffer.from(signed)
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 4, 32, 128]) {
        const copy = Buffer.from(bytes)
        copy[at] = (copy[at] as number) ^ bit
        expect(verifyCheckpoint(copy.toString('utf8'), publicKey)).toBeNull()
      }
    }
  })

  test('of any text is answered, never thrown at', () => {
    const pieces = [log, '\n', '\n\n', '— ', ' ', '7', '\u0000', '—', '\ud800', 'é', line, 'AAAA']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 20 }), (parts) => {
        const text = parts.join('')
        const note = parseNote(text)
        if (note === null) return
        const lines = note.signatures.map((signature) => `${signature.line}\n`)
        expect(`${note.body}\n${lines.join('')}`).toBe(text)
      }),
    )
  })
})

describe('signing and verifying', () => {
  const heads = fc.record({
    log: fc.stringMatching(/^[a-z0-9.]{1,20}\/[a-z]{1,9}~[a-z2-7]{8}$/),
    size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })

  test('any head a node signs is read back as it was', () => {
    fc.assert(
      fc.property(heads, (head) => {
        const note = signCheckpoint(head, seed, publicKey)
        expect(verifyCheckpoint(note, publicKey)).toEqual(head)
        expect(parseNote(note)?.body).toBe(formatCheckpointBody(head))
      }),
      { numRuns: 50 },
    )
  })

  test('any cosignature is read back with its time, and may stand in the note', () => {
    const times = fc.nat({ max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(heads, times, (head, timeS) => {
        const text = formatCheckpointBody(head)
        const line = cosign({ body: text, name: node, seed, publicKey, timeS })
        const given = { body: text, line, name: node, publicKey }
        expect(verifyCosignature(given)).toEqual({ timeS })
        const note = appendSignature(signCheckpoint(head, seed, publicKey), line)
        expect(verifyCheckpoint(note, publicKey)).toEqual(head)
        expect(parseNote(note)?.signatures[1]?.line).toBe(line)
      }),
      { numRuns: 50 },
    )
  })

  test('a head no note can state is never signed', () => {
    const sign = (head: object) => () =>
      signCheckpoint({ log, size: 7, root, ...head }, seed, publicKey)
    expect(sign({})).not.toThrow()
    for (const head of [
      { size: -1 },
      { size: 1.5 },
      { size: NaN },
      { size: 2 ** 53 },
      { root: root.subarray(1) },
      { log: '' },
      { log: `${log}\n8` },
      { log: `${log}\u0000` },
      { log: 'a b' },
      { log: 'a+b' },
      { log: '\ud800' },
    ]) {
      expect(sign(head), JSON.stringify(head)).toThrow(RangeError)
    }
    for (const head of [{ log: `${log}\n8` }, { log: 'a\u0000' }, { size: -1 }, { root: body }]) {
      const given = { log, size: 7, root, ...head } as Checkpoint
      expect(() => formatCheckpointBody(given), JSON.stringify(head)).toThrow(RangeError)
    }
  })

  test('a time or a name that cannot be stated is never cosigned', () => {
    const make = (given: object) => () =>
      cosign({ body, name: node, seed, publicKey, timeS: 1, ...given })
    expect(make({})).not.toThrow()
    for (const timeS of [-1, 0.5, NaN, Infinity, 2 ** 53])
      expect(make({ timeS })).toThrow(RangeError)
    for (const name of ['', 'a b', 'a+b', 'a\nb']) expect(make({ name })).toThrow(RangeError)
  })

  test('nothing but a signature line is appended to a note', () => {
    for (const line of ['', 'more', `${cosign({ ...cosigning, timeS: 1 })}\n`, '— a b c']) {
      expect(() => appendSignature(signed, line)).toThrow(RangeError)
    }
  })

  const cosigning = { body, name: node, seed, publicKey }
})

describe('a verifier key', () => {
  test('is written and read back the same', () => {
    const names = fc.stringMatching(/^[a-z0-9./~-]{1,40}$/)
    const keys = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(names, fc.constantFrom(1 as const, 4 as const), keys, (name, type, raw) => {
        const key = verifierKey(name, type, raw)
        expect(parseVerifierKey(formatVerifierKey(key))).toEqual(key)
      }),
    )
  })

  test('is not read with any character of it altered', () => {
    const text = formatVerifierKey(verifierKey(node, 4, publicKey))
    for (let at = 0; at < text.length; at++) {
      for (const other of ['A', 'b', '0', '+', '/', '=', ' ', '']) {
        const altered = text.slice(0, at) + other + text.slice(at + 1)
        if (altered !== text) expect(parseVerifierKey(altered)).toBeNull()
      }
    }
  })

  test('differs for a log and for its node, though the key is one', () => {
    const ofLog = verifierKey(log, 1, publicKey)
    const ofNode = verifierKey(node, 4, publicKey)
    const mixed = verifierKey(node, 1, publicKey)
    expect(new Set([ofLog, ofNode, mixed].map(({ keyId }) => `${keyId}`)).size).toBe(3)
  })
})
