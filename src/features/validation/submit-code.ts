import { codeLengthMax, sessionChangeTriesMax } from '../../domain/api-limits.ts'
import { RefusalError } from '../../domain/refusal.ts'
import type { Medium, Threepid } from '../../domain/threepid.ts'
import {
  isOpaqueId,
  sessionState,
  submitCode,
  type CodeVerdict,
  type SessionTerms,
  type ValidationSession,
} from '../../domain/validation-session.ts'
import type { Clock } from '../../platform/clock.ts'
import type { SessionStore } from './session-store.ts'

export type SubmitCodeDeps = {
  readonly siteSecret: Uint8Array
  readonly sessions: SessionStore
  readonly terms: SessionTerms
  readonly clock: Pick<Clock, 'wallMs'>
}

export type CodeSubmission = {
  readonly medium: Medium
  readonly sid: string
  readonly clientSecret: string
  readonly code: string
}

/**
 * Validates the session when the code is its own. Every wrong code is counted, durably, before it is answered, however
 * many arrive at once (test/unit/features/validation.test.ts, "guesses"). Refuses with session-unknown, code-incorrect,
 * session-expired or param-invalid.
 */
export async function submitToken(
  deps: SubmitCodeDeps,
  { medium, sid, clientSecret, code }: CodeSubmission,
): Promise<ValidationSession> {
  requireOpaque({ sid, client_secret: clientSecret })
  if ([...code.slice(0, 2 * codeLengthMax + 2)].length > codeLengthMax) {
    throw new RefusalError('param-invalid', `token: expected at most ${codeLengthMax} characters`)
  }
  const { siteSecret, sessions, terms, clock } = deps
  for (let tries = 0; tries < sessionChangeTriesMax; tries++) {
    const { session, revision } = await sessions.require(sid, clientSecret)
    // A code of the other medium is asked for at the other path.
    if (session.threepid.medium !== medium) throw refusalOf('unknown')
    const judged = submitCode(siteSecret, { session, code, terms, nowMs: clock.wallMs() })
    if (
      judged.session !== session &&
      !(await sessions.write([sessions.change(judged.session, revision)]))
    ) {
      continue
    }
    if (judged.verdict !== 'correct') throw refusalOf(judged.verdict)
    return judged.session
  }
  throw new RefusalError('limit-exceeded', 'too many codes at once')
}

/** Who has proved control of what. Refuses with session-unknown, session-not-validated or session-expired. */
export async function findProven(
  { sessions, terms, clock }: Omit<SubmitCodeDeps, 'siteSecret'>,
  sid: string,
  clientSecret: string,
): Promise<{ readonly threepid: Threepid; readonly validatedAtMs: number }> {
  requireOpaque({ sid, client_secret: clientSecret })
  const { session } = await sessions.require(sid, clientSecret)
  if (sessionState(session, terms, clock.wallMs()) === 'expired') throw refusalOf('expired')
  if (session.validatedMs === null) {
    throw new RefusalError('session-not-validated', 'the address was not validated yet')
  }
  return { threepid: session.threepid, validatedAtMs: session.validatedMs }
}

function requireOpaque(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!isOpaqueId(value)) {
      throw new RefusalError('param-invalid', `${name}: expected 1 to 255 of 0-9 a-z A-Z . = _ -`)
    }
  }
}

function refusalOf(verdict: Exclude<CodeVerdict, 'correct'> | 'unknown'): RefusalError {
  switch (verdict) {
    case 'unknown':
      return new RefusalError('session-unknown', 'no such validation session')
    case 'incorrect':
      return new RefusalError('code-incorrect', 'this is not the code that was sent')
    case 'expired':
      return new RefusalError('session-expired', 'the session has expired: ask for a new code')
    case 'exhausted':
      return new RefusalError('session-expired', 'too many wrong codes: ask for a new one')
  }
}
