import { Buffer } from 'node:buffer'
import { firstTryWaitMs, sessionChangeTriesMax } from '../../domain/api-limits.ts'
import { RefusalError } from '../../domain/refusal.ts'
import type { Threepid } from '../../domain/threepid.ts'
import {
  isOpaqueId,
  requestCode,
  sessionId,
  type SessionRequest,
  type SessionTerms,
  type ValidationSession,
} from '../../domain/validation-session.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { RecordChange } from '../../storage/storage.ts'
import type { KeptSession, SessionStore } from './session-store.ts'

/** What is to be sent, as it waits in the queue. The code is not in it: it is made when it is sent. */
export type CodeErrand = {
  readonly type: 'validation'
  readonly sid: string
  readonly threepid: Threepid
  /** For the link in a mail; gone from the store once the mail has left. */
  readonly clientSecret: string
  readonly languages: readonly string[]
  readonly brand: string | null
  /** Whether the link leads to the paths of v1. */
  readonly isV1: boolean
}

/** How the first try ended, where it was made at once; `waiting` when it has to wait for its turn. */
export type FirstTry = Promise<'sent' | 'later' | 'refused'> | null

export type RequestCodeDeps = {
  readonly siteSecret: Uint8Array
  readonly sessions: SessionStore
  readonly terms: SessionTerms
  readonly clock: Pick<Clock, 'wallMs' | 'sleep'>
  readonly random: Pick<Random, 'bytes'>
  /** Keeps the errand together with `changes`, all or nothing; null when a record was not as expected. */
  readonly send: (
    errand: CodeErrand,
    changes: readonly RecordChange[],
  ) => Promise<{ readonly firstTry: FirstTry } | null>
}

export type CodeRequest = SessionRequest & Pick<CodeErrand, 'languages' | 'isV1'>

/**
 * Sends a code to an address, unless this attempt was made before. Answers the id of the session.
 * Refuses with param-invalid, email-not-sent or sms-not-sent.
 */
export async function requestToken(deps: RequestCodeDeps, request: CodeRequest): Promise<string> {
  if (!isOpaqueId(request.clientSecret)) {
    throw new RefusalError(
      'param-invalid',
      'client_secret: expected 1 to 255 of 0-9 a-z A-Z . = _ -',
    )
  }
  const sid = sessionId(deps.siteSecret, request)
  for (let tries = 0; tries < sessionChangeTriesMax; tries++) {
    const stands = await deps.sessions.find(sid)
    const made = requestCode({
      siteSecret: deps.siteSecret,
      sid,
      stands: stands?.session ?? null,
      request,
      terms: deps.terms,
      nowMs: deps.clock.wallMs(),
      nonce: Buffer.from(deps.random.bytes(16)).toString('base64url'),
    })
    if (!made.isSendDue) return sid
    const sent = await deps.send(errandOf(sid, request), [
      deps.sessions.change(made.session, stands?.revision ?? null),
    ])
    if (sent === null) continue
    await hearFirstTry(deps, { stands, session: made.session, firstTry: sent.firstTry })
    return sid
  }
  throw new RefusalError('limit-exceeded', 'this session is being changed by too many at once')
}

function errandOf(sid: string, request: CodeRequest): CodeErrand {
  const { threepid, clientSecret, languages, brand, isV1 } = request
  return { type: 'validation', sid, threepid, clientSecret, languages, brand, isV1 }
}

/** A slow server must not hold the caller up: what is not known after a moment counts as on its way. */
async function hearFirstTry(
  { sessions, clock }: Pick<RequestCodeDeps, 'sessions' | 'clock'>,
  made: {
    readonly stands: KeptSession | null
    readonly session: ValidationSession
    readonly firstTry: FirstTry
  },
): Promise<void> {
  const { stands, session, firstTry } = made
  if (firstTry === null) return
  const patience = new AbortController()
  const late = clock.sleep(firstTryWaitMs, patience.signal).then(() => 'later' as const)
  const outcome = await Promise.race([firstTry, late])
  patience.abort()
  if (outcome !== 'refused') return
  await takeBack(sessions, { stands, session })
  throw session.threepid.medium === 'email'
    ? new RefusalError('email-not-sent', 'the mail server refuses this address')
    : new RefusalError('sms-not-sent', 'the provider refuses this number')
}

/** Nothing was sent, so the same attempt must count when it is made again. */
async function takeBack(
  sessions: SessionStore,
  { stands, session }: { stands: KeptSession | null; session: ValidationSession },
): Promise<void> {
  const kept = await sessions.find(session.sid)
  if (kept === null || kept.session.sendAttempt !== session.sendAttempt) return
  const sendAttempt = stands?.session.sendAttempt ?? session.sendAttempt - 1
  await sessions.write([sessions.change({ ...kept.session, sendAttempt }, kept.revision)])
}
