import type { RefusalCode } from '../domain/refusal.ts'

/** `retryAfterS` becomes the header Retry-After. */
export type RefusalStatus = { readonly status: number; readonly retryAfterS?: number }

/**
 * What a refusal is on the mesh listener (docs/protocol.md, "Refusals"). The code in the body decides; the status is for
 * proxies, logs and people. The first group belongs to the public API and never arises here: it is listed so that a
 * new code cannot be forgotten.
 */
export const refusalStatuses = {
  'token-missing': { status: 401 },
  'token-unknown': { status: 401 },
  'pepper-stale': { status: 400 },
  'algorithm-unknown': { status: 400 },
  'too-many-addresses': { status: 400 },
  'homeserver-not-allowed': { status: 403 },
  'homeserver-refused': { status: 403 },
  'homeserver-unreachable': { status: 502 },
  'server-name-invalid': { status: 400 },
  'threepid-invalid': { status: 422 },
  'mxid-invalid': { status: 422 },

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
} satisfies Record<RefusalCode, RefusalStatus> as Record<RefusalCode, RefusalStatus>
