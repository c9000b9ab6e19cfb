/** The registry of mediums: it knows of each how it is made, and no more. */
import { fileURLToPath } from 'node:url'
import type { Clock } from '../platform/clock.ts'
import type { HttpClient } from '../platform/http-client.ts'
import { createEmailMedium, type EmailOptions } from './email/email-medium.ts'
import type { Medium, Pages, PhoneNumbers } from './medium.ts'
import { createPhoneNumbers, type RejectRule } from './msisdn/phone-numbers.ts'
import { createSmsMedium, type SmsOptions } from './msisdn/sms-medium.ts'
import { createPages } from './pages/result-pages.ts'
import { loadTemplates, type TemplatesOptions } from './templates/load-templates.ts'

export type MediumsOptions = {
  /** Null: no mail is sent, no mail is validated. */
  readonly email: EmailOptions | null
  readonly sms: SmsOptions | null
  readonly smsReject: readonly RejectRule[]
  readonly templates: Omit<TemplatesOptions, 'builtInFolders'>
}

export type MediumsDeps = {
  readonly clock: Clock
  readonly http: HttpClient
  readonly serverName: string
}

export type Mediums = {
  readonly email: Medium | null
  readonly msisdn: Medium | null
  readonly pages: Pages
  readonly phoneNumbers: PhoneNumbers
}

const builtInFolders = ['email', 'msisdn', 'pages'].map((folder) =>
  fileURLToPath(new URL(`./${folder}/`, import.meta.url)),
)

/** Reads and compiles all templates; connects to nothing. Throws MediumSetupError. */
export function createMediums(options: MediumsOptions, deps: MediumsDeps): Mediums {
  const templates = loadTemplates({ ...options.templates, builtInFolders })
  const { clock, http, serverName } = deps
  const { email, sms } = options
  return {
    email: email === null ? null : createEmailMedium(email, { templates, clock, serverName }),
    msisdn: sms === null ? null : createSmsMedium(sms, { templates, http, serverName }),
    pages: createPages({ templates, serverName }),
    phoneNumbers: createPhoneNumbers(options.smsReject),
  }
}
