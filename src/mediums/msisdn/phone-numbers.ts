/**
 * Owns: SMS and phone numbers: reading numbers, where nothing is sent, who is shown as sender, the providers.
 * Relies on: domain, platform, the port beside it; libphonenumber-js (loaded with the first number).
 * Never: lets a number's validity decide about lines of a log: what is a number changes with the library.
 */
import type { CountryCode, PhoneNumber as ParsedNumber } from 'libphonenumber-js/max'
import { phoneNumberCharsMax } from '../../domain/message-limits.ts'
import { RefusalError } from '../../domain/refusal.ts'
import { canonicalThreepid } from '../../domain/threepid.ts'
import type { PhoneNumbers } from '../medium.ts'

/** Where nothing is sent: numbers that fit all that is given; E.164 digits without plus as `prefix`. */
export type RejectRule = { readonly country: string | null; readonly prefix: string | null }

export function createPhoneNumbers(rules: readonly RejectRule[]): PhoneNumbers {
  return {
    read: async (country, phoneNumber) => {
      const { parsed, countries } = await parse(country, phoneNumber)
      const { address } = canonicalThreepid('msisdn', parsed.number)
      if (rules.some((rule) => rejects(rule, address, countries))) {
        throw new RefusalError('destination-rejected', 'no messages are sent to this country')
      }
      return {
        address,
        intlFormat: parsed.formatInternational(),
        country: countries[0] ?? null,
        callingCode: parsed.countryCallingCode,
      }
    },
  }
}

/** ISO 3166 countries a canonical number may belong to, the likeliest first. */
export async function countriesOf(address: string): Promise<readonly string[]> {
  const { parsePhoneNumberFromString } = await import('libphonenumber-js/max')
  const parsed = parsePhoneNumberFromString(`+${address}`)
  if (parsed === undefined) return []
  return parsed.country === undefined ? parsed.getPossibleCountries() : [parsed.country]
}

/**
 * A number that is possible counts: numbers kept for tests and ranges younger than the library are no valid ones.
 */
async function parse(
  country: string,
  phoneNumber: string,
): Promise<{ parsed: ParsedNumber; countries: readonly CountryCode[] }> {
  if (phoneNumber.length > phoneNumberCharsMax) throw invalid()
  const { isSupportedCountry, parsePhoneNumberFromString } = await import('libphonenumber-js/max')
  const dialledIn = country.toUpperCase()
  const options = isSupportedCountry(dialledIn) ? { defaultCountry: dialledIn } : {}
  const parsed = parsePhoneNumberFromString(phoneNumber, { ...options, extract: false })
  if (parsed === undefined || !parsed.isPossible() || parsed.ext !== undefined) throw invalid()
  const countries = parsed.country === undefined ? parsed.getPossibleCountries() : [parsed.country]
  return { parsed, countries }
}

/** A number whose country cannot be told is rejected with every country it may belong to. */
function rejects(
  { country, prefix }: RejectRule,
  address: string,
  countries: readonly CountryCode[],
): boolean {
  if (country === null && prefix === null) return false
  const isCountry = country === null || countries.some((one) => one === country)
  return isCountry && (prefix === null || address.startsWith(prefix))
}

function invalid(): RefusalError {
  return new RefusalError('phone-number-invalid', 'expected a phone number that can be dialled')
}
