import type { SendMailOptions } from 'nodemailer'
import type { Mail } from './compose-mail.ts'
import type { Mailbox, Sender } from './mailbox.ts'

/**
 * The mail as the client library takes it: one recipient, fields of our own making alone. Addresses go in as objects;
 * as text they would be read as lists, with names and comments.
 */
export function mailOptions(given: {
  readonly mail: Mail
  readonly sender: Sender
  readonly mailbox: Mailbox
  /** Without angle brackets. */
  readonly messageId: string
  readonly sentAtMs: number
}): SendMailOptions {
  const { mail, sender, mailbox, messageId, sentAtMs } = given
  const to = { name: '', address: mailbox.address }
  return {
    from: { ...sender },
    to,
    envelope: { from: sender.address, to: [to] },
    subject: mail.subject,
    text: mail.text,
    ...(mail.html === null ? {} : { html: mail.html }),
    messageId: `<${messageId}>`,
    date: new Date(sentAtMs),
    headers: {
      // RFC 3834: no holiday notices in return. Not bulk mail either, hence no Precedence and no List fields.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    },
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}
