import type { Policy } from '../domain/policy.ts'
import { parseDuration } from './duration.ts'
import type { FeatureConfig, Rate, RateScopeName, SmsConfig, SmtpConfig } from './feature-config.ts'
import type { ConfigTree } from './schema.ts'

/** Secrets of these sections as read, wherever they were given. */
export type FeatureSecrets = {
  readonly smtpPassword: string | null
  readonly twilioToken: string | null
  readonly smsHttpToken: string | null
}

/** Ports of RFC 6409, RFC 8314 and RFC 5321. */
const smtpPorts = { starttls: 587, implicit: 465, none: 25 } as const

/** Scopes whose default is not the general rate: many users share one homeserver, and SMS cost money. */
const ownRates: Readonly<Partial<Record<RateScopeName, Rate>>> = {
  homeserver: { burst: 200, perSecond: 10 },
  country: { burst: 50, perSecond: 0.2 },
}

export function toFeatureConfig(tree: ConfigTree, secrets: FeatureSecrets): FeatureConfig {
  const { validation, email, onbind, invites } = tree
  return {
    validation: {
      sessionTtlMs: parseDuration(validation.session_ttl) ?? 0,
      validatedTtlMs: parseDuration(validation.validated_ttl) ?? 0,
      attemptsMax: validation.attempts_max,
      nextLinkAllow: validation.next_link_allow,
    },
    email: {
      smtp: smtpConfig(tree, secrets),
      from: email.from ?? '',
      templatesDir: email.templates_dir ?? null,
      defaultBrand: email.default_brand ?? null,
      defaultLanguage: email.default_language,
      webClientUrl: email.web_client_url.replace(/\/+$/, ''),
      webClientAllow: email.web_client_allow,
    },
    sms: smsConfig(tree, secrets),
    smsReject: tree.sms_reject.map(({ country, prefix }) => ({
      country: country ?? null,
      prefix: prefix === undefined ? null : String(prefix).replace('+', ''),
    })),
    terms: { policies: policiesOf(tree) },
    rateLimits: { enabled: tree.rate_limits.enabled, rates: ratesOf(tree) },
    onbind: {
      retryFirstMs: parseDuration(onbind.retry_first) ?? 0,
      giveUpAfterMs: parseDuration(onbind.give_up_after) ?? 0,
    },
    invites: {
      expireAfterMs: parseDuration(invites.expire_after) ?? 0,
      shownLocal: invites.shown_local,
      shownDomain: invites.shown_domain,
      homeserversBlocked: invites.homeservers_blocked.map((name) => name.toLowerCase()),
      roomsBlocked: invites.rooms_blocked,
      keywordsBlocked: invites.keywords_blocked,
    },
  }
}

function smtpConfig({ email }: ConfigTree, secrets: FeatureSecrets): SmtpConfig | null {
  const { smtp } = email
  if (smtp === undefined) return null
  return {
    host: smtp.host,
    port: smtp.port ?? smtpPorts[smtp.tls],
    tls: smtp.tls,
    username: smtp.username ?? null,
    password: secrets.smtpPassword,
    verifyTls: smtp.verify_tls,
    caFile: smtp.ca_file ?? null,
    helloName: smtp.hello_name ?? null,
    connectionsMax: smtp.connections_max,
    timeoutMs: parseDuration(smtp.timeout) ?? 0,
  }
}

function smsConfig({ sms }: ConfigTree, secrets: FeatureSecrets): SmsConfig | null {
  if (sms === undefined) return null
  const { originators } = sms
  if (sms.provider === 'http') {
    return { provider: 'http', originators, url: sms.http.url, token: secrets.smsHttpToken }
  }
  const { account_sid: accountSid, from, base_url: baseUrl } = sms.twilio
  return {
    provider: 'twilio',
    originators,
    accountSid,
    authToken: secrets.twilioToken ?? '',
    from,
    baseUrl: baseUrl?.replace(/\/+$/, '') ?? null,
  }
}

function policiesOf({ terms }: ConfigTree): Policy[] {
  return Object.entries(terms.policies).map(([id, { version, ...byLanguage }]) => ({
    id,
    version,
    texts: Object.entries(byLanguage).map(([language, { name, url }]) => ({ language, name, url })),
  }))
}

function ratesOf({ rate_limits: limits }: ConfigTree): Record<RateScopeName, Rate> {
  const rateOf = (scope: RateScopeName): Rate => {
    const { burst, perSecond } = ownRates[scope] ?? {
      burst: limits.burst,
      perSecond: limits.per_second,
    }
    return { burst: limits[scope].burst ?? burst, perSecond: limits[scope].per_second ?? perSecond }
  }
  return {
    client: rateOf('client'),
    user: rateOf('user'),
    lookup: rateOf('lookup'),
    threepid: rateOf('threepid'),
    homeserver: rateOf('homeserver'),
    country: rateOf('country'),
  }
}
