import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Threepid } from './threepid.ts'

/**
 * A validation session: somebody was sent a code to an address, and shows it (Identity Service API, "Establishing
 * associations"). Neither the code nor the client's secret is kept: both are checked by MACs under the site's secret,
 * so that every sibling that has the session can check them, or send the code again (DESIGN 2.6).
 */
export type ValidationSession = {
  /** What clients name it by: made of address and client secret, so the same request finds the same session. */
  readonly sid: string
  readonly threepid: Threepid
  /** Unpadded URL-safe base64. */
  readonly secretMac: string
  /** Chosen anew whenever the session begins anew: an older code is then worth nothing. */
  readonly nonce: string
  /** The greatest `send_attempt` seen. */
  readonly sendAttempt: number
  /** Wrong codes since the session began. */
  readonly failures: number
  readonly startedMs: number
  readonly validatedMs: number | null
  /** Where the person is sent after the link in the mail was followed. */
  readonly nextLink: string | null
  /** In whose look the person is answered. */
  readonly brand: string | null
}

/** How long a session lives, and how many wrong codes end it. */
export type SessionTerms = {
  readonly sessionTtlMs: number
  readonly validatedTtlMs: number
  readonly attemptsMax: number
}

export type SessionRequest = {
  readonly threepid: Threepid
  readonly clientSecret: string
  /** Matrix ID of whoever asks; null in v1, which knows no callers. */
  readonly owner: string | null
  readonly sendAttempt: number
  readonly nextLink: string | null
  readonly brand: string | null
}

export type SessionState = 'open' | 'proven' | 'expired'

/** A session id or client secret as the specification allows it (appendix "Opaque Identifiers"). */
export function isOpaqueId(text: string): boolean {
  return opaquePattern.test(text)
}

const opaquePattern = /^[0-9a-zA-Z.=_-]{1,255}$/

/**
 * The id of the session of an address and a client secret; nobody without the site's secret can make it. Two users
 * whose clients chose the same secret have a session each: neither's attempts keep a mail from the other.
 */
export function sessionId(
  siteSecret: Uint8Array,
  { threepid, clientSecret, owner }: Pick<SessionRequest, 'threepid' | 'clientSecret' | 'owner'>,
): string {
  const { medium, address } = threepid
  const parts = [medium, address, clientSecret, ...(owner === null ? [] : [owner])]
  return macOf(siteSecret, 'session id', parts).slice(0, 32)
}

/** Whether the session was begun with this client secret. Takes the same time for every wrong one. */
export function isSecretOf(
  siteSecret: Uint8Array,
  session: Pick<ValidationSession, 'sid' | 'secretMac'>,
  clientSecret: string,
): boolean {
  const expected = macOf(siteSecret, 'client secret', [session.sid, clientSecret])
  return isSameText(expected, session.secretMac)
}

/**
 * The code that proves control: 32 letters and digits in an e-mail (190 bits), which nobody types; six digits in an
 * SMS, which somebody does. Guesses are bounded by `attemptsMax`.
 */
export function codeOf(
  siteSecret: Uint8Array,
  { sid, nonce, threepid }: Pick<ValidationSession, 'sid' | 'nonce' | 'threepid'>,
): string {
  const bytes = createHmac('sha512', siteSecret)
    .update(`mycelid validation code v1\n${sid}\n${nonce}`)
    .digest()
  if (threepid.medium === 'msisdn') {
    return String(bytes.readUIntBE(0, 6) % 1_000_000).padStart(6, '0')
  }
  return [...bytes.subarray(0, 32)].map((byte) => codeLetters[byte % codeLetters.length]).join('')
}

const codeLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/**
 * Lifetimes count from the last modification, which is the beginning, then the successful validation (Identity Service
 * API, "validation sessions"); asking for another mail modifies nothing.
 */
export function sessionState(
  session: ValidationSession,
  terms: SessionTerms,
  nowMs: number,
): SessionState {
  if (nowMs >= sessionExpiresMs(session, terms)) return 'expired'
  return session.validatedMs === null ? 'open' : 'proven'
}

export function sessionExpiresMs(
  { startedMs, validatedMs }: ValidationSession,
  { sessionTtlMs, validatedTtlMs }: SessionTerms,
): number {
  return validatedMs === null ? startedMs + sessionTtlMs : validatedMs + validatedTtlMs
}

/** What a request for a code makes of the session that stands, if any; `isSendDue` says whether a code is to be sent. */
export function requestCode(given: {
  readonly siteSecret: Uint8Array
  /** The sessionId of the request. */
  readonly sid: string
  readonly stands: ValidationSession | null
  readonly request: SessionRequest
  readonly terms: SessionTerms
  readonly nowMs: number
  /** Fresh chance, for a session that begins. */
  readonly nonce: string
}): { readonly session: ValidationSession; readonly isSendDue: boolean } {
  const { siteSecret, sid, stands, request, terms, nowMs, nonce } = given
  if (stands !== null && isUsable(stands, terms, nowMs)) {
    // Sent only when the attempt is greater than any before: a request that was repeated sends nothing twice.
    if (request.sendAttempt <= stands.sendAttempt) return { session: stands, isSendDue: false }
    const { sendAttempt, nextLink, brand } = request
    return { session: { ...stands, sendAttempt, nextLink, brand }, isSendDue: true }
  }
  const session: ValidationSession = {
    sid,
    threepid: request.threepid,
    secretMac: macOf(siteSecret, 'client secret', [sid, request.clientSecret]),
    nonce,
    sendAttempt: request.sendAttempt,
    failures: 0,
    startedMs: nowMs,
    validatedMs: null,
    nextLink: request.nextLink,
    brand: request.brand,
  }
  return { session, isSendDue: true }
}

/** An expired session, or one with too many wrong codes, is never revived: it begins anew, with another code. */
function isUsable(session: ValidationSession, terms: SessionTerms, nowMs: number): boolean {
  return sessionState(session, terms, nowMs) !== 'expired' && session.failures < terms.attemptsMax
}

export type CodeVerdict = 'correct' | 'incorrect' | 'expired' | 'exhausted'

/** What a code that somebody shows makes of the session. */
export function submitCode(
  siteSecret: Uint8Array,
  given: {
    readonly session: ValidationSession
    readonly code: string
    readonly terms: SessionTerms
    readonly nowMs: number
  },
): { readonly session: ValidationSession; readonly verdict: CodeVerdict } {
  const { session, code, terms, nowMs } = given
  if (sessionState(session, terms, nowMs) === 'expired') return { session, verdict: 'expired' }
  if (session.failures >= terms.attemptsMax) return { session, verdict: 'exhausted' }
  if (!isSameText(codeOf(siteSecret, session), code)) {
    return { session: { ...session, failures: session.failures + 1 }, verdict: 'incorrect' }
  }
  if (session.validatedMs !== null) return { session, verdict: 'correct' }
  return { session: { ...session, validatedMs: nowMs }, verdict: 'correct' }
}

/** Each part with its length before it: no two lists of parts make one text. */
function macOf(siteSecret: Uint8Array, label: string, parts: readonly string[]): string {
  const mac = createHmac('sha256', siteSecret).update(`mycelid ${label} v1\n`)
  for (const part of parts) mac.update(`${Buffer.byteLength(part)}:${part}`)
  return mac.digest('base64url')
}

function isSameText(expected: string, given: string): boolean {
  const a = Buffer.from(expected)
  const b = Buffer.from(given)
  return a.length === b.length && timingSafeEqual(a, b)
}
