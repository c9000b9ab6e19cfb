import { z } from '../platform/shape.ts'
import { duration, filePath, host, port, text, webUrl } from './values.ts'

/**
 * Sections whose shape is settled (DESIGN 4) while nothing in this version reads them: they are checked, so that a
 * configuration written today stays right, and `config check` says that they have no effect yet.
 */

const days30 = { fromMs: 1_000, toMs: 30 * 86_400_000 }

const smtp = z.strictObject({
  host,
  port: port.default(25),
  tls: z.enum(['none', 'starttls', 'implicit']).default('starttls'),
  username: text.optional(),
  password: text.optional(),
  password_file: filePath.optional(),
})

const twilio = z.strictObject({
  account_sid: text,
  auth_token: text.optional(),
  auth_token_file: filePath.optional(),
  from: text,
  base_url: webUrl.optional(),
})

/** Shown to people as it stands, never opened by us. */
const linkText = z.string().regex(/^https?:\/\/\S+$/, 'expected a link that begins with https://')
const policyText = z.strictObject({ name: text, url: linkText })

/** One policy: its version, and its name and address per language. */
const policy = z.object({ version: text }).catchall(policyText)

export const laterSections = {
  validation: z
    .strictObject({
      session_ttl: duration(days30).optional(),
      validated_ttl: duration(days30).optional(),
      attempts_max: z.int().min(1).max(1_000).optional(),
    })
    .optional(),
  email: z.strictObject({ smtp, from: text, templates_dir: filePath.optional() }).optional(),
  sms: z
    .discriminatedUnion('provider', [
      z.strictObject({ provider: z.literal('twilio'), twilio }),
      z.strictObject({ provider: z.literal('http'), http: z.strictObject({ url: webUrl }) }),
    ])
    .optional(),
  sms_reject: z
    .array(
      z.strictObject({
        country: z.string().regex(/^[A-Z]{2}$/, 'expected two capital letters, such as FR'),
        prefix: z.union([z.int().min(1), z.string().regex(/^\+?[0-9]{1,15}$/)]).optional(),
      }),
    )
    .optional(),
  terms: z.strictObject({ policies: z.record(z.string(), policy) }).optional(),
  rate_limits: z
    .strictObject({
      enabled: z.boolean().optional(),
      burst: z.number().positive().optional(),
      per_second: z.number().positive().optional(),
    })
    .optional(),
  onbind: z.strictObject({ retry_first: duration(days30).optional() }).optional(),
} as const

export const laterSectionNames = Object.keys(laterSections) as (keyof typeof laterSections)[]
