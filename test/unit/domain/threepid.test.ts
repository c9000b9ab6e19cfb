import { expect, test } from 'vitest'
import { canonicalThreepid, isThreepid } from '../../../src/domain/threepid.ts'

test.each([
  ['email', 'Alice@Example.ORG', 'alice@example.org'],
  ['email', 'Strauß@example.com', 'strauss@example.com'],
  ['email', 'ａ@example.org', 'ａ@example.org'],
  ['email', 'a+b.c"d@münchen.example', 'a+b.c"d@münchen.example'],
  ['email', `${'ß'.repeat(250)}@a.example`, `${'s'.repeat(500)}@a.example`],
  ['msisdn', '+447700900123', '447700900123'],
  ['msisdn', '12345', '12345'],
])('%s %s becomes %s', (medium, address, canonical) => {
  expect(canonicalThreepid(medium, address)).toEqual({ medium, address: canonical })
})

test.each([
  ['email', ''],
  ['email', 'nobody'],
  ['email', '@example.org'],
  ['email', 'alice@'],
  ['email', 'a@b@c'],
  ['email', 'a b@example.org'],
  ['email', 'a\u00a0b@example.org'],
  ['email', 'a@example.org\n'],
  ['email', 'a\u0000@example.org'],
  ['email', 'a\u0085@example.org'],
  ['email', 'a\u2028@example.org'],
  ['email', 'a\u202e@example.org'],
  ['email', '<a@example.org>'],
  ['email', 'a,b@example.org'],
  ['email', 'a\ud800@example.org'],
  ['email', `${'a'.repeat(501)}@example.org`],
  ['email', `${'ß'.repeat(251)}@example.org`],
  ['email', `${'日'.repeat(167)}@example.org`],
  ['msisdn', '1234'],
  ['msisdn', '1234567890123456'],
  ['msisdn', '++12345'],
  ['msisdn', '012345'],
  ['msisdn', '12345 '],
  ['msisdn', '12345\n'],
  ['msisdn', '１２３４５'],
  ['Email', 'a@example.org'],
  ['fax', '12345'],
  ['', ''],
])('%s %j is no address', (medium, address) => {
  expect(() => canonicalThreepid(medium, address)).toThrowError(
    expect.objectContaining({ code: 'threepid-invalid' }),
  )
})

test('a refusal does not repeat the address', () => {
  expect(() => canonicalThreepid('email', 'secret name')).toThrowError(/^(?!.*secret)/)
})

test('only the canonical form counts as a 3PID', () => {
  expect(isThreepid({ medium: 'email', address: 'a@example.org' })).toBe(true)
  expect(isThreepid({ medium: 'email', address: 'A@example.org' })).toBe(false)
  expect(isThreepid({ medium: 'msisdn', address: '+12345' })).toBe(false)
  expect(isThreepid({ medium: 'email', address: 5 })).toBe(false)
  expect(isThreepid(null)).toBe(false)
  expect(isThreepid('email a@example.org')).toBe(false)
})
