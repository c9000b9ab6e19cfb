import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Config } from '../../../src/config/config.ts'
import { dumpConfig, formatDump } from '../../../src/config/dump.ts'
import { loadConfig, type LoadedConfig } from '../../../src/config/load.ts'
import { ConfigError, formatProblem } from '../../../src/config/problem.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-config-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function load(text: string, environment: Record<string, string> = {}): LoadedConfig {
  writeFileSync(join(folder, 'node.yaml'), `node: { name: paris.id.example.org }\n${text}\n`)
  return loadConfig({ files: ['node.yaml'], environment, folder })
}

function configOf(text: string): Config {
  return load(text).config
}

function problemsOf(text: string): string[] {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem)
    throw error
  }
  return []
}

function warningsOf(text: string): string[] {
  return load(text).warnings.map(formatProblem)
}

function secretFile(name: string, content: string): void {
  writeFileSync(join(folder, name), `${content}\n`)
  chmodSync(join(folder, name), 0o600)
}

const from = 'from: "Identity <no-reply@example.org>"'

test('the set-up that tests and operators share means what it says', () => {
  secretFile('t', 'hush')
  const config = configOf(`
homeservers: { allow: ["*"], verify_tls: true }
validation: { session_ttl: 1h, validated_ttl: 90m, attempts_max: 3 }
email: { smtp: { host: localhost, port: 25, tls: none }, ${from}, templates_dir: ./templates }
sms: { provider: twilio, twilio: { account_sid: AC1, auth_token_file: ./t, from: "+441", base_url: "http://127.0.0.1:1/" } }
sms_reject: [{ country: FR, prefix: 33 }, { prefix: "+447" }]
terms: { policies: { privacy: { version: "1.2", en: { name: Privacy, url: "https://example.org/p" } } } }
rate_limits: { enabled: true, burst: 5, per_second: 2, country: { burst: 9 } }
onbind: { retry_first: 250ms }`)
  expect(config.validation).toMatchObject({ sessionTtlMs: 3_600_000, validatedTtlMs: 5_400_000 })
  expect(config.email).toMatchObject({
    smtp: { host: 'localhost', port: 25, tls: 'none', username: null, password: null },
    from: 'Identity <no-reply@example.org>',
    templatesDir: join(folder, 'templates'),
  })
  expect(config.sms).toEqual({
    provider: 'twilio',
    originators: {},
    accountSid: 'AC1',
    authToken: 'hush',
    from: '+441',
    baseUrl: 'http://127.0.0.1:1',
  })
  expect(config.smsReject).toEqual([
    { country: 'FR', prefix: '33' },
    { country: null, prefix: '447' },
  ])
  const texts = [{ language: 'en', name: 'Privacy', url: 'https://example.org/p' }]
  expect(config.terms.policies).toEqual([{ id: 'privacy', version: '1.2', texts }])
  expect(config.rateLimits.rates).toMatchObject({
    user: { burst: 5, perSecond: 2 },
    country: { burst: 9, perSecond: 0.2 },
  })
  expect(config.onbind.retryFirstMs).toBe(250)
})

test.each([
  ['none', 25],
  ['starttls', 587],
  ['implicit', 465],
])('without a port, mail with tls %s goes to port %i', (tls, port) => {
  const config = configOf(`email: { smtp: { host: mail.example.org, tls: ${tls} }, ${from} }`)
  expect(config.email.smtp?.port).toBe(port)
})

test('passwords and tokens are read from files, and no dump shows them', () => {
  secretFile('mail', 'mail-hush')
  secretFile('gateway', 'gateway-hush')
  const { config, tree, origins } = load(`
email: { smtp: { host: mail.example.org, username: u, password_file: ./mail }, ${from} }
sms: { provider: http, http: { url: "http://127.0.0.1:1/sms", token_file: ./gateway } }`)
  expect(config.email.smtp?.password).toBe('mail-hush')
  expect(config.sms).toMatchObject({ token: 'gateway-hush' })
  expect(formatDump(dumpConfig(tree, origins))).not.toContain('hush')
  const open = load(`
email: { smtp: { host: mail.example.org, username: u, password: mail-hush }, ${from} }
sms: { provider: http, http: { url: "http://127.0.0.1:1/sms", token: gateway-hush } }`)
  expect(formatDump(dumpConfig(open.tree, open.origins))).not.toContain('hush')
})

test('a password of digits in the environment stays text', () => {
  const { config } = load(`email: { smtp: { host: mail.example.org, username: u }, ${from} }`, {
    MYCELID_EMAIL__SMTP__PASSWORD: '0123',
  })
  expect(config.email.smtp?.password).toBe('0123')
})

test.each([
  ['email: { smtp: { host: h } }', 'node.yaml:2:1: email.from: is missing'],
  [
    `email: { smtp: { host: h, username: u }, ${from} }`,
    'node.yaml:2:27: email.smtp.username: is given without email.smtp.password_file; a login takes both',
  ],
  [
    'sms: { provider: twilio, twilio: { account_sid: A, from: "+1" } }',
    'node.yaml:2:26: sms.twilio.auth_token: is missing; set sms.twilio.auth_token_file',
  ],
  ['sms: { provider: twilio }', 'node.yaml:2:1: sms.twilio: is missing'],
  [
    'terms: { policies: { privacy: { version: "1" } } }',
    'node.yaml:2:22: terms.policies.privacy: has no text: give it at least one language, such as en: { name: …, url: … }',
  ],
  ['sms_reject: [{}]', 'node.yaml:2:1: sms_reject[0]: expected a country, a prefix, or both'],
  ['onbind: { retry: 10s }', 'node.yaml:2:11: onbind.retry: unknown key'],
])('%s is refused with its place', (text, problem) => {
  expect(problemsOf(text)).toEqual([problem])
})

test.each([
  'sms: { provider: pigeon }',
  'email: { from: "a@b.org, c@d.org" }',
  'email: { from: "a@b.org\\r\\nBcc: c@d.org" }',
  'email: { from: nobody }',
  'email: { default_language: "../../etc" }',
  'email: { default_brand: ../x }',
  'email: { web_client_url: "javascript:alert(1)" }',
  'validation: { next_link_allow: ["javascript:alert(1)"] }',
  'validation: { next_link_allow: ["https://user@example.org/"] }',
  'validation: { attempts_max: 0 }',
  'validation: { session_ttl: 0ms }',
  'terms: { policies: { p: { version: "1", en: { name: P, url: "javascript:alert(1)" } } } }',
  'terms: { policies: { p: { version: "1", "e n": { name: P, url: "https://a/" } } } }',
  'terms: { policies: { "a b": { version: "1", en: { name: P, url: "https://a/" } } } }',
  'rate_limits: { burst: 0 }',
  'rate_limits: { users: { burst: 3 } }',
  'sms: { provider: http, http: { url: "https://g.example/" }, originators: { "0": "+1" } }',
  'node: { aliases: ["https://id.example.org"] }',
])('%s is refused', (text) => {
  expect(problemsOf(text).length).toBeGreaterThan(0)
})

test('what is dangerous or without effect is said', () => {
  const mail = (smtp: string): string[] => warningsOf(`email: { smtp: { ${smtp} }, ${from} }`)
  expect(mail('host: localhost, tls: none')).toEqual([])
  expect(mail('host: mail.example.org')).toEqual([])
  expect(mail('host: mail.example.org, tls: none')).toHaveLength(1)
  expect(mail('host: mail.example.org, verify_tls: false')).toHaveLength(1)
  expect(warningsOf(`email: { ${from} }`)).toHaveLength(1)
  expect(warningsOf('api: { v1: false, v1_bind: true }')).toEqual([
    'node.yaml:2:19: api.v1_bind: has no effect while api.v1 is false',
  ])
  const shared = '{ version: "1", en: { name: P, url: "https://a.example/" } }'
  expect(warningsOf(`terms: { policies: { a: ${shared}, b: ${shared} } }`)).toHaveLength(1)
})

test('without API v1 neither its lookups nor its bind are served', () => {
  expect(configOf('api: { v1: false }').api).toEqual({ v1: false, v1Lookup: false, v1Bind: false })
  expect(configOf('api: { v1_bind: false }').api).toEqual({
    v1: true,
    v1Lookup: true,
    v1Bind: false,
  })
})

test('one sender is a list of one, and aliases may bear a port and a path', () => {
  const config = configOf(
    'sms: { provider: http, http: { url: "https://g.example/" }, originators: { default: Mycelid, "33": ["+331", "36063"] } }\n',
  )
  expect(config.sms?.originators).toEqual({ default: ['Mycelid'], '33': ['+331', '36063'] })
  writeFileSync(
    join(folder, 'aliases.yaml'),
    'node: { aliases: ["id.example.org", "id.example.org:8443/identity"] }',
  )
  const { config: named } = loadConfig({
    files: ['node.yaml', 'aliases.yaml'],
    environment: {},
    folder,
  })
  expect(named.node.aliases).toEqual(['id.example.org', 'id.example.org:8443/identity'])
})

test('policies named like members of a prototype are policies, or refused', () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const text = `terms: { policies: { ${name}: { version: "1", en: { name: P, url: "https://a/" } } } }`
    const problems = problemsOf(text)
    if (problems.length > 0) continue
    expect(configOf(text).terms.policies.map(({ id }) => id)).toEqual([name])
  }
  expect(({} as Record<string, unknown>)['version']).toBeUndefined()
})
