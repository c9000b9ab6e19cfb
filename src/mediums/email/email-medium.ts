/**
 * Owns: mail: what is written into one, and handing it to the operator's mail server.
 * Relies on: domain, platform, the port beside it; nodemailer (loaded with the first of its mails).
 * Never: more than one recipient; the text of a server's reply in an error, for it repeats the address.
 */
import type { Transporter } from 'nodemailer'
import type SMTPPool from 'nodemailer/lib/smtp-pool'
import type { Clock } from '../../platform/clock.ts'
import {
  DeliveryFault,
  MediumSetupError,
  type Medium,
  type OutboundMessage,
  type Templates,
} from '../medium.ts'
import { composeMail } from './compose-mail.ts'
import { mailOptions } from './mail-options.ts'
import { mailboxOf, parseSender, type Mailbox, type Sender } from './mailbox.ts'
import { smtpFault } from './smtp-fault.ts'
import { speaksSmtpUtf8, transportOptions, type SmtpOptions } from './smtp-transport.ts'

export type EmailOptions = {
  readonly smtp: SmtpOptions
  /** `Name <address>` or an address. */
  readonly from: string
}

export type EmailDeps = {
  readonly templates: Templates
  readonly clock: Clock
  /** The Matrix server name; its host part names us to mail servers and in Message-IDs. */
  readonly serverName: string
}

type Handed = {
  readonly message: OutboundMessage
  readonly mail: ReturnType<typeof composeMail>
  readonly mailbox: Mailbox
}

type Mailer = Transporter<SMTPPool.SentMessageInfo, SMTPPool.Options>

/** Throws MediumSetupError. Connects with the first mail, not before. */
export function createEmailMedium(options: EmailOptions, deps: EmailDeps): Medium {
  const sender = parseSender(options.from)
  if (sender === null) {
    throw new MediumSetupError([
      'email.from: expected one sender, as in Name <address@example.org>',
    ])
  }
  return new EmailMedium(options, deps, sender)
}

class EmailMedium implements Medium {
  readonly parallelMax: number
  readonly #smtp: SmtpOptions
  readonly #deps: EmailDeps
  readonly #sender: Sender
  readonly #stopping = new AbortController()
  #mailer: Promise<Mailer> | null = null

  constructor({ smtp }: EmailOptions, deps: EmailDeps, sender: Sender) {
    this.parallelMax = smtp.connectionsMax
    this.#smtp = smtp
    this.#deps = deps
    this.#sender = sender
  }

  async send(message: OutboundMessage, signal?: AbortSignal): Promise<void> {
    const mailbox = mailboxOf(message.address)
    if (mailbox === null) throw new DeliveryFault('address', { isPermanent: true })
    // A template that fails is a fault of ours, not of the next hop.
    const mail = composeMail(this.#deps, message)
    const late = new AbortController()
    const timer = this.#deps.clock.setTimer(this.#smtp.timeoutMs, () => late.abort())
    const ends = [late.signal, this.#stopping.signal, ...(signal === undefined ? [] : [signal])]
    const ended = AbortSignal.any(ends)
    try {
      await this.#hand({ message, mail, mailbox }, ended)
    } catch (error) {
      if (late.signal.aborted) throw new DeliveryFault('timeout')
      throw ended.aborted ? new DeliveryFault('aborted') : smtpFault(error)
    } finally {
      timer.cancel()
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    const mailer = await this.#mailer
    mailer?.close({ force: true })
  }

  async #hand({ message, mail, mailbox }: Handed, signal: AbortSignal): Promise<void> {
    if (mailbox.isInternational && !(await speaksSmtpUtf8(this.#smtp, this.#helloName, signal))) {
      throw new DeliveryFault('address', { isPermanent: true })
    }
    const addressed = mailOptions({
      mail,
      sender: this.#sender,
      mailbox,
      messageId: `${message.id}@${this.#helloName}`,
      sentAtMs: this.#deps.clock.wallMs(),
    })
    const mailer = await this.#open()
    await mailer.sendMail({ ...addressed, signal })
  }

  #open(): Promise<Mailer> {
    this.#mailer ??= (async () => {
      const { createTransport } = await import('nodemailer')
      const mailer = createTransport({
        pool: true,
        ...transportOptions(this.#smtp, this.#helloName),
      })
      // Each send has its own error; the transport's event says it once more.
      mailer.on('error', () => {})
      return mailer
    })()
    return this.#mailer
  }

  get #helloName(): string {
    return this.#smtp.helloName ?? this.#deps.serverName.replace(/:[0-9]+$/, '')
  }
}
