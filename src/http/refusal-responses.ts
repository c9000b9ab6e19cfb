import { isRefusal, type RefusalCode } from '../domain/refusal.ts'
import { json, type Answer } from './endpoint.ts'

type Response = { readonly status: number; readonly errcode: string }

const cannotWriteNow: Response = { status: 503, errcode: 'M_UNKNOWN' }
/** Codes of the mesh: a caller of this API who meets one has found a fault of ours. */
const meshOnly: Response = { status: 500, errcode: 'M_UNKNOWN' }

/**
 * What a refusal looks like to a client or homeserver (Identity Service API, "API standards"; reference of error codes
 * in docs/protocol.md). A missing row does not compile.
 */
export const refusalResponses = {
  'body-not-json': { status: 400, errcode: 'M_NOT_JSON' },
  'body-not-object': { status: 400, errcode: 'M_BAD_JSON' },
  'body-too-large': { status: 413, errcode: 'M_TOO_LARGE' },
  'param-missing': { status: 400, errcode: 'M_MISSING_PARAMS' },
  'param-invalid': { status: 400, errcode: 'M_INVALID_PARAM' },
  'path-unknown': { status: 404, errcode: 'M_UNRECOGNIZED' },
  'method-unknown': { status: 405, errcode: 'M_UNRECOGNIZED' },
  'token-missing': { status: 401, errcode: 'M_UNAUTHORIZED' },
  'token-unknown': { status: 401, errcode: 'M_UNAUTHORIZED' },
  'terms-not-signed': { status: 403, errcode: 'M_TERMS_NOT_SIGNED' },
  'not-found': { status: 404, errcode: 'M_NOT_FOUND' },
  'pepper-stale': { status: 400, errcode: 'M_INVALID_PEPPER' },
  'algorithm-unknown': { status: 400, errcode: 'M_INVALID_PARAM' },
  'too-many-addresses': { status: 400, errcode: 'M_TOO_LARGE' },
  'homeserver-not-allowed': { status: 403, errcode: 'M_UNAUTHORIZED' },
  'homeserver-refused': { status: 401, errcode: 'M_UNAUTHORIZED' },
  'homeserver-unreachable': { status: 502, errcode: 'M_UNKNOWN' },
  'server-name-invalid': { status: 400, errcode: 'M_INVALID_PARAM' },
  'threepid-invalid': { status: 400, errcode: 'M_INVALID_PARAM' },
  'mxid-invalid': { status: 400, errcode: 'M_INVALID_PARAM' },
  'session-unknown': { status: 404, errcode: 'M_NO_VALID_SESSION' },
  'session-not-validated': { status: 400, errcode: 'M_SESSION_NOT_VALIDATED' },
  'session-expired': { status: 400, errcode: 'M_SESSION_EXPIRED' },
  'code-incorrect': { status: 400, errcode: 'M_TOKEN_INCORRECT' },
  'email-invalid': { status: 400, errcode: 'M_INVALID_EMAIL' },
  'phone-number-invalid': { status: 400, errcode: 'M_INVALID_ADDRESS' },
  'email-not-sent': { status: 400, errcode: 'M_EMAIL_SEND_ERROR' },
  'sms-not-sent': { status: 400, errcode: 'M_SEND_ERROR' },
  'medium-not-served': { status: 400, errcode: 'M_UNRECOGNIZED' },
  'destination-rejected': { status: 400, errcode: 'M_DESTINATION_REJECTED' },
  'threepid-in-use': { status: 400, errcode: 'M_THREEPID_IN_USE' },
  'invite-unknown': { status: 404, errcode: 'M_UNRECOGNIZED' },
  'invite-blocked': { status: 403, errcode: 'M_FORBIDDEN' },
  'mxid-not-own': { status: 403, errcode: 'M_UNAUTHORIZED' },
  'signature-invalid': { status: 403, errcode: 'M_FORBIDDEN' },
  'credentials-invalid': { status: 403, errcode: 'M_FORBIDDEN' },
  'limit-exceeded': { status: 429, errcode: 'M_LIMIT_EXCEEDED' },
  'storage-full': cannotWriteNow,
  'storage-read-only': cannotWriteNow,
  'clock-ahead-of-peers': cannotWriteNow,
  'node-stopping': cannotWriteNow,
  'node-not-ready': cannotWriteNow,
  'writer-busy': { status: 429, errcode: 'M_LIMIT_EXCEEDED' },
  'caller-unknown': meshOnly,
  'log-unknown': meshOnly,
  'log-not-readable': meshOnly,
  'log-frozen': meshOnly,
  'log-closed': meshOnly,
  'log-forked': meshOnly,
  'already-pulling': meshOnly,
  'header-malformed': meshOnly,
  'checkpoint-malformed': meshOnly,
  'checkpoint-signature-bad': meshOnly,
  'root-mismatch': meshOnly,
  gap: meshOnly,
  'overlap-differs': meshOnly,
  'overlap-too-long': meshOnly,
  'clock-ahead': meshOnly,
  'stamp-not-rising': meshOnly,
  'entry-malformed': meshOnly,
  'begin-mismatch': meshOnly,
  'line-too-long': meshOnly,
  'segment-too-long': meshOnly,
  'segment-malformed': meshOnly,
  'proof-malformed': meshOnly,
  'proof-bad': meshOnly,
  'unpacked-too-long': meshOnly,
  'chunk-truncated': meshOnly,
  'blank-mismatch': meshOnly,
  'blank-misplaced': meshOnly,
  'blank-unexplained': meshOnly,
  'quota-exceeded': meshOnly,
  'key-conflict': meshOnly,
} satisfies Record<RefusalCode, Response>

/** Whether something broke, as opposed to a no that was foreseen. */
export function isFault(error: unknown): boolean {
  return !isRefusal(error) || refusalResponses[error.code] === meshOnly
}

/** The answer to anything thrown. A fault is opaque: what it says stays inside. */
export function answerTo(error: unknown): Answer {
  if (!isRefusal(error) || isFault(error)) {
    return json({ errcode: 'M_UNKNOWN', error: 'internal fault' }, 500)
  }
  const { status, errcode } = refusalResponses[error.code]
  const answer = json({ ...error.details, errcode, error: error.message }, status)
  const waitMs = error.details['retry_after_ms']
  if (typeof waitMs !== 'number') return answer
  return { ...answer, headers: ['Retry-After', String(Math.ceil(waitMs / 1000))] }
}
