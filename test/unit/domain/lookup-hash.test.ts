import { expect, test } from 'vitest'
import { formatLookupHash, lookupHash, lookupHashLatin1 } from '../../../src/domain/lookup-hash.ts'
import type { Threepid } from '../../../src/domain/threepid.ts'

const examples: readonly [Threepid, string][] = [
  [
    { address: 'alice@example.com', medium: 'email' },
    '4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc',
  ],
  [{ address: 'bob@example.com', medium: 'email' }, 'LJwSazmv46n0hlMlsb_iYxI0_HXEqy_yj6Jm636cdT8'],
  [{ address: '18005552067', medium: 'msisdn' }, 'nlo35_T5fzSGZzJApqu8lgIudJvmOQtDaHtr-I4rU7I'],
  [
    { address: 'strauss@example.com', medium: 'email' },
    'Wvo9OL_UvrDZsRecvnhshdTeilXXGbhk0J5l5rX55Ok',
  ],
]

test.each(examples)(
  '%o hashes to what the Matrix specification and its servers say',
  (threepid, expected) => {
    expect(formatLookupHash(lookupHash(threepid, 'matrixrocks'))).toBe(expected)
  },
)

test('an address beyond ASCII is hashed as UTF-8', () => {
  const threepid: Threepid = { address: 'jörg@exämple.org', medium: 'email' }
  const bytes = lookupHash(threepid, 'p')
  expect(bytes).toHaveLength(32)
  expect(formatLookupHash(bytes)).toBe('X5-8q29kpEj41KU-nx8agP8TuVrfxlHD77vdaiIkhy8')
})

test('the string form holds the same 32 bytes', () => {
  const [[threepid]] = examples as [[Threepid, string]]
  const text = lookupHashLatin1(threepid, 'matrixrocks')
  expect([...text].map((character) => character.charCodeAt(0))).toEqual([
    ...lookupHash(threepid, 'matrixrocks'),
  ])
})
