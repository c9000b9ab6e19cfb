import { existsSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import type { Config } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import { originOf, type Origins } from './tree.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Shorter tokens can be guessed where anybody on the network may try. */
const adminTokenLengthMin = 16

export type Findings = { problems: ConfigProblem[]; warnings: ConfigProblem[] }

/** What no single value can tell: contradictions between them, and what is dangerous. */
export function crossChecks(config: Config, origins: Origins): Findings {
  const found = (key: string, message: string): ConfigProblem => ({
    origin: originOf(origins, key),
    key,
    message,
    suggestion: null,
  })
  const problems = [
    ...internalBind(config).map((message) => found('admin.internal_bind', message)),
    ...samePorts(config).map(({ key, message }) => found(key, message)),
  ]
  const warnings: ConfigProblem[] = []
  const { token, internalBind: isOn } = config.admin
  if (token !== null && token.length < adminTokenLengthMin) {
    const message = `a token of ${token.length} characters is easily guessed; ${adminTokenLengthMin} random ones are not`
    warnings.push(found('admin.token', message))
  }
  if (!config.homeservers.verifyTls) {
    const message = 'anybody on the path to a homeserver can pose as its users while this is false'
    warnings.push(found('homeservers.verify_tls', message))
  }
  if (isOn && token === null) {
    warnings.push(found('admin.internal_bind', 'every user of this machine can bind any address'))
  }
  return { problems, warnings }
}

export function isLoopbackHost(host: string): boolean {
  const version = isIP(host)
  if (version === 0) return host === 'localhost'
  return loopback.check(host, version === 4 ? 'ipv4' : 'ipv6')
}

/** The internal bind API takes any address for any Matrix ID: beyond loopback it needs a token. */
function internalBind({ admin, listen }: Config): string[] {
  if (!admin.internalBind || admin.token !== null || isLoopbackHost(listen.admin.host)) return []
  return [
    `the admin listener is on ${listen.admin.host}, which others reach: ` +
      'set admin.token_file, or listen.admin.host to 127.0.0.1',
  ]
}

function samePorts({ listen }: Config): { key: string; message: string }[] {
  const names = ['public', 'mesh', 'admin'] as const
  const clashes: { key: string; message: string }[] = []
  names.forEach((name, index) => {
    for (const earlier of names.slice(0, index)) {
      const a = listen[name]
      const b = listen[earlier]
      if (a.port !== 0 && a.port === b.port && overlap(a.host, b.host)) {
        const message = `port ${a.port} is taken by listen.${earlier} already`
        clashes.push({ key: `listen.${name}.port`, message })
      }
    }
  })
  return clashes
}

function overlap(a: string, b: string): boolean {
  return a === b || [a, b].some((host) => host === '0.0.0.0' || host === '::')
}

/** Files of operators that are named and not there. What `init` makes is not among them. */
export function missingFiles(config: Config, origins: Origins): ConfigProblem[] {
  const { tls } = config.listen.public
  const named: [string, string | null][] = [
    ['listen.public.tls.cert', tls?.certFile ?? null],
    ['listen.public.tls.key', tls?.keyFile ?? null],
    ['homeservers.ca_file', config.homeservers.caFile],
    ['email.smtp.ca_file', config.email.smtp?.caFile ?? null],
    ['email.templates_dir', config.email.templatesDir],
  ]
  const meshTls = config.mesh.tls
  if (meshTls.mode === 'pki') {
    named.push(
      ['mesh.tls.cert', meshTls.certFile],
      ['mesh.tls.key', meshTls.keyFile],
      ['mesh.tls.ca', meshTls.caFile],
    )
  }
  return named
    .filter(([, file]) => file !== null && !existsSync(file))
    .map(([key, file]) => ({
      origin: originOf(origins, key),
      key,
      message: `${file} does not exist`,
      suggestion: null,
    }))
}
