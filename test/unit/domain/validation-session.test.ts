import { describe, expect, test } from 'vitest'
import type { Threepid } from '../../../src/domain/threepid.ts'
import {
  codeOf,
  isOpaqueId,
  isSecretOf,
  requestCode,
  sessionId,
  sessionState,
  submitCode,
  type SessionRequest,
  type ValidationSession,
} from '../../../src/domain/validation-session.ts'

const siteSecret = Buffer.alloc(32, 1)
const terms = { sessionTtlMs: 1_000, validatedTtlMs: 2_000, attemptsMax: 3 }
const email = { medium: 'email', address: 'a@example.org' } as const
const phone = { medium: 'msisdn', address: '447700900123' } as const

function ask(
  stands: ValidationSession | null,
  {
    nowMs = 0,
    nonce = 'n1',
    ...more
  }: Partial<SessionRequest> & { nowMs?: number; nonce?: string },
): ReturnType<typeof requestCode> {
  const defaults = {
    threepid: email,
    clientSecret: 's',
    owner: null,
    sendAttempt: 1,
    nextLink: null,
    brand: null,
  }
  const request = { ...defaults, ...more }
  const sid = sessionId(siteSecret, request)
  return requestCode({ siteSecret, sid, stands, request, terms, nowMs, nonce })
}

function show(session: ValidationSession, code: string, nowMs = 1): ReturnType<typeof submitCode> {
  return submitCode(siteSecret, { session, code, terms, nowMs })
}

describe('the id of a session', () => {
  test('is the same for the same address and secret, and another for anything else', () => {
    const id = (threepid: Threepid, clientSecret: string, owner: string | null = null): string =>
      sessionId(siteSecret, { threepid, clientSecret, owner })
    expect(id(email, 's')).toBe(id(email, 's'))
    expect(id(email, 's', '@a:x')).toBe(id(email, 's', '@a:x'))
    const others = [
      id(phone, 's'),
      id(email, 't'),
      id({ ...email, address: 'b@example.org' }, 's'),
      id(email, 's', '@a:x'),
      id(email, 's', '@b:x'),
      sessionId(Buffer.alloc(32, 2), { threepid: email, clientSecret: 's', owner: null }),
    ]
    expect(new Set([id(email, 's'), ...others]).size).toBe(7)
    expect(isOpaqueId(id(email, 's'))).toBe(true)
  })

  test('cannot be had by moving letters from the address to the secret', () => {
    const id = (address: string, clientSecret: string): string =>
      sessionId(siteSecret, { threepid: { medium: 'email', address }, clientSecret, owner: null })
    expect(id('a@b.c', 'd1')).not.toBe(id('a@b.cd', '1'))
  })
})

test.each(['', 'a b', 'a\n', 'ä', 'a/b', 'a'.repeat(256), 'a\u0000'])(
  'client secret %j is none',
  (text) => expect(isOpaqueId(text)).toBe(false),
)

describe('asking for a code', () => {
  test('begins a session, and a code is sent', () => {
    const { session, isSendDue } = ask(null, {})
    expect(isSendDue).toBe(true)
    expect(sessionState(session, terms, 999)).toBe('open')
    expect(isSecretOf(siteSecret, session, 's')).toBe(true)
    expect(isSecretOf(siteSecret, session, 't')).toBe(false)
    expect(JSON.stringify(session)).not.toContain(codeOf(siteSecret, session))
  })

  test('sends again for a greater attempt alone, the same code', () => {
    const { session } = ask(null, { sendAttempt: 3 })
    for (const sendAttempt of [1, 2, 3]) {
      expect(ask(session, { sendAttempt, nonce: 'n2' })).toEqual({ session, isSendDue: false })
    }
    const again = ask(session, { sendAttempt: 4, nonce: 'n2' })
    expect(again.isSendDue).toBe(true)
    expect(codeOf(siteSecret, again.session)).toBe(codeOf(siteSecret, session))
  })

  test('does not make a session live longer', () => {
    const { session } = ask(null, {})
    const again = ask(session, { sendAttempt: 2, nowMs: 900 })
    expect(sessionState(again.session, terms, 1_000)).toBe('expired')
  })

  test('begins an expired session anew: the old code and the old proof are worth nothing', () => {
    const { session } = ask(null, {})
    const proven = show(session, codeOf(siteSecret, session)).session
    expect(sessionState(proven, terms, 2_000)).toBe('proven')
    expect(sessionState(proven, terms, 2_001)).toBe('expired')
    const { session: fresh, isSendDue } = ask(proven, { sendAttempt: 1, nowMs: 2_001, nonce: 'n2' })
    expect(isSendDue).toBe(true)
    expect(sessionState(fresh, terms, 2_001)).toBe('open')
    expect(show(fresh, codeOf(siteSecret, proven), 2_002).verdict).toBe('incorrect')
  })

  test('gives whoever used up the attempts another code', () => {
    let { session } = ask(null, {})
    const code = codeOf(siteSecret, session)
    for (let i = 0; i < 3; i++) session = show(session, 'wrong').session
    const { session: fresh } = ask(session, { sendAttempt: 1, nonce: 'n2' })
    expect(fresh.failures).toBe(0)
    expect(show(fresh, code).verdict).toBe('incorrect')
  })

  test('for one more mail does not forget the wrong codes so far', () => {
    const { session } = ask(null, {})
    const wrong = show(session, 'wrong').session
    expect(ask(wrong, { sendAttempt: 2 }).session.failures).toBe(1)
  })
})

describe('showing a code', () => {
  test('validates at that moment, and a second time changes nothing', () => {
    const { session } = ask(null, {})
    const code = codeOf(siteSecret, session)
    const proven = show(session, code, 7)
    expect(proven).toMatchObject({ verdict: 'correct', session: { validatedMs: 7 } })
    expect(show(proven.session, code, 9)).toEqual({ verdict: 'correct', session: proven.session })
  })

  test('counts wrong codes and refuses even the right one after the last', () => {
    let { session } = ask(null, {})
    const code = codeOf(siteSecret, session)
    for (const failures of [1, 2, 3]) {
      const shown = show(session, `${code}x`)
      expect(shown).toMatchObject({ verdict: 'incorrect', session: { failures } })
      session = shown.session
    }
    expect(show(session, code)).toEqual({ verdict: 'exhausted', session })
  })

  test('of another session, or after the end, is refused', () => {
    const { session } = ask(null, {})
    const other = ask(null, { clientSecret: 't' }).session
    expect(show(session, codeOf(siteSecret, other)).verdict).toBe('incorrect')
    expect(show(session, codeOf(siteSecret, session), 1_000).verdict).toBe('expired')
  })

  test('is six digits by SMS and 32 letters and digits by mail', () => {
    expect(codeOf(siteSecret, ask(null, { threepid: phone }).session)).toMatch(/^[0-9]{6}$/)
    expect(codeOf(siteSecret, ask(null, {}).session)).toMatch(/^[0-9A-Za-z]{32}$/)
  })
})
