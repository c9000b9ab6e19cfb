import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseEntry, threepidOf, type Entry } from '../../../src/domain/entry.ts'
import { beginLine, bindLine, closeLine, unbindLine } from '../../../src/domain/entry-line.ts'
import { canonicalJson } from '../../../src/domain/matrix-json.ts'
import { hashLeaf } from '../../../src/domain/merkle-tree.ts'

type Vectors = {
  valid: { name: string; line: string; leaf: string; says: object }[]
  invalid: { name: string; line: string; refusal: string }[]
}
const file = new URL('../../vectors/entries.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

function parse(line: string): Entry {
  return parseEntry(line, Buffer.byteLength(line))
}

/** An entry without the depth in which a bind keeps its association. */
function flat(entry: Entry): object {
  if (entry.kind !== 'bind' && entry.kind !== 'unbind') return entry
  const { address, medium } = threepidOf(entry) ?? {}
  const mxid = entry.kind === 'bind' ? entry.association.mxid : entry.mxid
  return { ...entry, address, medium, mxid }
}

describe('the vectors', () => {
  test.each(vectors.valid)('are read: $name', ({ line, leaf, says }) => {
    expect(flat(parse(line))).toMatchObject(says)
    expect(Buffer.from(hashLeaf(Buffer.from(line))).toString('base64')).toBe(leaf)
  })

  test.each(vectors.invalid)('are refused: $name', ({ line, refusal }) => {
    expect(() => parse(line)).toThrowError(expect.objectContaining({ code: refusal }) as Error)
  })
})

// ---- what we write

/** Text of any kind that has a UTF-8 form. */
const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 60 })
  .filter((each) => !/\p{Surrogate}/u.test(each) && !each.includes('\u0000'))
const stamp = fc.integer({ min: 1, max: 2 ** 53 - 1 })
const time = fc.oneof(fc.nat(), fc.constant(2 ** 53 - 1))
const nonce = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64'))
const pair = fc.record({
  medium: fc.constantFrom('email', 'msisdn'),
  address: text,
  mxid: text,
  nonce,
})
const copied = fc.record({ at: stamp, via: text }, { requiredKeys: [] })
const signatures = fc.dictionary(
  text,
  fc.dictionary(text, fc.string({ maxLength: 86 }), { maxKeys: 2 }),
  { maxKeys: 2 },
)

function isCanonical(line: string): void {
  expect(line).toBe(canonicalJson(JSON.parse(line)))
}

describe('what is written', () => {
  test('of a bind is canonical and reads as it was meant', () => {
    fc.assert(
      fc.property(pair, copied, stamp, time, signatures, (given, more, t, ts, signed) => {
        const { medium, address, mxid } = given
        const association = {
          address,
          medium,
          mxid,
          not_after: ts,
          not_before: ts,
          signatures: signed,
          ts,
        }
        const line = bindLine(
          { kind: 'bind', ...given, ...more, associationJson: canonicalJson(association) },
          t,
        )
        isCanonical(line)
        const at = more.at === undefined ? null : Math.min(more.at, t)
        expect(parse(line)).toEqual({
          kind: 'bind',
          stamp: t,
          at,
          via: more.via ?? null,
          association: JSON.parse(JSON.stringify(association)) as object,
        })
      }),
    )
  })

  test('of an unbind is canonical and reads as it was meant', () => {
    const covering = fc.option(fc.nat(300_000 * 1024))
    fc.assert(
      fc.property(pair, copied, stamp, covering, (given, more, t, more2) => {
        const covers = more2 === null ? null : Math.min(t + more2, 2 ** 53 - 1)
        const line = unbindLine({ kind: 'unbind', ...given, ...more }, t, covers)
        isCanonical(line)
        const { medium, address, mxid } = given
        const at = more.at === undefined ? null : Math.min(more.at, t)
        const expected = {
          kind: 'unbind',
          stamp: t,
          at,
          via: more.via ?? null,
          covers,
          forget: false,
          threepid: { medium, address },
          mxid,
        }
        expect(parse(line)).toEqual(expected)
      }),
    )
  })

  const log = 'paris.example/site~aaaaaaaa'
  const root = Buffer.alloc(32, 5).toString('base64')
  const head = fc.record({ log: fc.constant(log), size: time, root: fc.constant(root) })
  const key = fc.record({
    key_id: fc.constantFrom('ed25519:1', 'ed25519:paris_2'),
    key: fc.string({ maxLength: 43 }),
    valid_from: time,
    expired_at: fc.option(time),
  })

  test('of a begin is canonical and reads as it was meant', () => {
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 3 }),
        fc.option(head),
        fc.option(text),
        text,
        stamp,
        (matrixKeys, prev, recoveryKey, serverName, t) => {
          const begin = {
            node: 'paris.example',
            serverName,
            audience: 'site',
            meshKey: 'paris.example+00000000+AQ==',
            matrixKeys,
            recoveryKey,
            prev,
          }
          const line = beginLine(begin, t)
          isCanonical(line)
          expect(parse(line)).toEqual({ kind: 'begin', stamp: t, ...begin })
        },
      ),
    )
  })

  test('of a close is canonical and reads as it was meant', () => {
    fc.assert(
      fc.property(head, stamp, (closed, t) => {
        const line = closeLine(closed, t)
        isCanonical(line)
        expect(parse(line)).toEqual({ kind: 'close', stamp: t, closed })
      }),
    )
  })

  test('holds no newline, whatever it is made of', () => {
    const operation = {
      kind: 'unbind',
      medium: 'email',
      address: 'a\nb\r\u2028',
      mxid: '@a\n:b',
      nonce: 'A'.repeat(22),
    } as const
    expect(unbindLine(operation, 1, null)).not.toContain('\n')
  })
})

describe('what is read', () => {
  test('is an entry or a refusal by name, whatever comes', () => {
    const codes = new Set<string>()
    const fields = fc.record(
      {
        k: fc.constantFrom('bind', 'unbind', 'begin', 'close', 'x'),
        t: fc.oneof(stamp, fc.jsonValue()),
        a: fc.jsonValue(),
        z: fc.jsonValue(),
        at: fc.jsonValue(),
        v: fc.jsonValue(),
        prev: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const lines = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fields.map((each) => JSON.stringify(each)),
    )
    fc.assert(
      fc.property(lines, (line) => {
        try {
          parse(line)
        } catch (error) {
          codes.add((error as { code: string }).code)
        }
      }),
      { numRuns: 2_000 },
    )
    expect([...codes]).toEqual(['entry-malformed'])
  })

  test('keeps a member named __proto__ from becoming a prototype', () => {
    const line =
      '{"a":{"__proto__":{"mxid":"@evil:x"},"address":"a@x","medium":"email"},"k":"unbind","t":1,"z":"AAAAAAAAAAAAAAAAAAAAAA=="}'
    expect(() => parse(line)).toThrowError(
      expect.objectContaining({ code: 'entry-malformed' }) as Error,
    )
  })

  test('of a line nested without end is a refusal, not a crash', () => {
    const line = `{"k":"bind","t":1,"a":${'['.repeat(900)}${']'.repeat(900)}}`
    expect(() => parse(line)).toThrowError(
      expect.objectContaining({ code: 'entry-malformed' }) as Error,
    )
  })
})
