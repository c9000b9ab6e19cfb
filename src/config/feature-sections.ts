import { isLanguageTag } from '../domain/language.ts'
import { z } from '../platform/shape.ts'
import { duration, filePath, host, port, text, webUrl } from './values.ts'

/** The sections behind validation, invitations, mail and SMS, terms and rate limits (DESIGN 4). */

const days30 = { fromMs: 1, toMs: 30 * 86_400_000 }
const years10 = { fromMs: 1, toMs: 3_650 * 86_400_000 }

const language = z.string().refine(isLanguageTag, {
  message: 'expected a language tag such as en or de-AT',
})

const brand = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'expected letters, digits, _ or -, at most 64')

/** One mailbox, with or without a name before it. */
const mailbox = z
  .string()
  .regex(
    /^(?:[^<>@,;\p{Cc}]*<[^\s<>@,;\p{Cc}]+@[^\s<>@,;\p{Cc}]+>|[^\s<>@,;\p{Cc}]+@[^\s<>@,;\p{Cc}]+)$/u,
    'expected one address, such as no-reply@example.org or "Identity <no-reply@example.org>"',
  )

const hostPatternText = /^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?::[0-9]{1,5})?$/

/** A web address that what begins with it fits, or a host name, or `*.` and one. */
const linkPattern = z
  .string()
  .refine((value) => hostPatternText.test(value) || isLinkPrefix(value), {
    message: 'expected https:// and a host, or a host name such as example.org or *.example.org',
  })

const smtp = z.strictObject({
  host,
  port: port.optional(),
  tls: z.enum(['none', 'starttls', 'implicit']).default('starttls'),
  username: text.optional(),
  password: text.optional(),
  password_file: filePath.optional(),
  verify_tls: z.boolean().default(true),
  ca_file: filePath.optional(),
  hello_name: host.optional(),
  connections_max: z.int().min(1).max(50).default(5),
  timeout: duration({ fromMs: 100, toMs: 600_000 }).default('30s'),
})

const twilio = z.strictObject({
  account_sid: text,
  auth_token: text.optional(),
  auth_token_file: filePath.optional(),
  from: text,
  base_url: webUrl.optional(),
})

const smsHttp = z.strictObject({
  url: webUrl,
  token: text.optional(),
  token_file: filePath.optional(),
})

/** A number with its plus, a short code, or up to 11 letters and digits (GSM 03.40 bounds alphanumeric senders). */
const originator = z
  .string()
  .regex(
    /^(?:\+?[0-9]{3,15}|[A-Za-z0-9][A-Za-z0-9 ._-]{0,10})$/,
    'expected a number, or a name of at most 11 letters and digits',
  )

const originators = z.record(
  z
    .string()
    .regex(
      /^(?:default|[A-Z]{2}|[1-9][0-9]{0,4})$/,
      'expected "default", a country such as FR, or a calling code such as 33',
    ),
  z.union([originator.transform((one) => [one]), z.array(originator).min(1).max(100)]),
)

/** Shown to people as it stands, never opened by us. */
const linkText = z.string().regex(/^https?:\/\/[^\s\p{Cc}]{1,2000}$/u, {
  message: 'expected a link that begins with https://',
})
const policyText = z.strictObject({ name: text, url: linkText })

/** One policy: its version, and its name and address per language. */
const policy = z.object({ version: text }).catchall(policyText)

const policyId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected a name of letters, digits, _ or -, at most 64')

const rate = z.number().positive('expected more than 0').max(1e9)
const bucket = z.strictObject({ burst: rate.optional(), per_second: rate.optional() }).prefault({})

const blockedTexts = z.array(text).max(10_000).default([])

export const featureSections = {
  validation: z
    .strictObject({
      session_ttl: duration(days30).default('24h'),
      validated_ttl: duration(days30).default('24h'),
      attempts_max: z.int().min(1).max(1_000).default(10),
      next_link_allow: z.array(linkPattern).max(1_000).default([]),
    })
    .prefault({}),
  email: z
    .strictObject({
      smtp: smtp.optional(),
      from: mailbox.optional(),
      templates_dir: filePath.optional(),
      default_brand: brand.optional(),
      default_language: language.default('en'),
      web_client_url: webUrl.default('https://app.element.io'),
      web_client_allow: z.array(linkPattern).max(1_000).default([]),
    })
    .prefault({}),
  sms: z
    .discriminatedUnion('provider', [
      z.strictObject({
        provider: z.literal('twilio'),
        twilio,
        originators: originators.default({}),
      }),
      z.strictObject({
        provider: z.literal('http'),
        http: smsHttp,
        originators: originators.default({}),
      }),
    ])
    .optional(),
  sms_reject: z
    .array(
      z
        .strictObject({
          country: z
            .string()
            .regex(/^[A-Z]{2}$/, 'expected two capital letters, such as FR')
            .optional(),
          prefix: z
            .union([z.int().min(1).max(1e15), z.string().regex(/^\+?[0-9]{1,15}$/)])
            .optional(),
        })
        .refine(({ country, prefix }) => country !== undefined || prefix !== undefined, {
          message: 'expected a country, a prefix, or both',
        }),
    )
    .max(1_000)
    .default([]),
  terms: z.strictObject({ policies: z.record(policyId, policy).default({}) }).prefault({}),
  rate_limits: z
    .strictObject({
      enabled: z.boolean().default(true),
      burst: rate.default(20),
      per_second: rate.default(1),
      client: bucket,
      user: bucket,
      lookup: bucket,
      threepid: bucket,
      homeserver: bucket,
      country: bucket,
    })
    .prefault({}),
  onbind: z
    .strictObject({
      retry_first: duration(days30).default('10s'),
      give_up_after: duration(years10).default('7d'),
    })
    .prefault({}),
  invites: z
    .strictObject({
      expire_after: duration(years10).default('365d'),
      shown_local: z.int().min(0).max(64).default(3),
      shown_domain: z.int().min(0).max(64).default(3),
      homeservers_blocked: blockedTexts,
      rooms_blocked: blockedTexts,
      keywords_blocked: blockedTexts,
    })
    .prefault({}),
} as const

function isLinkPrefix(value: string): boolean {
  if (value.length > 500 || !/^https?:\/\//.test(value) || !URL.canParse(value)) return false
  const url = new URL(value)
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}
