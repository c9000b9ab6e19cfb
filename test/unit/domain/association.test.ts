import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signAssociation } from '../../../src/domain/association.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import { canonicalJson, signJson, verifySignedJson } from '../../../src/domain/matrix-json.ts'

const seed = Buffer.alloc(32, 7)
const signer = { serverName: 'id.example.org', keyId: 'ed25519:paris', seed }

test('an association is signed and written as any other JSON would be', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 })
  const fields = fc.record({
    address: text,
    medium: fc.constantFrom('email', 'msisdn'),
    mxid: text,
    ts: fc.maxSafeNat(),
    not_before: fc.maxSafeNat(),
    not_after: fc.maxSafeNat(),
  })
  fc.assert(
    fc.property(fields, (given) => {
      const { association, json } = signAssociation(given, signer)
      expect(association).toEqual(signJson(given, signer.serverName, signer.keyId, seed))
      expect(json).toBe(canonicalJson(association))
      expect(JSON.parse(json)).toEqual(association)
    }),
  )
})

test('its signature is of the server, by its key', () => {
  const { association } = signAssociation(
    {
      address: '"quoted"@example.org',
      medium: 'email',
      mxid: '@\u{1f600}"\\:example.org',
      ts: 1,
      not_before: 1,
      not_after: 2,
    },
    signer,
  )
  const isSigned = (changed: object): boolean =>
    verifySignedJson(changed, 'id.example.org', 'ed25519:paris', publicKeyFromSeed(seed))
  expect(isSigned(association)).toBe(true)
  expect(isSigned({ ...association, mxid: '@mallory:example.org' })).toBe(false)
})
