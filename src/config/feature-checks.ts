import type { Policy } from '../domain/policy.ts'
import { isLanguageTag } from '../domain/language.ts'
import type { Config } from './config.ts'
import { isLoopbackHost, type Findings } from './cross-checks.ts'
import type { ConfigProblem } from './problem.ts'
import { originOf, type Origins } from './tree.ts'

type Found = { readonly key: string; readonly message: string }

/** Contradictions and dangers within the sections of mail, SMS, terms and API v1. */
export function checkFeatures(config: Config, origins: Origins): Findings {
  const placed = ({ key, message }: Found): ConfigProblem => ({
    origin: originOf(origins, key),
    key,
    message,
    suggestion: null,
  })
  const problems = [...mailProblems(config), ...smsProblems(config), ...termsProblems(config)]
  const warnings = [
    ...mailWarnings(config),
    ...termsWarnings(config.terms.policies),
    ...v1Warnings(config, origins),
  ]
  return { problems: problems.map(placed), warnings: warnings.map(placed) }
}

function mailProblems({ email: { smtp, from } }: Config): Found[] {
  if (smtp === null) return []
  const problems: Found[] = []
  if (from === '') problems.push({ key: 'email.from', message: 'is missing' })
  if ((smtp.username === null) !== (smtp.password === null)) {
    const [given, lacking] =
      smtp.username === null ? ['password', 'username'] : ['username', 'password_file']
    const message = `is given without email.smtp.${lacking}; a login takes both`
    problems.push({ key: `email.smtp.${given}`, message })
  }
  return problems
}

function mailWarnings({ email: { smtp, from } }: Config): Found[] {
  if (smtp === null) {
    if (from === '') return []
    return [{ key: 'email', message: 'no mail is sent while email.smtp is not set' }]
  }
  if (isLoopbackHost(smtp.host)) return []
  const warnings: Found[] = []
  if (smtp.tls === 'none') {
    const message = 'mails, with what proves an address in them, cross the network unencrypted'
    warnings.push({ key: 'email.smtp.tls', message })
  } else if (!smtp.verifyTls) {
    const message = 'anybody on the path to the mail server can read the mails while this is false'
    warnings.push({ key: 'email.smtp.verify_tls', message })
  }
  return warnings
}

function smsProblems({ sms }: Config): Found[] {
  if (sms?.provider !== 'twilio' || sms.authToken !== '') return []
  const message = 'is missing; set sms.twilio.auth_token_file'
  return [{ key: 'sms.twilio.auth_token', message }]
}

function termsProblems({ terms }: Config): Found[] {
  return terms.policies.flatMap(({ id, texts }) => {
    const key = `terms.policies.${id}`
    if (texts.length === 0) {
      const message = 'has no text: give it at least one language, such as en: { name: …, url: … }'
      return [{ key, message }]
    }
    return texts
      .filter(({ language }) => !isLanguageTag(language))
      .map(({ language }) => ({
        key: `${key}.${language}`,
        message: 'expected a language tag such as en or de-AT',
      }))
  })
}

/** Users accept addresses: one that stands for two policies accepts both. */
function termsWarnings(policies: readonly Policy[]): Found[] {
  const owners = new Map<string, string>()
  const warnings: Found[] = []
  for (const { id, texts } of policies) {
    for (const { url } of texts) {
      const owner = owners.get(url) ?? id
      owners.set(url, owner)
      if (owner !== id) {
        const message = `shares an address with ${owner}: who accepts one accepts the other`
        warnings.push({ key: `terms.policies.${id}`, message })
      }
    }
  }
  return warnings
}

function v1Warnings({ api }: Config, origins: Origins): Found[] {
  if (api.v1) return []
  return ['api.v1_lookup', 'api.v1_bind']
    .filter((key) => origins.has(key))
    .map((key) => ({ key, message: 'has no effect while api.v1 is false' }))
}
