import { nextLinkLengthMax } from './api-limits.ts'

/**
 * Where a person may be sent after a mailed link was followed: an absolute http(s) URL, as it will be sent, or null for
 * what leads elsewhere than it seems (userinfo, white space, backslashes) or somewhere the operator does not allow.
 * `allowed`: URL prefixes, host names and `*.host`; empty allows every host.
 */
export function readNextLink(text: string, allowed: readonly string[]): string | null {
  if (text.length > nextLinkLengthMax || unfit.test(text)) return null
  if (!/^https?:\/\/[^/]/i.test(text)) return null
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return null
  }
  if (url.username !== '' || url.password !== '' || url.hostname === '') return null
  if (allowed.length > 0 && !allowed.some((pattern) => isWithin(url, pattern))) return null
  return url.href
}

/** Control characters and anything that shows as space, backslashes and lone surrogates. */
const unfit = /[\p{Cc}\p{Z}\p{Cs}\p{Bidi_Control}\\]/u

function isWithin(url: URL, pattern: string): boolean {
  if (pattern.includes('://')) return isBelow(url, new URL(pattern))
  const wanted = pattern.toLowerCase()
  if (wanted.startsWith('*.')) return url.hostname.endsWith(wanted.slice(1))
  return url.hostname === wanted || url.host === wanted
}

/** Whole path segments: `https://a.org/app` holds `/app` and `/app/x`, not `/apple`. */
function isBelow(url: URL, prefix: URL): boolean {
  if (url.origin !== prefix.origin) return false
  const folder = prefix.pathname.endsWith('/') ? prefix.pathname : `${prefix.pathname}/`
  return url.pathname === prefix.pathname || url.pathname.startsWith(folder)
}
