import type { Policy } from '../domain/policy.ts'

/** File names are absolute, durations in milliseconds. What nobody configured is null. */
export type FeatureConfig = {
  readonly validation: {
    readonly sessionTtlMs: number
    readonly validatedTtlMs: number
    readonly attemptsMax: number
    /** URL prefixes, host names and `*.host` a next_link may lead to; empty for any http(s) link. */
    readonly nextLinkAllow: readonly string[]
  }
  readonly email: {
    /** Null: mail is not sent, and validation by e-mail is refused. */
    readonly smtp: SmtpConfig | null
    /** One mailbox; empty while `smtp` is null. */
    readonly from: string
    readonly templatesDir: string | null
    readonly defaultBrand: string | null
    readonly defaultLanguage: string
    /** Where links of invites lead, without a slash at the end. */
    readonly webClientUrl: string
    /** What else a homeserver may name as `org.matrix.web_client_location`; forms as in nextLinkAllow. */
    readonly webClientAllow: readonly string[]
  }
  /** Null: SMS are not sent, and validation by number is refused. */
  readonly sms: SmsConfig | null
  readonly smsReject: readonly SmsRejection[]
  readonly terms: { readonly policies: readonly Policy[] }
  readonly rateLimits: {
    readonly enabled: boolean
    readonly rates: Readonly<Record<RateScopeName, Rate>>
  }
  readonly onbind: { readonly retryFirstMs: number; readonly giveUpAfterMs: number }
  readonly invites: {
    readonly expireAfterMs: number
    /** Characters of an invited address that others see, before and after the @. */
    readonly shownLocal: number
    readonly shownDomain: number
    /** Server names whose users may not invite, room ids, and words (compared case-folded) refused in names. */
    readonly homeserversBlocked: readonly string[]
    readonly roomsBlocked: readonly string[]
    readonly keywordsBlocked: readonly string[]
  }
}

export type SmtpConfig = {
  readonly host: string
  readonly port: number
  readonly tls: 'none' | 'starttls' | 'implicit'
  readonly username: string | null
  readonly password: string | null
  readonly verifyTls: boolean
  /** PEM of a private authority. */
  readonly caFile: string | null
  /** Name in EHLO and Message-ID. */
  readonly helloName: string | null
  readonly connectionsMax: number
  readonly timeoutMs: number
}

/** By `default`, country (`FR`) or calling code (`33`): senders, one of which is chosen by the number. */
export type Originators = Readonly<Record<string, readonly string[]>>

export type SmsConfig =
  | {
      readonly provider: 'twilio'
      readonly originators: Originators
      readonly accountSid: string
      readonly authToken: string
      readonly from: string
      /** Null: the provider's own. */
      readonly baseUrl: string | null
    }
  | {
      readonly provider: 'http'
      readonly originators: Originators
      readonly url: string
      /** Bearer token of the gateway. */
      readonly token: string | null
    }

/** Numbers of a country, numbers that begin with a prefix (digits), or, with both, those that meet both. */
export type SmsRejection = { readonly country: string | null; readonly prefix: string | null }

export type RateScopeName = 'client' | 'user' | 'lookup' | 'threepid' | 'homeserver' | 'country'

/** A bucket of `burst` that refills by `perSecond`. */
export type Rate = { readonly burst: number; readonly perSecond: number }
