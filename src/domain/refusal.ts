/** Noes of the public API that no peer ever hears. */
export const publicRefusalCodes = [
  'token-missing',
  'token-unknown',
  'terms-not-signed',
  'pepper-stale',
  'algorithm-unknown',
  'too-many-addresses',
  'homeserver-not-allowed',
  'homeserver-refused',
  'homeserver-unreachable',
  'server-name-invalid',
  'threepid-invalid',
  'mxid-invalid',
  'session-unknown',
  'session-not-validated',
  'session-expired',
  'code-incorrect',
  'email-invalid',
  'phone-number-invalid',
  'email-not-sent',
  'sms-not-sent',
  'medium-not-served',
  'destination-rejected',
  'threepid-in-use',
  'invite-unknown',
  'invite-blocked',
  'mxid-not-own',
  'signature-invalid',
  'credentials-invalid',
] as const

/**
 * Every expected "no" of the product, as a closed list. HTTP and the mesh translate codes in one table each
 * (`http/refusal-responses.ts`, `replication/refusal-statuses.ts`); a missing row does not compile.
 */
export const refusalCodes = [
  ...publicRefusalCodes,
  // requests of clients and homeservers
  'body-not-json',
  'body-not-object',
  'body-too-large',
  'param-missing',
  'param-invalid',
  'path-unknown',
  'method-unknown',
  'not-found',
  'limit-exceeded',
  // this node cannot write now
  'storage-full',
  'storage-read-only',
  'clock-ahead-of-peers',
  'node-stopping',
  'node-not-ready',
  'writer-busy',
  // chunks (docs/protocol.md, "Refusals")
  'caller-unknown',
  'log-unknown',
  'log-not-readable',
  'log-frozen',
  'log-closed',
  'log-forked',
  'already-pulling',
  'header-malformed',
  'checkpoint-malformed',
  'checkpoint-signature-bad',
  'root-mismatch',
  'gap',
  'overlap-differs',
  'overlap-too-long',
  'clock-ahead',
  'stamp-not-rising',
  'entry-malformed',
  'begin-mismatch',
  'line-too-long',
  'segment-too-long',
  'segment-malformed',
  'proof-malformed',
  'proof-bad',
  'unpacked-too-long',
  'chunk-truncated',
  'blank-mismatch',
  'blank-misplaced',
  'blank-unexplained',
  'quota-exceeded',
  'key-conflict',
] as const

export type RefusalCode = (typeof refusalCodes)[number]

/** An expected no. `details` are members the protocol wants in the answer's body. */
export class RefusalError extends Error {
  readonly code: RefusalCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: RefusalCode, message: string, details: Record<string, unknown> = {}) {
    super(message)
    this.name = 'RefusalError'
    this.code = code
    this.details = details
  }
}

export function isRefusal(error: unknown): error is RefusalError {
  return error instanceof RefusalError
}
