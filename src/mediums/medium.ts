/**
 * Owns: the port of what reaches people: messages to an address, and the pages their links open.
 * Relies on: domain.
 * Never: knows how a message travels; an address, a token or a link of it stands in no error and no log.
 */
import type { Medium as MediumName } from '../domain/threepid.ts'

/** Who is addressed in what voice: `brand` as the request named it, `languages` best first (BCP 47). */
export type Audience = {
  readonly brand: string | null
  readonly languages: readonly string[]
}

type Addressed = Audience & {
  /** The same for every attempt, so that a receiver can tell a second copy; `[0-9A-Za-z._-]`, at most 64. */
  readonly id: string
  /** Canonical (domain/threepid). */
  readonly address: string
  readonly token: string
}

export type ValidationMessage = Addressed & {
  readonly type: 'validation'
  readonly medium: MediumName
  /** Where the person confirms; http or https. */
  readonly link: string
}

/** Names and ids as the homeserver sent them, hostile or not; what is not known is the empty text. */
export type InviteMessage = Addressed & {
  readonly type: 'invite'
  readonly medium: 'email'
  /** Into the web client; http or https. */
  readonly link: string
  readonly roomId: string
  readonly roomName: string
  readonly roomAlias: string
  readonly roomAvatarUrl: string
  readonly roomType: string
  readonly sender: string
  readonly senderDisplayName: string
  readonly senderAvatarUrl: string
  readonly ephemeralPrivateKey: string
  /** The web client itself, without the invite. */
  readonly webClientLink: string
  /** Further members of the request; templates see them as `extra`, never in the place of another variable. */
  readonly extra: Readonly<Record<string, string>>
}

export type OutboundMessage = ValidationMessage | InviteMessage

export const deliveryFaultReasons = [
  /** No connection, or it broke. */
  'unreachable',
  'timeout',
  /** No encryption where it is due, or a certificate that does not fit. */
  'tls',
  /** Our name and password were refused. */
  'login',
  /** Our sender was refused, or the next hop is not set up for us. */
  'setup',
  /** Not now. */
  'deferred',
  /** Never, to this address or with this content. */
  'rejected',
  /** The address cannot be written in the protocol. */
  'address',
  /** The caller gave up. */
  'aborted',
] as const

export type DeliveryFaultReason = (typeof deliveryFaultReasons)[number]

/**
 * A message that was not taken. `isPermanent`: sending it again is pointless. Bears no cause: what a server answers
 * repeats the address.
 */
export class DeliveryFault extends Error {
  readonly reason: DeliveryFaultReason
  readonly isPermanent: boolean
  /** The SMTP reply or HTTP status behind it. */
  readonly status: number | null

  constructor(
    reason: DeliveryFaultReason,
    { isPermanent = false, status = null }: { isPermanent?: boolean; status?: number | null } = {},
  ) {
    const kind = isPermanent ? 'permanent' : 'temporary'
    super(`not delivered: ${reason}${status === null ? '' : ` (${status})`}, ${kind}`)
    this.name = 'DeliveryFault'
    this.reason = reason
    this.isPermanent = isPermanent
    this.status = status
  }
}

/** Settings or templates a medium cannot work with; `problems` are for the operator, each names its file or setting. */
export class MediumSetupError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'MediumSetupError'
    this.problems = problems
  }
}

/** One way to people. It holds no queue and repeats nothing: both are the caller's. */
export interface Medium {
  /** More sends at once only wait for each other. */
  readonly parallelMax: number
  /**
   * Resolves once the next hop has taken the message; it may have been taken, too, when this rejects with a temporary
   * fault. Rejects with DeliveryFault alone where the outside is at fault. Ends within the time configured.
   */
  send(message: OutboundMessage, signal?: AbortSignal): Promise<void>
  /** Sends under way are ended. */
  close(): Promise<void>
}

/** `busy`: nothing is wrong with the link, but too much was asked for. */
export type ValidationFailure = 'incorrect' | 'expired' | 'unknown' | 'busy'

/** HTML documents without scripts and without anything from elsewhere. */
export interface Pages {
  /** `nextLink`: where the client wishes people to go on; one that is not http or https is left out. */
  validated(given: Audience & { medium: MediumName; nextLink: string | null }): string
  validationFailed(given: Audience & { medium: MediumName; reason: ValidationFailure }): string
}

export type PhoneNumber = {
  /** E.164 without plus, as stored. */
  readonly address: string
  /** As people write it abroad, "+44 7700 900123". */
  readonly intlFormat: string
  /** ISO 3166 of the number itself where it can be told, else of its calling code. */
  readonly country: string | null
  readonly callingCode: string
}

export interface PhoneNumbers {
  /**
   * Reads a number as if dialled in `country` (ISO 3166, may be empty); a leading plus or the country's international
   * prefix overrides it. Refuses with phone-number-invalid, and destination-rejected where the operator sends nothing.
   */
  read(country: string, phoneNumber: string): Promise<PhoneNumber>
}

export const templateNames = [
  'validation.txt',
  'validation.html',
  'invite.txt',
  'invite.html',
  'validation-sms.txt',
  'validated.html',
  'validation-failed.html',
] as const

export type TemplateName = (typeof templateNames)[number]

export type TemplateVariables = Readonly<Record<string, string | Readonly<Record<string, string>>>>

export type RenderedTemplate = {
  /** Of the first line `Subject: …`; null where there is none. One line. */
  readonly subject: string | null
  readonly text: string
}

/** All templates, read and compiled. Rendering touches no disk. */
export interface Templates {
  /** `isBuiltIn`: the one that came with the product, whatever the operator has put in its place. */
  render(
    name: TemplateName,
    audience: Audience & { readonly isBuiltIn?: boolean },
    variables: TemplateVariables,
  ): RenderedTemplate
}
