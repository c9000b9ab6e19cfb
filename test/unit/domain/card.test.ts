import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { formatCard, parseCard, type Card } from '../../../src/domain/card.ts'
import { formatVerifierKey, verifierKey } from '../../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'

const name = 'paris.id.example.org'
const publicKey = publicKeyFromSeed(createHash('sha256').update('paris').digest())
const card: Card = {
  name,
  url: 'https://paris.id.example.org:8449',
  vkey: formatVerifierKey(verifierKey(name, 0x01, publicKey)),
  pin: `sha256:${createHash('sha256').update('pin').digest('base64')}`,
}

test('a card is one line that reads back as what it was made of', () => {
  const line = formatCard(card)
  expect(line).toMatch(/^mycelid1 paris\.id\.example\.org https:\S+ \S+ sha256:\S+$/)
  expect(parseCard(line)).toEqual(card)
  expect(parseCard(`  ${line.replaceAll(' ', '\n')}\n`)).toEqual(card)
  expect(parseCard(formatCard({ ...card, url: null }))).toEqual({ ...card, url: null })
})

const weakKey = formatVerifierKey(verifierKey(name, 0x01, new Uint8Array(32)))
const cosigner = formatVerifierKey(verifierKey(name, 0x04, publicKey))

const refused: Record<string, [string, RegExp]> = {
  nothing: ['', /begins with "mycelid1"/],
  'another version': [formatCard(card).replace('mycelid1', 'mycelid2'), /another version/],
  'a missing part': [formatCard(card).split(' ').slice(0, 4).join(' '), /five parts/],
  'a part too many': [`${formatCard(card)} x`, /five parts/],
  'a name with capitals': [formatCard({ ...card, name: 'Paris.example' }), /node name/],
  'plain http': [formatCard({ ...card, url: 'http://paris.example' }), /https/],
  'a password in the URL': [formatCard({ ...card, url: 'https://a:b@paris.example' }), /password/],
  'a query in the URL': [formatCard({ ...card, url: 'https://paris.example/?a' }), /\?/],
  'the key of another name': [formatCard({ ...card, name: 'lyon.id.example.org' }), /not of "lyon/],
  'a damaged key': [formatCard({ ...card, vkey: card.vkey.replace(/.$/, '!') }), /damaged/],
  'a cosigner key': [formatCard({ ...card, vkey: cosigner }), /another type/],
  'a small-order key': [formatCard({ ...card, vkey: weakKey }), /weak/],
  'a pin of another hash': [formatCard({ ...card, pin: card.pin.replace('256', '512') }), /pin/],
  'a pin of 31 bytes': [
    formatCard({ ...card, pin: `sha256:${Buffer.alloc(31).toString('base64')}` }),
    /pin/,
  ],
}

for (const [what, [line, message]] of Object.entries(refused)) {
  test(`a card with ${what} is refused`, () => {
    expect(() => parseCard(line)).toThrow(message)
  })
}
