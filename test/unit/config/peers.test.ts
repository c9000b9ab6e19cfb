import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadPeers, readPeers, type PeersReading } from '../../../src/config/peers.ts'
import { withPeerRow, type PairedRole } from '../../../src/config/peer-rows.ts'
import type { Card } from '../../../src/domain/card.ts'
import { formatVerifierKey, verifierKey } from '../../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'

function hash(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

function vkey(name: string, seed = name): string {
  return formatVerifierKey(verifierKey(name, 0x01, publicKeyFromSeed(hash(seed))))
}

function pin(text: string): string {
  return `sha256:${Buffer.from(hash(text)).toString('base64')}`
}

function row(name: string, more: object = { sibling: true }): Record<string, unknown> {
  const url = `https://${name}:8449`
  return { name, url, keys: [vkey(name)], tls_pins: [pin(name)], ...more }
}

function read(peers: unknown[], options: { arePinsNeeded?: boolean } = {}): PeersReading {
  const known = { file: 'peers.json', ownName: 'own.example', arePinsNeeded: true, ...options }
  return readPeers(JSON.stringify({ peers }), known)
}

test('the example shows rows this version reads without a complaint', () => {
  const file = join(import.meta.dirname, '../../../peers.example.json')
  const { peers, problems } = loadPeers(file, 'paris.id.example.org')
  expect(problems).toEqual([])
  expect(peers.map(({ name, role }) => [name, role.type])).toEqual([
    ['lyon.id.example.org', 'sibling'],
    ['oslo.id.example.org', 'sibling'],
    ['id.acme.example', 'partner'],
  ])
})

test('a missing file means no peers, a file that is no JSON is reported', () => {
  expect(loadPeers('/nowhere/peers.json', 'own.example')).toEqual({
    peers: [],
    problems: [],
    warnings: [],
  })
  const broken = readPeers('{', { file: 'peers.json', ownName: 'a', arePinsNeeded: true })
  expect(broken.problems[0]).toMatchObject({ row: 'peers.json' })
  for (const text of ['[]', '3', '{"peers": {}}']) {
    const known = { file: 'peers.json', ownName: 'a', arePinsNeeded: true }
    expect(readPeers(text, known).problems, text).toHaveLength(1)
  }
})

const badRows: Record<string, unknown> = {
  'no object': 7,
  'no name': { ...row('b.example'), name: undefined },
  'a name in capitals': row('B.example'),
  'no role': row('b.example', {}),
  'both roles': row('b.example', {
    sibling: true,
    partner: { audience: 'acme', rank: 1, accept: [] },
  }),
  'an unknown member': row('b.example', { sibling: true, pins: [] }),
  'a key of another name': { ...row('b.example'), keys: [vkey('c.example')] },
  'a key whose id was altered': {
    ...row('b.example'),
    keys: [vkey('b.example').replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
  },
  'no key': { ...row('b.example'), keys: [] },
  'no pin': { ...row('b.example'), tls_pins: [] },
  'a pin cut short': { ...row('b.example'), tls_pins: ['sha256:abcd'] },
  'a plain http URL': { ...row('b.example'), url: 'http://b.example' },
  'rank 0 for a partner': row('b.example', { partner: { audience: 'acme', rank: 0, accept: [] } }),
  'the audience of siblings for a partner': row('b.example', {
    partner: { audience: 'site', rank: 1, accept: [] },
  }),
  'a pattern that is none': row('b.example', {
    partner: { audience: 'acme', rank: 1, accept: ['mail:*'] },
  }),
  'a Sydent peer': { name: 'b.example', protocol: 'sydent', sibling: true },
}

for (const [what, bad] of Object.entries(badRows)) {
  test(`a row with ${what} is skipped and leaves the others alone`, () => {
    const { peers, problems } = read([row('a.example'), bad, row('z.example')])
    expect(peers.map(({ name }) => name)).toEqual(['a.example', 'z.example'])
    expect(problems).toHaveLength(1)
    expect(problems[0]?.row).toMatch(/^peers\[1\]/)
    expect(problems[0]?.message).not.toBe('')
  })
}

test('our own row is ignored, whatever stands in it', () => {
  expect(read([{ name: 'own.example' }])).toEqual({ peers: [], problems: [], warnings: [] })
})

test('two rows never share a name, a pin or a mesh key', () => {
  const twin = { ...row('b.example'), keys: [vkey('b.example', 'a.example')] }
  for (const second of [
    row('a.example'),
    { ...row('b.example'), tls_pins: [pin('a.example')] },
    twin,
  ]) {
    const { peers, problems } = read([row('a.example'), second])
    expect(peers.map(({ name }) => name)).toEqual(['a.example'])
    expect(problems).toHaveLength(1)
  }
})

test('with certificates of a CA a row needs no pin', () => {
  const bare = { ...row('a.example'), tls_pins: [] }
  expect(read([bare], { arePinsNeeded: false }).peers).toHaveLength(1)
})

const sibling: PairedRole = { type: 'sibling' }
const card: Card = {
  name: 'b.example',
  url: 'https://b.example:8449',
  vkey: vkey('b.example'),
  pin: pin('b.example'),
}

function pair(
  content: unknown,
  wanted: { card?: Card; role?: PairedRole; isForced?: boolean } = {},
) {
  return withPeerRow(content, { card, role: sibling, isForced: false, ...wanted })
}

test('pairing adds a row that can be read, and keeps everything else of the file', () => {
  const before = {
    audiences: { acme: { share: ['*'] } },
    note: 1,
    peers: [{ name: 'odd' }, row('a.example')],
  }
  const { content, change } = pair(before)
  expect(change).toBe('added')
  expect(content).toMatchObject({ audiences: before.audiences, note: 1 })
  expect((content['peers'] as unknown[]).slice(0, 2)).toEqual(before.peers)
  expect(read(content['peers'] as unknown[]).peers.map(({ name }) => name)).toEqual([
    'a.example',
    'b.example',
  ])
  expect(pair(content).change).toBe('unchanged')
})

test('another URL alone is taken over, another key, pin or role only when forced', () => {
  const { content } = pair({ peers: [] })
  const moved = pair(content, { card: { ...card, url: 'https://new.example' } })
  expect(moved.change).toBe('changed')
  expect(moved.content).toMatchObject({ peers: [{ url: 'https://new.example' }] })
  const rekeyed = { ...card, vkey: vkey('b.example', 'other') }
  const partner: PairedRole = { type: 'partner', audience: 'acme', rank: 1, accept: ['*'] }
  expect(() => pair(content, { card: rekeyed })).toThrow(/another mesh key/)
  expect(() => pair(content, { card: { ...card, pin: pin('x') } })).toThrow(/another TLS pin/)
  expect(() => pair(content, { role: partner })).toThrow(/as a sibling/)
  expect(pair(content, { card: rekeyed, isForced: true }).content).toEqual({
    peers: [
      { name: card.name, url: card.url, keys: [rekeyed.vkey], tls_pins: [card.pin], sibling: true },
    ],
  })
  expect(pair(content, { role: partner, isForced: true }).content).toMatchObject({
    peers: [{ partner: { audience: 'acme', rank: 1, accept: ['*'] } }],
  })
})

test('a row with a key to come keeps it when the present one is paired again', () => {
  const next = vkey('b.example', 'next')
  const content = { peers: [{ ...row('b.example'), keys: [card.vkey, next] }] }
  expect(pair(content).change).toBe('unchanged')
})

test('pairing a partner again keeps what pairing does not set', () => {
  const partner = { audience: 'acme', rank: 1, accept: ['*'], max_entries: 5 }
  const content = { peers: [row('b.example', { partner })] }
  const role: PairedRole = {
    type: 'partner',
    audience: 'acme',
    rank: 2,
    accept: ['email:*@b.example'],
  }
  expect(pair(content, { role }).content).toMatchObject({
    peers: [{ partner: { rank: 2, max_entries: 5 } }],
  })
})

test('a card with the TLS pin of another peer is refused', () => {
  expect(() => pair({ peers: [{ ...row('a.example'), tls_pins: [card.pin] }] })).toThrow(
    /a\.example/,
  )
})
