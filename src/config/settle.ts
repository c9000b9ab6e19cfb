import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { readSecretFile, SecretFileError } from '../platform/secret-file.ts'
import type { Config } from './config.ts'
import { parseDuration } from './duration.ts'
import type { ConfigProblem } from './problem.ts'
import { toFeatureConfig, type FeatureSecrets } from './settle-features.ts'
import { filePathKeys, type ConfigTree } from './schema.ts'
import { isSection, originOf, type Origins, type Section } from './tree.ts'

/** Secrets as read, wherever they were given; kept apart from the tree that `config dump` shows. */
export type Secrets = FeatureSecrets & { readonly adminToken: string | null }

/**
 * Fills in what depends on other values, makes file names absolute and reads the secrets. The tree it answers is a
 * new one.
 */
export function settle(wanted: {
  readonly tree: ConfigTree
  readonly origins: Origins
  readonly folderOf: (key: string) => string
}): { tree: ConfigTree; secrets: Secrets; problems: ConfigProblem[] } {
  const tree = structuredClone(wanted.tree)
  resolvePaths(tree, '', wanted.folderOf)
  tree.node.server_name ??= tree.node.name
  tree.node.public_base_url ??= `https://${tree.node.server_name}`
  tree.node.public_base_url = tree.node.public_base_url.replace(/\/+$/, '')
  tree.node.key_id ??= `ed25519:${tree.node.name.split('.')[0] ?? ''}`
  tree.mesh.peers_file ??= join(tree.node.data_dir, 'peers.json')
  tree.site.secret_file ??= join(tree.node.data_dir, 'site.secret')
  tree.mesh.url ??= meshUrl(tree)
  const problems: ConfigProblem[] = []
  const { origins } = wanted
  const secret = (key: string, value?: string, file?: string): string | null =>
    readSecret({ key, value, file, origins, problems })
  const { smtp } = tree.email
  const { sms } = tree
  const twilio = sms?.provider === 'twilio' ? sms.twilio : undefined
  const gateway = sms?.provider === 'http' ? sms.http : undefined
  const secrets = {
    adminToken: secret('admin.token', tree.admin.token, tree.admin.token_file),
    smtpPassword: secret('email.smtp.password', smtp?.password, smtp?.password_file),
    twilioToken: secret('sms.twilio.auth_token', twilio?.auth_token, twilio?.auth_token_file),
    smsHttpToken: secret('sms.http.token', gateway?.token, gateway?.token_file),
  }
  return { tree, secrets, problems }
}

/** The tree in the product's own names and units. */
export function toConfig(tree: ConfigTree, secrets: Secrets): Config {
  const { node, listen, mesh, homeservers, lookup } = tree
  return {
    node: {
      name: node.name,
      dataDir: node.data_dir,
      serverName: node.server_name ?? node.name,
      publicBaseUrl: node.public_base_url ?? '',
      keyId: node.key_id ?? '',
      aliases: node.aliases,
    },
    listen: {
      public: {
        host: listen.public.host,
        port: listen.public.port,
        tls:
          listen.public.tls === undefined
            ? null
            : { certFile: listen.public.tls.cert, keyFile: listen.public.tls.key },
      },
      mesh: { ...listen.mesh },
      admin: { ...listen.admin },
    },
    trustedProxies: tree.trusted_proxies,
    storage: { engine: tree.storage.engine },
    mesh: {
      peersFile: mesh.peers_file ?? '',
      url: mesh.url ?? null,
      tls:
        mesh.tls.mode === 'pinned'
          ? { mode: 'pinned' }
          : { mode: 'pki', certFile: mesh.tls.cert, keyFile: mesh.tls.key, caFile: mesh.tls.ca },
      skewMaxMs: parseDuration(mesh.skew_max) ?? 0,
      gzip: mesh.gzip,
      recordFile: mesh.record_file ?? null,
    },
    homeservers: {
      allow: homeservers.allow,
      verifyTls: homeservers.verify_tls,
      caFile: homeservers.ca_file ?? null,
    },
    outbound: { allowNetworks: tree.outbound.allow_networks },
    lookup: {
      pepper: lookup.pepper ?? null,
      algorithms: lookup.algorithms,
      addressesMax: lookup.addresses_max,
    },
    api: {
      v1: tree.api.v1,
      v1Lookup: tree.api.v1 && tree.api.v1_lookup,
      v1Bind: tree.api.v1 && tree.api.v1_bind,
    },
    admin: { internalBind: tree.admin.internal_bind, token: secrets.adminToken },
    site: { secretFile: tree.site.secret_file ?? '' },
    log: { level: tree.log.level },
    ...toFeatureConfig(tree, secrets),
  }
}

/**
 * A node that listens on one address is reached by that address; one that listens on all, by its name. Null when the
 * port is chosen at start.
 */
function meshUrl({ node, listen }: ConfigTree): string | undefined {
  const { host, port } = listen.mesh
  if (port === 0) return undefined
  const isAnyAddress = host === '0.0.0.0' || host === '::'
  const shown = isIP(host) === 6 ? `[${host}]` : host
  return `https://${isAnyAddress ? node.name : shown}:${port}`
}

function resolvePaths(section: Section, prefix: string, folderOf: (key: string) => string): void {
  for (const [name, value] of Object.entries(section)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (isSection(value)) resolvePaths(value, key, folderOf)
    else if (typeof value === 'string' && filePathKeys.has(key)) {
      section[name] = resolve(folderOf(key), value)
    }
  }
}

function readSecret(wanted: {
  readonly key: string
  readonly value: string | undefined
  readonly file: string | undefined
  readonly origins: Origins
  readonly problems: ConfigProblem[]
}): string | null {
  const { key, value, file, origins, problems } = wanted
  if (file === undefined) return value ?? null
  const fileKey = `${key}_file`
  const complain = (message: string): null => {
    problems.push({ origin: originOf(origins, fileKey), key: fileKey, message, suggestion: null })
    return null
  }
  if (value !== undefined) return complain(`both ${key} and ${fileKey} are given; keep one`)
  try {
    const secret = readSecretFile(file).toString('utf8').trimEnd()
    return secret === '' ? complain(`${file} is empty`) : secret
  } catch (error) {
    if (error instanceof SecretFileError) return complain(error.message)
    throw error
  }
}
