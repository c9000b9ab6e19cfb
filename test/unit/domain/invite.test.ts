import { expect, test } from 'vitest'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import {
  ephemeralSeed,
  formatEphemeralKey,
  holdsWord,
  redactAddress,
  signInvite,
  type Invite,
} from '../../../src/domain/invite.ts'
import { verifySignedJson } from '../../../src/domain/matrix-json.ts'

const shown = { local: 3, domain: 3 }

test.each([
  ['someone@example.org', 'som...@exa...'],
  ['abcd@wxyz', 'abc...@wxy...'],
  ['abc@wxy', 'a...@w...'],
  ['a@b', '...@...'],
  ['😀😀😀😀@example.org', '😀😀😀...@exa...'],
])('others see of %s only %s', (address, seen) => expect(redactAddress(address, shown)).toBe(seen))

test('more may be shown, and of a short side always something is hidden', () => {
  const more = { local: 6, domain: 8 }
  expect(redactAddress('1234567890@1234567890.com', more)).toBe('123456...@12345678...')
  expect(redactAddress('123456@1234567', more)).toBe('123...@123...')
})

test('a one-time key belongs to one invitation and one site, and is made again the same', () => {
  const seed = ephemeralSeed(Buffer.alloc(32, 1), 'token')
  expect(ephemeralSeed(Buffer.alloc(32, 1), 'token')).toEqual(seed)
  expect(ephemeralSeed(Buffer.alloc(32, 1), 'other')).not.toEqual(seed)
  expect(ephemeralSeed(Buffer.alloc(32, 2), 'token')).not.toEqual(seed)
  expect(formatEphemeralKey(publicKeyFromSeed(seed))).toMatch(/^[0-9A-Za-z_-]{43}$/)
})

test('the signature names whoever bound the address, and the invitation', () => {
  const seed = Buffer.alloc(32, 3)
  const invite: Invite = {
    token: 't',
    threepid: { medium: 'email', address: 'a@b.c' },
    roomId: '!r',
    sender: '@s:x.org',
    details: {},
    storedMs: 0,
    state: 'open',
  }
  const signer = { serverName: 'id.example.org', keyId: 'ed25519:paris', seed }
  const signed = signInvite(invite, '@b:x.org', signer)
  expect(signed).toMatchObject({ room_id: '!r', sender: '@s:x.org', token: 't', mxid: '@b:x.org' })
  const key = publicKeyFromSeed(seed)
  expect(verifySignedJson(signed.signed, 'id.example.org', 'ed25519:paris', key)).toBe(true)
  const forged = { ...signed.signed, mxid: '@c:x.org' }
  expect(verifySignedJson(forged, 'id.example.org', 'ed25519:paris', key)).toBe(false)
})

test('a blocked word is found whatever its case', () => {
  expect(holdsWord(['A room of EVIL'], ['evil'])).toBe(true)
  expect(holdsWord(['A room'], ['evil'])).toBe(false)
})
