/**
 * Owns: the port through which this node calls its peers; an implementation carries bytes and proves who answers.
 * Relies on: domain types.
 * Never: decides what is sent, retries, or believes what it carries.
 */
import type { LogId } from '../domain/log-id.ts'

/** Whom to call and how the callee proves itself: its TLS pins ("sha256:…", pinned mode) or its name (pki mode). */
export type PeerAddress = {
  readonly name: string
  readonly url: string
  readonly tlsPins: readonly string[]
}

/** A call that got no answer of the protocol. `reason` is a short sentence for the operator, without secrets. */
export class TransportFault extends Error {
  readonly reason: string

  constructor(reason: string, options?: { cause?: unknown }) {
    super(reason, options)
    this.name = 'TransportFault'
    this.reason = reason
  }
}

export type TransportAnswer = { readonly status: number; readonly body: unknown }

export interface Transport {
  /** `GET /_mesh/v1/heads`; `full` also lists closed logs. The body is parsed JSON, bounded, not yet validated. */
  heads(
    peer: PeerAddress,
    options: { readonly full: boolean; readonly signal: AbortSignal },
  ): Promise<TransportAnswer>
  /** `POST /_mesh/v1/push` with one chunk as a stream of bytes (unpacked; the transport may pack it). */
  push(
    peer: PeerAddress,
    chunk: AsyncIterable<Uint8Array>,
    options: { readonly signal: AbortSignal },
  ): Promise<TransportAnswer>
  /** `GET /_mesh/v1/logs/<log>/entries?from=N`. `body` is the unpacked stream; a refusal has status ≠ 200 and `refusal`. */
  entries(
    peer: PeerAddress,
    range: { readonly log: LogId; readonly from: number; readonly signal: AbortSignal },
  ): Promise<
    | { readonly status: 200; readonly body: AsyncIterable<Uint8Array> }
    | { readonly status: number; readonly refusal: unknown }
  >
  /** Days left of our own certificate and, where seen, of each peer's, for status and metrics. */
  certificateExpiriesMs(): ReadonlyMap<string, number>
  close(): Promise<void>
}
