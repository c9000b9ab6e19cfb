import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import type SMTPPool from 'nodemailer/lib/smtp-pool'
import { rootCertificates } from 'node:tls'
import {
  smtpIdleMs,
  smtpMailsPerConnectionMax,
  smtpReplyBytesMax,
} from '../../domain/message-limits.ts'

export type SmtpOptions = {
  readonly host: string
  readonly port: number
  /** `starttls` is never skipped, `implicit` is encrypted from the first byte. */
  readonly tls: 'none' | 'starttls' | 'implicit'
  /** Whether the certificate must be valid and bear `host`. */
  readonly verifyTls: boolean
  /** PEM of authorities trusted besides the usual ones. */
  readonly caPem: string | null
  readonly username: string | null
  readonly password: string | null
  /** Name in EHLO and Message-ID; null: that of the Matrix server. */
  readonly helloName: string | null
  /** Connections held at once. */
  readonly connectionsMax: number
  /** Of one mail, from the look-up of the server's name to its last word. */
  readonly timeoutMs: number
}

type ConnectionOptions = SMTPConnection.Options & { readonly host: string }

/** Options of the mail client, without anything it would decide by itself. */
export function transportOptions(smtp: SmtpOptions, helloName: string): SMTPPool.Options {
  const { username, password, connectionsMax } = smtp
  return {
    ...connectionOptions(smtp, helloName),
    ...(username === null ? {} : { auth: { user: username, pass: password ?? '' } }),
    maxConnections: connectionsMax,
    maxMessages: smtpMailsPerConnectionMax,
    // Once: a connection that went stale in the pool. More is the caller's to decide.
    maxRequeues: 1,
    idleTimeout: smtpIdleMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    maxRecipients: 1,
  }
}

function connectionOptions(smtp: SmtpOptions, helloName: string): ConnectionOptions {
  return {
    host: smtp.host,
    port: smtp.port,
    name: helloName,
    secure: smtp.tls === 'implicit',
    requireTLS: smtp.tls === 'starttls',
    ignoreTLS: smtp.tls === 'none',
    tls: {
      rejectUnauthorized: smtp.verifyTls,
      minVersion: 'TLSv1.2',
      ...(smtp.caPem === null ? {} : { ca: [...rootCertificates, smtp.caPem] }),
    },
    dnsTimeout: smtp.timeoutMs,
    connectionTimeout: smtp.timeoutMs,
    greetingTimeout: smtp.timeoutMs,
    socketTimeout: Math.max(smtp.timeoutMs, smtpIdleMs),
    socketCloseTimeout: 0,
    maxResponseSize: smtpReplyBytesMax,
  }
}

/**
 * Whether the mail server takes addresses beyond ASCII. It is asked on a connection of its own, for such addresses are
 * rare and the client would send them to any server.
 */
export async function speaksSmtpUtf8(
  smtp: SmtpOptions,
  helloName: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { default: Connection } = await import('nodemailer/lib/smtp-connection')
  const connection = new Connection(connectionOptions(smtp, helloName))
  try {
    return await new Promise<boolean>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      connection.on('error', reject)
      connection.connect((error) => {
        if (error !== undefined && error !== null) reject(error)
        else resolve(/^250[ -]SMTPUTF8\b/im.test(String(connection.lastServerResponse)))
      })
      if (signal.aborted) reject(signal.reason as Error)
    })
  } finally {
    connection.close()
  }
}
