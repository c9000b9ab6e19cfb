import { DeliveryFault } from '../medium.ts'

type SmtpError = {
  readonly code?: unknown
  readonly command?: unknown
  readonly responseCode?: unknown
}

/**
 * What an error of the SMTP client means. Only what a server says of the recipient or of the content is final; what
 * it says of us (sender, login, encryption) the operator can mend, and the mail still arrives.
 */
export function smtpFault(error: unknown): DeliveryFault {
  if (error instanceof DeliveryFault) return error
  const { code, command, responseCode } = error as SmtpError
  const status = typeof responseCode === 'number' && responseCode > 0 ? responseCode : null
  if (code === 'EABORT') return new DeliveryFault('aborted')
  if (code === 'ETIMEDOUT') return new DeliveryFault('timeout')
  if (code === 'ETLS' || command === 'STARTTLS') return new DeliveryFault('tls', { status })
  if (code === 'EAUTH' || code === 'ENOAUTH') return new DeliveryFault('login', { status })
  if (status === null) return new DeliveryFault(isTlsFault(error) ? 'tls' : 'unreachable')
  if (status < 500 || status === 503) return new DeliveryFault('deferred', { status })
  if (command === 'RCPT TO' || command === 'DATA' || code === 'EMESSAGE') {
    return new DeliveryFault('rejected', { isPermanent: true, status })
  }
  return new DeliveryFault('setup', { status })
}

/** With encryption from the first byte, a bad certificate is an error of the socket as any other. */
function isTlsFault(error: unknown): boolean {
  const { code, originalCode, message } = error as Record<string, unknown>
  const told = `${String(originalCode)} ${String(code)} ${String(message)}`
  return /CERT|SIGNATURE|ERR_TLS|ERR_SSL|SSL routines|EPROTO\b|certificate/.test(told)
}
