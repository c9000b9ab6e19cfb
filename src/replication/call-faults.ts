import { TransportFault } from './transport.ts'

/** What was known when a call broke. */
export type BrokenCall = {
  /** host:port, as in the peers file. */
  readonly place: string
  /** Whether the peer ever answered us on the present connections. */
  readonly hasAnswered: boolean
  readonly signal: AbortSignal
}

/** The same as a sentence for the operator; what OpenSSL, undici and the system said stays in `cause`. */
export function callFault(error: unknown, call: BrokenCall): TransportFault {
  if (error instanceof TransportFault) return error
  const { signal } = call
  if (signal.aborted) {
    return signal.reason instanceof TransportFault
      ? signal.reason
      : new TransportFault(givenUp(signal.reason), { cause: error })
  }
  return new TransportFault(sentence(codeOf(error), call, error), { cause: error })
}

function sentence(code: string, { place, hasAnswered }: BrokenCall, error: unknown): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${place}`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `DNS does not know the host of ${place}`
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no route to ${place}`
    case 'ETIMEDOUT':
      return `${place} does not answer: a firewall may be in between`
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'it took the request and did not answer in time'
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      // A TLS 1.3 client has finished its handshake before the server looks at the client's certificate.
      return hasAnswered
        ? 'the connection was lost'
        : 'it closed the connection: it probably does not know our certificate'
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'its certificate does not come from a trusted authority'
    case 'CERT_HAS_EXPIRED':
      return 'its certificate expired'
    case 'CERT_NOT_YET_VALID':
      return 'its certificate is not valid yet'
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
      return `what listens at ${place} does not speak TLS 1.3`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `what listens at ${place} does not speak TLS`
    default:
      return unusual(code, error)
  }
}

function unusual(code: string, error: unknown): string {
  if (/^ERR_SSL_.*ALERT_.*(CERT|UNKNOWN_CA)/.test(code)) return 'it refused our certificate'
  if (code.startsWith('HPE_')) return 'it does not answer in HTTP'
  const message = error instanceof Error ? error.message : String(error)
  return `the call failed: ${code === '' ? message : code}`
}

/** Whoever set the deadline may say why in the abort's reason. */
function givenUp(reason: unknown): string {
  if (!(reason instanceof Error) || reason.name === 'AbortError') return 'the call was given up'
  return reason.name === 'TimeoutError' ? 'it did not answer in time' : reason.message
}

/** A host with several addresses fails with the faults of all of them. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return typeof code === 'string' ? code : ''
}
