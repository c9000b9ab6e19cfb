import { codeOf, sessionState, type SessionTerms } from '../../domain/validation-session.ts'
import { v1Prefix, v2Prefix } from '../../http/endpoint.ts'
import type { ValidationMessage } from '../../mediums/medium.ts'
import type { Clock } from '../../platform/clock.ts'
import type { CodeErrand } from './request-code.ts'
import type { SessionStore } from './session-store.ts'

export type CodeMessageDeps = {
  readonly siteSecret: Uint8Array
  readonly sessions: SessionStore
  readonly terms: SessionTerms
  readonly publicBaseUrl: string
  readonly clock: Pick<Clock, 'wallMs'>
}

/** The message of an errand, made when it is sent; null when its code is worth nothing any more. */
export async function codeMessage(
  deps: CodeMessageDeps,
  errand: CodeErrand,
  id: string,
): Promise<ValidationMessage | null> {
  const { siteSecret, sessions, terms, publicBaseUrl, clock } = deps
  const session = (await sessions.find(errand.sid))?.session
  if (session === undefined || sessionState(session, terms, clock.wallMs()) === 'expired')
    return null
  const { medium, address } = session.threepid
  const token = codeOf(siteSecret, session)
  const query = new URLSearchParams({
    token,
    client_secret: errand.clientSecret,
    sid: session.sid,
  })
  const path = `${errand.isV1 ? v1Prefix : v2Prefix}/validate/${medium}/submitToken`
  return {
    type: 'validation',
    id,
    medium,
    address,
    token,
    link: `${publicBaseUrl}${path}?${query.toString()}`,
    brand: errand.brand,
    languages: errand.languages,
  }
}
