import { isIP } from 'node:net'
import { isNodeName } from '../domain/log-id.ts'
import { lookupAddressesMax } from '../domain/api-limits.ts'
import { isServerName } from '../domain/server-name.ts'
import { meshUrlProblem } from '../domain/card.ts'
import { logLevels } from '../platform/logger.ts'
import { z } from '../platform/shape.ts'
import { featureSections } from './feature-sections.ts'
import { duration, filePath, host, port, text, webUrl } from './values.ts'

/**
 * The configuration as operators write it (DESIGN 4). Sections and keys not given are filled in here when their
 * default is fixed, and in settle.ts when it depends on another value. `null` counts as not given.
 */

const network = z.string().refine(isNetwork, {
  message: 'expected an IP address or network such as 10.0.0.0/8',
})

const serverName = z.string().refine(isServerName, {
  message: 'expected a Matrix server name such as example.org',
})

const serverPattern = z
  .string()
  .refine(
    (value) => value === '*' || isServerName(value.startsWith('*.') ? value.slice(2) : value),
    { message: 'expected "*", a server name, or "*." and a server name' },
  )

/** A name homeservers know us by: host, optional port, optional path, as `id_server` of the Client-Server API has it. */
const alias = z
  .string()
  .refine((value) => isServerName(value.split('/')[0] ?? '') && !/[\s\p{Cc}?#]/u.test(value), {
    message: 'expected a host, with a port or a path if need be, such as id.example.org',
  })

const nodeSection = z.strictObject({
  name: z.string().refine(isNodeName, {
    message: "expected a name like a host's, in lower case, such as paris.id.example.org",
  }),
  data_dir: filePath.default('./data'),
  server_name: serverName.optional(),
  public_base_url: webUrl.optional(),
  key_id: z
    .string()
    .regex(/^ed25519:[A-Za-z0-9_.-]{1,64}$/, 'expected "ed25519:" and letters, digits, _ . or -')
    .optional(),
  aliases: z.array(alias).max(1_000).default([]),
})

const listenSection = z.strictObject({
  public: z
    .strictObject({
      host: host.default('127.0.0.1'),
      port: port.default(8090),
      tls: z.strictObject({ cert: filePath, key: filePath }).optional(),
    })
    .prefault({}),
  mesh: z.strictObject({ host: host.default('0.0.0.0'), port: port.default(8449) }).prefault({}),
  admin: z.strictObject({ host: host.default('127.0.0.1'), port: port.default(8092) }).prefault({}),
})

const meshSection = z.strictObject({
  peers_file: filePath.optional(),
  url: z
    .string()
    .superRefine((value, context) => {
      const problem = meshUrlProblem(value)
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })
    .optional(),
  tls: z
    .discriminatedUnion('mode', [
      z.strictObject({ mode: z.literal('pinned') }),
      z.strictObject({ mode: z.literal('pki'), cert: filePath, key: filePath, ca: filePath }),
    ])
    .default({ mode: 'pinned' }),
  skew_max: duration({ fromMs: 1_000, toMs: 300_000 }).default('60s'),
  gzip: z.boolean().default(true),
  record_file: filePath.optional(),
})

const homeserversSection = z.strictObject({
  allow: z.array(serverPattern).max(10_000).default(['*']),
  verify_tls: z.boolean().default(true),
  ca_file: filePath.optional(),
})

const lookupSection = z.strictObject({
  pepper: z
    .string()
    .regex(/^[A-Za-z0-9]{1,255}$/, 'expected 1 to 255 letters and digits')
    .optional(),
  algorithms: z
    .array(z.enum(['sha256', 'none']))
    .refine((list) => list.includes('sha256'), {
      message: 'expected a list with sha256, which every client asks for',
    })
    .default(['sha256', 'none']),
  addresses_max: z
    .int()
    .min(1, 'expected at least 1')
    .max(lookupAddressesMax, `expected at most ${lookupAddressesMax}`)
    .default(lookupAddressesMax),
})

export const configSchema = z.strictObject({
  node: nodeSection,
  listen: listenSection.prefault({}),
  trusted_proxies: z.array(network).max(1_000).default([]),
  storage: z.strictObject({ engine: z.literal('sqlite').default('sqlite') }).prefault({}),
  mesh: meshSection.prefault({}),
  homeservers: homeserversSection.prefault({}),
  outbound: z
    .strictObject({ allow_networks: z.array(network).max(1_000).default([]) })
    .prefault({}),
  lookup: lookupSection.prefault({}),
  api: z
    .strictObject({
      v1: z.boolean().default(true),
      v1_lookup: z.boolean().default(true),
      v1_bind: z.boolean().default(true),
    })
    .prefault({}),
  admin: z
    .strictObject({
      internal_bind: z.boolean().default(false),
      token: text.optional(),
      token_file: filePath.optional(),
    })
    .prefault({}),
  site: z.strictObject({ secret_file: filePath.optional() }).prefault({}),
  log: z.strictObject({ level: z.enum(logLevels).default('info') }).prefault({}),
  ...featureSections,
})

/** What a configuration says once read, with fixed defaults, in the operators' own names. */
export type ConfigTree = z.output<typeof configSchema>

/** Keys whose value is a file name; those not absolute count from the folder of whoever names them. */
export const filePathKeys: ReadonlySet<string> = new Set([
  'node.data_dir',
  'listen.public.tls.cert',
  'listen.public.tls.key',
  'mesh.peers_file',
  'mesh.tls.cert',
  'mesh.tls.key',
  'mesh.tls.ca',
  'mesh.record_file',
  'homeservers.ca_file',
  'admin.token_file',
  'site.secret_file',
  'email.smtp.password_file',
  'email.smtp.ca_file',
  'email.templates_dir',
  'sms.twilio.auth_token_file',
  'sms.http.token_file',
])

/** Keys whose value is never shown. Each has a twin that ends in `_file`. */
export const secretKeys: ReadonlySet<string> = new Set([
  'admin.token',
  'email.smtp.password',
  'sms.twilio.auth_token',
  'sms.http.token',
])

function isNetwork(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  return /^(0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}
