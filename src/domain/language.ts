/** A language and, optionally, what narrows it: `en`, `de-AT`, `zh-Hant-TW` (RFC 5646, private use left out). */
const languagePattern = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$/

export function isLanguageTag(text: string): boolean {
  return languagePattern.test(text)
}
