import { Buffer } from 'node:buffer'
import { foldCase } from './case-folding.ts'
import { addressBytesMax } from './limits.ts'
import { isRefusal, RefusalError } from './refusal.ts'

/** A third-party identifier in canonical form: e-mail folded, phone number as E.164 digits without plus. */
export type Medium = 'email' | 'msisdn'

export type Threepid = {
  readonly medium: Medium
  readonly address: string
}

/** Control characters, anything that shows as space, the separators of mail headers, and lone surrogates. */
const unfitForEmail = /[\p{Cc}\p{Cs}\p{Z}\p{Bidi_Control}<>,\ufeff]/u
const msisdnPattern = /^\+?([1-9][0-9]{4,14})$/

/** Names a 3PID in one text: the same form that is hashed for lookups, without the pepper. */
export function subjectOf({ medium, address }: Threepid): string {
  return `${medium} ${address}`
}

export function isMedium(value: unknown): value is Medium {
  return value === 'email' || value === 'msisdn'
}

/**
 * The one form of an address that is stored, hashed and compared. E-mail: the whole address case folded, not
 * normalised (Matrix specification, Identity Service API, "Email"); msisdn: 5 to 15 digits, a leading plus dropped.
 * Refuses with threepid-invalid; the message never repeats the address.
 */
export function canonicalThreepid(medium: string, address: string): Threepid {
  if (!isMedium(medium)) throw invalid('expected the medium email or msisdn')
  return {
    medium,
    address: medium === 'email' ? canonicalEmail(address) : canonicalMsisdn(address),
  }
}

/** The same for an e-mail address a client names as such: refuses with email-invalid. */
export function readEmail(address: string): Threepid {
  try {
    return canonicalThreepid('email', address)
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RefusalError('email-invalid', error.message)
  }
}

/** Whether a value is a 3PID already in canonical form. */
export function isThreepid(value: unknown): value is Threepid {
  if (typeof value !== 'object' || value === null) return false
  const { medium, address } = value as { medium?: unknown; address?: unknown }
  if (!isMedium(medium) || typeof address !== 'string') return false
  try {
    return canonicalThreepid(medium, address).address === address
  } catch {
    return false
  }
}

function canonicalEmail(address: string): string {
  // Folding never makes fewer UTF-16 units, and each takes a byte at least: longer input is not worth folding.
  if (address.length > addressBytesMax) throw invalid(tooLong)
  if (unfitForEmail.test(address)) {
    throw invalid('expected an e-mail address without spaces, control characters, commas, < or >')
  }
  const at = address.indexOf('@')
  if (at < 1 || at === address.length - 1 || at !== address.lastIndexOf('@')) {
    throw invalid('expected an e-mail address with one @ between two parts')
  }
  const folded = foldCase(address)
  if (Buffer.byteLength(folded) > addressBytesMax) throw invalid(tooLong)
  return folded
}

function canonicalMsisdn(address: string): string {
  const digits = msisdnPattern.exec(address)?.[1]
  if (digits === undefined) {
    throw invalid('expected a phone number of 5 to 15 digits with its country code')
  }
  return digits
}

const tooLong = `expected an address of at most ${addressBytesMax} bytes`

function invalid(expected: string): RefusalError {
  return new RefusalError('threepid-invalid', expected)
}
