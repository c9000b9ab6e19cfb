// The Mycelid node of a run: one node, TLS on its public listener, everything the homeservers use switched on.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { main, mycelid } from '../mesh/commands.mjs'
import { until } from '../mesh/until.mjs'
import { Program } from './programs.mjs'

const host = '127.0.0.1'
const readyWait = { withinMs: 60_000, pollMs: 200 }

export const policyUrl = 'https://id.example.org/privacy'
export const pepper = 'interoperating'

/** Where homeservers and clients reach it: `id_server` is what clients name to their homeserver. */
export function identityAt(port) {
  return { url: `https://${host}:${port}`, idServer: `${host}:${port}` }
}

export async function prepareIdentityServer({ dir, ports, tls, ca, webClient }) {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const configFile = join(dir, 'node.yaml')
  const settings = nodeSettings({ dir, ports, tls, ca, webClient })
  writeFileSync(configFile, stringify(settings), { mode: 0o600 })
  await mycelid('init', '--config', configFile)
  return { ...identityAt(ports.public), dir, configFile, adminUrl: `http://${host}:${ports.admin}` }
}

export function outputFile({ dir }) {
  return join(dir, 'output.log')
}

export function spawnIdentityServer({ dir, configFile }) {
  return new Program({
    name: 'Mycelid',
    command: process.execPath,
    args: [main, 'serve', '--config', configFile],
    logFile: outputFile({ dir }),
    cwd: dir,
  })
}

export async function untilIdentityServes({ adminUrl }, program, calls) {
  await until('Mycelid ready', readyWait, async () => {
    program.requireRunning()
    try {
      return (await calls.ask('GET', `${adminUrl}/health/ready`)).status === 200
    } catch {
      return false
    }
  })
}

/** Limits stand as they are by default: what a few people do must not meet them. */
function nodeSettings({ dir, ports, tls, ca, webClient }) {
  return {
    node: {
      name: 'interop.id.example.org',
      server_name: 'id.example.org',
      data_dir: join(dir, 'data'),
      public_base_url: identityAt(ports.public).url,
    },
    listen: {
      public: { host, port: ports.public, tls },
      mesh: { host, port: ports.mesh },
      admin: { host, port: ports.admin },
    },
    homeservers: { ca_file: ca },
    outbound: { allow_networks: [`${host}/32`] },
    lookup: { pepper },
    email: {
      smtp: { host, port: ports.smtp, tls: 'none' },
      from: 'Identity <no-reply@id.example.org>',
      web_client_allow: [webClient],
    },
    sms: { provider: 'http', http: { url: `http://${host}:${ports.sms}/sms` } },
    terms: {
      policies: { privacy: { version: '1.0', en: { name: 'Privacy', url: policyUrl } } },
    },
    onbind: { retry_first: '1s' },
  }
}
