import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig, type LoadedConfig } from '../../../src/config/load.ts'
import { dumpConfig, formatDump } from '../../../src/config/dump.ts'
import { ConfigError, formatProblem } from '../../../src/config/problem.ts'
import { parse } from 'yaml'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-config-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function load(
  files: Record<string, string>,
  environment: Record<string, string> = {},
): LoadedConfig {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return loadConfig({ files: Object.keys(files), environment, folder })
}

function problemsOf(
  files: Record<string, string>,
  environment: Record<string, string> = {},
): string[] {
  try {
    load(files, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem)
    throw error
  }
  return []
}

const minimal = 'node: { name: paris.id.example.org }\n'

const everyone = { burst: 20, perSecond: 1 }
const featureDefaults = {
  validation: {
    sessionTtlMs: 86_400_000,
    validatedTtlMs: 86_400_000,
    attemptsMax: 10,
    nextLinkAllow: [],
  },
  email: {
    smtp: null,
    from: '',
    templatesDir: null,
    defaultBrand: null,
    defaultLanguage: 'en',
    webClientUrl: 'https://app.element.io',
    webClientAllow: [],
  },
  sms: null,
  smsReject: [],
  terms: { policies: [] },
  rateLimits: {
    enabled: true,
    rates: {
      client: everyone,
      user: everyone,
      lookup: everyone,
      threepid: everyone,
      homeserver: { burst: 200, perSecond: 10 },
      country: { burst: 50, perSecond: 0.2 },
    },
  },
  onbind: { retryFirstMs: 10_000, giveUpAfterMs: 604_800_000 },
  invites: {
    expireAfterMs: 31_536_000_000,
    shownLocal: 3,
    shownDomain: 3,
    homeserversBlocked: [],
    roomsBlocked: [],
    keywordsBlocked: [],
  },
}

test('a node name alone is a configuration, with the documented defaults', () => {
  const { config, warnings } = load({ 'node.yaml': minimal })
  expect(warnings).toEqual([])
  expect(config).toEqual({
    node: {
      name: 'paris.id.example.org',
      dataDir: join(folder, 'data'),
      serverName: 'paris.id.example.org',
      publicBaseUrl: 'https://paris.id.example.org',
      keyId: 'ed25519:paris',
      aliases: [],
    },
    listen: {
      public: { host: '127.0.0.1', port: 8090, tls: null },
      mesh: { host: '0.0.0.0', port: 8449 },
      admin: { host: '127.0.0.1', port: 8092 },
    },
    trustedProxies: [],
    storage: { engine: 'sqlite' },
    mesh: {
      peersFile: join(folder, 'data/peers.json'),
      url: 'https://paris.id.example.org:8449',
      tls: { mode: 'pinned' },
      skewMaxMs: 60_000,
      gzip: true,
      recordFile: null,
    },
    homeservers: { allow: ['*'], verifyTls: true, caFile: null },
    outbound: { allowNetworks: [] },
    lookup: { pepper: null, algorithms: ['sha256', 'none'], addressesMax: 10_000 },
    api: { v1: true, v1Lookup: true, v1Bind: true },
    admin: { internalBind: false, token: null },
    site: { secretFile: join(folder, 'data/site.secret') },
    log: { level: 'info' },
    ...featureDefaults,
  })
})

test('the configuration cannot be changed once it is read', () => {
  const { config } = load({ 'node.yaml': minimal })
  expect(Object.isFrozen(config)).toBe(true)
  expect(() => (config.homeservers.allow as string[]).push('evil.example')).toThrow(TypeError)
})

test('every problem is reported at once, with its line and what was probably meant', () => {
  const text = [
    'node:',
    '  name: Paris',
    '  data_dri: ./data',
    'listen:',
    '  public: { port: 99999 }',
    'pepper: abc',
    'log: { level: loud }',
    'mesh: { skew_max: 1 hour }',
  ].join('\n')
  expect(problemsOf({ 'node.yaml': text })).toEqual([
    "node.yaml:2:3: node.name: expected a name like a host's, in lower case, such as paris.id.example.org",
    'node.yaml:3:3: node.data_dri: unknown key (did you mean "node.data_dir"?)',
    'node.yaml:5:13: listen.public.port: expected a port, 0 to 65535',
    'node.yaml:6:1: pepper: unknown key (did you mean "lookup.pepper"?)',
    'node.yaml:7:8: log.level: expected one of trace, debug, info, warn, error, fatal, silent, got text',
    'node.yaml:8:9: mesh.skew_max: expected a duration such as 500ms, 10s, 5m, 24h or 7d',
  ])
})

test('a missing node name is said by its name, even in an empty file', () => {
  expect(problemsOf({ 'node.yaml': '' })).toEqual(['node.name: is missing'])
  expect(problemsOf({ 'node.yaml': 'node:\n' })).toEqual(['node.name: is missing'])
})

test('broken YAML, twice the same key and a missing file are problems with a place', () => {
  expect(problemsOf({ 'a.yaml': 'node: { name: a\nlog: {}' })[0]).toMatch(/^a\.yaml:2:\d+: /)
  expect(problemsOf({ 'a.yaml': 'log: {}\nlog: {}\n' })[0]).toMatch(/^a\.yaml:2:1: .*unique/)
  expect(() => loadConfig({ files: ['gone.yaml'], environment: {}, folder })).toThrow(
    /gone\.yaml does not exist/,
  )
})

test('of several files later ones win key by key, and a key without a value takes back what was said', () => {
  const { config } = load({
    'base.yaml': `${minimal}listen: { public: { port: 1000, host: 0.0.0.0 } }\nlookup: { pepper: base }\ntrusted_proxies: [10.0.0.1]\n`,
    'over.yaml':
      'listen: { public: { port: 2000 } }\nlookup: { pepper: }\ntrusted_proxies: [10.0.0.2]\n',
  })
  expect(config.listen.public).toEqual({ host: '0.0.0.0', port: 2000, tls: null })
  expect(config.lookup.pepper).toBeNull()
  expect(config.trustedProxies).toEqual(['10.0.0.2'])
})

test('the environment wins over files: text stays text, the rest is read as YAML', () => {
  const environment = {
    MYCELID_LOOKUP__PEPPER: '0123',
    MYCELID_LISTEN__PUBLIC__PORT: '7000',
    MYCELID_TRUSTED_PROXIES: '[10.0.0.0/8, "::1"]',
    MYCELID_API__V1: 'false',
    MYCELID_CONFIG: 'ignored.yaml',
    PATH: '/bin',
  }
  const { config, warnings } = load({ 'node.yaml': minimal }, environment)
  expect(config.lookup.pepper).toBe('0123')
  expect(config.listen.public.port).toBe(7000)
  expect(config.trustedProxies).toEqual(['10.0.0.0/8', '::1'])
  expect(config.api.v1).toBe(false)
  expect(warnings).toEqual([])
})

test("an unknown variable with two underscores is a problem, a neighbour's one of Kubernetes a warning", () => {
  expect(problemsOf({ 'node.yaml': minimal }, { MYCELID_LOG__LEVLE: 'info' })).toEqual([
    'MYCELID_LOG__LEVLE: log.levle: unknown key (did you mean "log.level"?)',
  ])
  const { warnings } = load({ 'node.yaml': minimal }, { MYCELID_PORT: 'tcp://10.0.0.1:80' })
  expect(warnings.map(formatProblem)).toEqual([
    'MYCELID_PORT: ignored: it names no key of the configuration',
  ])
})

test('file names count from the folder of the file that names them', () => {
  mkdirSync(join(folder, 'sub'), { recursive: true })
  const { config } = load({
    'node.yaml': `${minimal}mesh: { peers_file: ./peers.json }\n`,
    'sub/over.yaml': 'node: { data_dir: here }\n',
  })
  expect(config.mesh.peersFile).toBe(join(folder, 'peers.json'))
  expect(config.node.dataDir).toBe(join(folder, 'sub/here'))
})

test('a secret is read from its file, which nobody else may read', () => {
  const text = `${minimal}admin: { token_file: ./token }\n`
  writeFileSync(join(folder, 'token'), 'a-long-enough-token-for-all\n', { mode: 0o600 })
  chmodSync(join(folder, 'token'), 0o600)
  expect(load({ 'node.yaml': text }).config.admin.token).toBe('a-long-enough-token-for-all')
  chmodSync(join(folder, 'token'), 0o640)
  expect(problemsOf({ 'node.yaml': text })[0]).toMatch(
    /^node\.yaml:2:10: admin\.token_file: .*mode 0640\); run: chmod 600 /,
  )
  chmodSync(join(folder, 'token'), 0o600)
  const both = `${minimal}admin: { token: abc, token_file: ./token }\n`
  expect(problemsOf({ 'node.yaml': both })[0]).toMatch(/both admin.token and admin.token_file/)
})

test('the internal bind API beyond loopback is refused without a token', () => {
  const open = (host: string, more = ''): string[] =>
    problemsOf({
      'node.yaml': `${minimal}listen: { admin: { host: "${host}" } }\nadmin: { internal_bind: true${more} }\n`,
    })
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) expect(open(host)).toEqual([])
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'admin.example.org', '::ffff:10.0.0.1']) {
    expect(open(host), host).toHaveLength(1)
    expect(open(host, ', token: sesame-open-for-me-now'), host).toEqual([])
  }
})

test('two listeners on one port are refused', () => {
  const text = `${minimal}listen: { public: { port: 8449 } }\n`
  expect(problemsOf({ 'node.yaml': text })).toEqual([
    'node.yaml:2:1: listen.mesh.port: port 8449 is taken by listen.public already',
  ])
})

test('pki mode needs all three files, another mode is none', () => {
  const tls = (value: string): string[] =>
    problemsOf({ 'node.yaml': `${minimal}mesh: { tls: ${value} }\n` })
  expect(tls('{ mode: pki, cert: a, key: b }')).toEqual(['node.yaml:2:9: mesh.tls.ca: is missing'])
  expect(tls('{ mode: open }')).toHaveLength(1)
  const { missing, config } = load({
    'node.yaml': `${minimal}mesh: { tls: { mode: pki, cert: a, key: b, ca: c } }\n`,
  })
  expect(config.mesh.tls).toMatchObject({ mode: 'pki', caFile: join(folder, 'c') })
  expect(missing.map(({ key }) => key)).toEqual(['mesh.tls.cert', 'mesh.tls.key', 'mesh.tls.ca'])
})

test('the dump can be read again, names every origin and shows no secret', () => {
  const text = `${minimal}admin: { token: sesame-open-for-me-now }\nsms: { provider: twilio, twilio: { account_sid: A, auth_token: hush, from: "+1" } }\n`
  const { tree, origins, config } = load({ 'node.yaml': text }, { MYCELID_LOG__LEVEL: 'warn' })
  const dump = formatDump(dumpConfig(tree, origins))
  expect(dump).not.toMatch(/sesame|hush/)
  expect(dump).toContain('name: "paris.id.example.org"  # node.yaml:1:9')
  expect(dump).toContain('level: "warn"  # MYCELID_LOG__LEVEL')
  expect(dump).toContain('port: 8090  # default')
  const again = parse(dump) as { mesh: { peers_file: string } }
  expect(again.mesh.peers_file).toBe(config.mesh.peersFile)
})

test('keys of a prototype are keys like any other, and unknown', () => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    expect(problemsOf({ 'node.yaml': `${minimal}${key}: { a: 1 }\n` }), key).toHaveLength(1)
  }
  expect(problemsOf({ 'node.yaml': minimal }, { MYCELID___PROTO____A: '1' })).toHaveLength(1)
  expect(({} as Record<string, unknown>)['a']).toBeUndefined()
})

test('a file of nothing but aliases to aliases ends quickly', () => {
  const rows = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 10; level++) {
    const alias = `*a${level - 1}`
    rows.push(`a${level}: &a${level} [${Array<string>(10).fill(alias).join(', ')}]`)
  }
  expect(problemsOf({ 'bomb.yaml': rows.join('\n') }).join()).toMatch(/too many values/)
})
