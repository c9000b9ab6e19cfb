import { acceptLanguageLengthMax, acceptLanguagesMax } from '../domain/api-limits.ts'
import { isLanguageTag } from '../domain/language.ts'

/**
 * The languages a person wants, best first (RFC 9110, 12.5.4). What is no language tag, `*`, and what is given a
 * weight of 0 is left out.
 */
export function readAcceptLanguage(header: string | undefined): readonly string[] {
  if (header === undefined || header.length > acceptLanguageLengthMax) return []
  const wanted: { tag: string; weight: number }[] = []
  for (const part of header.split(',', acceptLanguagesMax)) {
    const [tag = '', ...parameters] = part.split(';').map((text) => text.trim())
    const weight = weightOf(parameters)
    if (isLanguageTag(tag) && weight > 0) wanted.push({ tag, weight })
  }
  return wanted.sort((a, b) => b.weight - a.weight).map(({ tag }) => tag)
}

function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => /^q *=/i.test(parameter))
  if (given === undefined) return 1
  const text = given.slice(given.indexOf('=') + 1).trim()
  return /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0
}
