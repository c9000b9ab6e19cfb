import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseEntry, threepidOf } from '../../../src/domain/entry.ts'
import { bindLine } from '../../../src/domain/entry-line.ts'
import { readPlainBind, type PlainBind } from '../../../src/domain/plain-bind.ts'
import { isRefusal } from '../../../src/domain/refusal.ts'

const association =
  '{"address":"alice@example.org","medium":"email","mxid":"@alice:example.org","not_after":4948870085308,' +
  '"not_before":1795270085308,"signatures":{"id.example.org":{"ed25519:0":"c2lnbmF0dXJl"}},"ts":1795270085308}'
const nonce = 'jr0Me42/qC2l0f6Wa6DypQ=='
const operation = {
  kind: 'bind',
  associationJson: association,
  medium: 'email',
  address: 'alice@example.org',
  mxid: '@alice:example.org',
  nonce,
} as const
const line = bindLine(operation, 1_838_356_567_355_410)

function plain(text: string): PlainBind | null {
  return readPlainBind(text, Buffer.from(text))
}

/** What parseEntry makes of a line, as far as a plain bind tells it; null when it is refused. */
function parsed(text: string): PlainBind | null {
  try {
    const entry = parseEntry(text, Buffer.byteLength(text))
    const threepid = threepidOf(entry)
    if (entry.kind !== 'bind' || threepid === null) return null
    const { medium, address } = threepid
    return { kind: 'bind', stamp: entry.stamp, threepid: { medium, address } }
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

test('a bind as nodes write it is read without parsing it whole', () => {
  const threepid = { medium: 'email', address: 'alice@example.org' }
  expect(plain(line)).toEqual({ kind: 'bind', stamp: 1_838_356_567_355_410, threepid })
})

test('other forms are left to parseEntry', () => {
  const others = [
    bindLine({ ...operation, via: 'sydent.example.org' }, 5_000),
    bindLine({ ...operation, at: 4_000 }, 5_000),
    line.replace('alice@', '\\u0061lice@'),
    line.replace('alice@', 'älice@'),
    line.replace('"t":1', '"t":9'),
    line.replace('"t":', '"t":0'),
    line.replace('"ts":1', '"ts":1.'),
    line.replace('"z":"jr0', '"z":"'),
    line.replace('alice@', `${'a'.repeat(501)}@`),
    line.replace('@alice:', `@${'a'.repeat(250)}:`),
    line.replace('c2lnbmF0dXJl', 'c'.repeat(2_000)),
    `${line}\r`,
    ` ${line}`,
  ]
  for (const other of others) expect(plain(other), other).toBeNull()
})

test('whatever of a line is changed, a plain bind is what parseEntry reads of it', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.constantFrom('"', '\\', '\u0000', '\n', '0', '{', '}', ':', ',', '\u007f', 'ß'),
  )
  const where = fc.nat(line.length)
  fc.assert(
    fc.property(where, fc.nat(4), piece, (at, cut, inserted) => {
      const changed = line.slice(0, at) + inserted + line.slice(at + cut)
      const found = plain(changed)
      if (found !== null) expect(found).toEqual(parsed(changed))
    }),
    { numRuns: 5_000 },
  )
})
