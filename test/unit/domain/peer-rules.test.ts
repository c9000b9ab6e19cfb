import { expect, test } from 'vitest'
import { matchesAny, patternProblem } from '../../../src/domain/peer-rules.ts'

function email(address: string): { medium: 'email'; address: string } {
  return { medium: 'email', address }
}

function phone(address: string): { medium: 'msisdn'; address: string } {
  return { medium: 'msisdn', address }
}

test('a star takes everything, a medium only its own', () => {
  expect(matchesAny(['*'], email('a@b.example'))).toBe(true)
  expect(matchesAny(['*'], phone('441632960000'))).toBe(true)
  expect(matchesAny(['email:*'], email('a@b.example'))).toBe(true)
  expect(matchesAny(['email:*'], phone('441632960000'))).toBe(false)
  expect(matchesAny([], email('a@b.example'))).toBe(false)
})

test('a domain pattern takes that domain alone', () => {
  const rule = ['email:*@partner.org']
  expect(matchesAny(rule, email('bob@partner.org'))).toBe(true)
  for (const other of [
    'bob@evil-partner.org',
    'bob@partner.org.evil.example',
    'bob@sub.partner.org',
  ]) {
    expect(matchesAny(rule, email(other)), other).toBe(false)
  }
})

test('a star never reaches across the @', () => {
  expect(matchesAny(['email:a*@b.example'], email('a@x@b.example'))).toBe(false)
  expect(matchesAny(['email:*@*.partner.org'], email('bob@sub.partner.org'))).toBe(true)
  expect(matchesAny(['email:*@*.partner.org'], email('bob@partner.org'))).toBe(false)
})

test('patterns fold case as addresses do', () => {
  expect(matchesAny(['email:*@Partner.ORG'], email('bob@partner.org'))).toBe(true)
  expect(matchesAny(['email:*@STRASSE.example'], email('bob@strasse.example'))).toBe(true)
})

test('numbers are taken by their beginning, their end, or both', () => {
  expect(matchesAny(['msisdn:44*'], phone('441632960000'))).toBe(true)
  expect(matchesAny(['msisdn:44*'], phone('491632960000'))).toBe(false)
  expect(matchesAny(['msisdn:44*00*1'], phone('4400991'))).toBe(true)
  expect(matchesAny(['msisdn:44*44'], phone('44'))).toBe(false)
  expect(matchesAny(['msisdn:123*345'], phone('12345'))).toBe(false)
})

test('what is no pattern takes nothing and says why', () => {
  for (const text of [
    '',
    'email',
    'email:',
    'mail:*',
    'email:bob',
    'email:a@b@c',
    'msisdn:+44*',
    'msisdn:4a',
    'email:* @b',
  ]) {
    expect(patternProblem(text), text).toMatch(/expected/)
    expect(matchesAny([text], email('bob@partner.org')), text).toBe(false)
  }
  for (const text of ['*', 'email:*', 'email:*@partner.org', 'msisdn:44*', 'msisdn:*']) {
    expect(patternProblem(text), text).toBeNull()
  }
})

test('a pattern of many stars against a long address is quick', () => {
  const pattern = `email:${'*a'.repeat(200)}@b.example`
  const address = `${'a'.repeat(199)}@b.example`
  expect(matchesAny([pattern], email(address))).toBe(false)
})
