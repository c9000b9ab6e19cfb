// A real Synapse in a Python virtual environment: installed, configured, started.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { until } from '../mesh/until.mjs'
import { MissingPart } from './missing-part.mjs'
import { Program, runToEnd } from './programs.mjs'

const checkTimeoutMs = 30_000
const installTimeoutMs = 10 * 60_000
const keysTimeoutMs = 60_000
const startWait = { withinMs: 120_000, pollMs: 250 }
const host = '127.0.0.1'

/** Puts Synapse into `folder` unless it is there. Answers the interpreter and the version. */
export async function installSynapse({ python, folder, version, signal, say }) {
  const interpreter = join(folder, 'bin', 'python')
  if (!existsSync(interpreter)) await makeEnvironment(python, folder, signal)
  const found = await installedVersion(interpreter, signal)
  if (found !== null && (version === undefined || found === version)) {
    return { interpreter, version: found }
  }
  say('installing Synapse (a minute or two)')
  const wanted = version === undefined ? 'matrix-synapse' : `matrix-synapse==${version}`
  try {
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', wanted]
    await runToEnd(interpreter, install, { timeoutMs: installTimeoutMs, signal })
  } catch (error) {
    throw new MissingPart(`${wanted} cannot be installed with pip: ${error.message}`)
  }
  return { interpreter, version: await installedVersion(interpreter, signal) }
}

async function makeEnvironment(python, folder, signal) {
  const settings = { timeoutMs: checkTimeoutMs, signal }
  try {
    await runToEnd(python, ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))'], settings)
  } catch {
    throw new MissingPart(`${python} is no Python 3.10 or newer; name another with --python`)
  }
  try {
    await runToEnd(python, ['-m', 'venv', folder], { timeoutMs: 2 * checkTimeoutMs, signal })
  } catch (error) {
    throw new MissingPart(
      `${python} makes no virtual environment (Debian: apt-get install python3-venv): ${error.message}`,
    )
  }
}

async function installedVersion(interpreter, signal) {
  const query = "from importlib.metadata import version; print(version('matrix-synapse'))"
  try {
    const settings = { timeoutMs: checkTimeoutMs, signal }
    return (await runToEnd(interpreter, ['-c', query], settings)).trim()
  } catch {
    return null
  }
}

/** Writes the configuration and the signing key of one homeserver. Its Matrix name is its address on loopback. */
export async function prepareSynapse({ interpreter, dir, port, tls, ca, identity, web, signal }) {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const configFile = join(dir, 'homeserver.yaml')
  const settings = synapseSettings({ dir, port, tls, ca, identity, web })
  writeFileSync(configFile, stringify(settings), { mode: 0o600 })
  writeFileSync(join(dir, 'log.yaml'), stringify(logSettings))
  const args = ['-m', 'synapse.app.homeserver', '-c', configFile, '--generate-keys']
  await runToEnd(interpreter, args, { timeoutMs: keysTimeoutMs, cwd: dir, signal })
  return {
    name: `${host}:${port}`,
    url: `https://${host}:${port}`,
    interpreter,
    dir,
    configFile,
    caFile: ca,
  }
}

/**
 * The identity server a client names is called with the usual authorities of the system, which SSL_CERT_FILE sets;
 * federation has a setting of its own.
 */
export function spawnSynapse({ interpreter, dir, configFile, caFile, name }) {
  return new Program({
    name: `Synapse ${name}`,
    command: interpreter,
    args: ['-m', 'synapse.app.homeserver', '-c', configFile],
    logFile: join(dir, 'output.log'),
    cwd: dir,
    env: { SSL_CERT_FILE: caFile },
  })
}

export async function untilSynapseServes({ url, name }, program, calls) {
  await until(`${name} serving`, startWait, async () => {
    program.requireRunning()
    try {
      return (await calls.ask('GET', `${url}/_matrix/client/versions`)).status === 200
    } catch {
      return false
    }
  })
}

/** Limits are lifted: a run says in seconds what people say in weeks. */
const lifted = { per_second: 1_000, burst_count: 1_000 }

function synapseSettings({ dir, port, tls, ca, identity, web }) {
  return {
    server_name: `${host}:${port}`,
    public_baseurl: `https://${host}:${port}/`,
    pid_file: join(dir, 'homeserver.pid'),
    listeners: [
      {
        port,
        bind_addresses: [host],
        type: 'http',
        tls: true,
        resources: [{ names: ['client', 'federation'], compress: false }],
      },
    ],
    tls_certificate_path: tls.cert,
    tls_private_key_path: tls.key,
    federation_custom_ca_list: [ca],
    ip_range_blacklist: [],
    trusted_key_servers: [],
    database: { name: 'sqlite3', args: { database: join(dir, 'homeserver.db') } },
    media_store_path: join(dir, 'media'),
    signing_key_path: join(dir, 'signing.key'),
    log_config: join(dir, 'log.yaml'),
    report_stats: false,
    macaroon_secret_key: 'of no worth on loopback',
    form_secret: 'of no worth on loopback',
    enable_registration: true,
    enable_registration_without_verification: true,
    bcrypt_rounds: 4,
    presence: { enabled: false },
    account_threepid_delegates: { msisdn: identity.url },
    // Only for the client that invitations name; Synapse itself mails nothing here.
    email: { smtp_host: host, smtp_port: 9, notif_from: `<no-reply@${host}>`, ...web },
    rc_registration: lifted,
    rc_message: lifted,
    rc_3pid_validation: lifted,
    rc_third_party_invite: lifted,
    rc_login: { address: lifted, account: lifted, failed_attempts: lifted },
    rc_joins: { local: lifted, remote: lifted },
    rc_invites: { per_room: lifted, per_user: lifted, per_issuer: lifted },
  }
}

const logSettings = {
  version: 1,
  formatters: { line: { format: '%(asctime)s %(levelname)s %(name)s %(message)s' } },
  handlers: { console: { class: 'logging.StreamHandler', formatter: 'line' } },
  root: { level: 'INFO', handlers: ['console'] },
  disable_existing_loggers: false,
}
