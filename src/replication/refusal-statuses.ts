import { publicRefusalCodes, type RefusalCode } from '../domain/refusal.ts'

type PublicRefusalCode = (typeof publicRefusalCodes)[number]
type MeshRefusalCode = Exclude<RefusalCode, PublicRefusalCode>

/** `retryAfterS` becomes the header Retry-After. */
export type RefusalStatus = { readonly status: number; readonly retryAfterS?: number }

/**
 * What a refusal is on the mesh listener (docs/protocol.md, "Refusals"). The code in the body decides; the status is for
 * proxies, logs and people. A missing row does not compile.
 */
const meshStatuses = {
  'body-not-json': { status: 400 },
  'body-not-object': { status: 400 },
  'param-missing': { status: 400 },
  'param-invalid': { status: 400 },
  'header-malformed': { status: 400 },
  'chunk-truncated': { status: 400 },

  'caller-unknown': { status: 403 },
  'log-not-readable': { status: 403 },
  'path-unknown': { status: 404 },
  'not-found': { status: 404 },
  'log-unknown': { status: 404 },
  'method-unknown': { status: 405 },

  gap: { status: 409 },
  'overlap-too-long': { status: 409 },
  'log-frozen': { status: 409 },
  'log-closed': { status: 409 },
  'log-forked': { status: 409 },
  'key-conflict': { status: 409 },

  'body-too-large': { status: 413 },
  'line-too-long': { status: 413 },
  'segment-too-long': { status: 413 },
  'unpacked-too-long': { status: 413 },

  'checkpoint-malformed': { status: 422 },
  'checkpoint-signature-bad': { status: 422 },
  'root-mismatch': { status: 422 },
  'overlap-differs': { status: 422 },
  'clock-ahead': { status: 422 },
  'stamp-not-rising': { status: 422 },
  'entry-malformed': { status: 422 },
  'begin-mismatch': { status: 422 },
  'segment-malformed': { status: 422 },
  'proof-malformed': { status: 422 },
  'proof-bad': { status: 422 },
  'blank-mismatch': { status: 422 },
  'blank-misplaced': { status: 422 },
  'blank-unexplained': { status: 422 },

  'already-pulling': { status: 429, retryAfterS: 1 },
  'limit-exceeded': { status: 429, retryAfterS: 1 },
  'writer-busy': { status: 429, retryAfterS: 1 },
  'quota-exceeded': { status: 429, retryAfterS: 60 },

  'storage-full': { status: 503, retryAfterS: 30 },
  'storage-read-only': { status: 503, retryAfterS: 30 },
  'clock-ahead-of-peers': { status: 503, retryAfterS: 30 },
  'node-stopping': { status: 503, retryAfterS: 5 },
  'node-not-ready': { status: 503, retryAfterS: 5 },
} satisfies Record<MeshRefusalCode, RefusalStatus>

const publicStatuses = Object.fromEntries(
  publicRefusalCodes.map((code) => [code, { status: 400 }]),
) as Record<PublicRefusalCode, RefusalStatus>

/** For every code there is: those of the public API never arise here. */
export const refusalStatuses: Readonly<Record<RefusalCode, RefusalStatus>> = {
  ...publicStatuses,
  ...meshStatuses,
}
