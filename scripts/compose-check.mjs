#!/usr/bin/env node
// Proves that docker-compose.yml keeps its word: proves an address by a mail out of the catcher and binds it on one
// node, stops another, binds again, starts it, and finds both bindings there. Works with Compose 1.29 (docker-compose) and v2 (docker compose). Uses a project and ports of
// its own, and removes its containers and volumes whatever happens.
//
//   node scripts/compose-check.mjs [--keep] [--no-build]
import { deepStrictEqual as deepEqual } from 'node:assert'
import { spawn, spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openidToken } from './demo-homeserver/homeserver.mjs'
import * as client from './mesh/matrix-client.mjs'
import { freePorts } from './mesh/ports.mjs'
import { red, say, step, warn } from './mesh/story.mjs'
import { until } from './mesh/until.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const project = `mycelid-check-${process.pid}`
const nodes = ['paris', 'lyon', 'oslo']
const healthyWait = { withinMs: 120_000, pollMs: 500 }
const homeserverName = 'homeserver:8448'
const foundWait = { withinMs: 60_000, pollMs: 200 }
const longTimeoutMs = 15 * 60_000

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
})

const [command, ...commandArgs] = findCompose()
const [parisPort, lyonPort, osloPort, mailPort] = await freePorts([18_090, 18_190, 18_290, 18_025])
const ports = { paris: parisPort, lyon: lyonPort, oslo: osloPort }
const environment = {
  ...process.env,
  COMPOSE_PROJECT_NAME: project,
  MYCELID_PARIS_PORT: String(parisPort),
  MYCELID_LYON_PORT: String(lyonPort),
  MYCELID_OSLO_PORT: String(osloPort),
  MYCELID_MAIL_PORT: String(mailPort),
}

function findCompose() {
  for (const candidate of [['docker-compose'], ['docker', 'compose']]) {
    const [program, ...args] = candidate
    if (spawnSync(program, [...args, 'version'], { stdio: 'ignore' }).status === 0) return candidate
  }
  warn('neither docker-compose nor docker compose answers here')
  process.exit(2)
}

/** Runs one compose command, answers its output, throws with its complaints when it fails. */
function compose(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...commandArgs, ...args], {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: longTimeoutMs,
    })
    let output = ''
    let complaints = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (complaints += text))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) return resolve(output)
      const tail = `${complaints}\n${output}`.trim().split('\n').slice(-25).join('\n')
      reject(new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${code}:\n${tail}`))
    })
  })
}

async function inspect(node, format) {
  const container = (await compose('ps', '-q', node)).trim()
  return String(spawnSync('docker', ['inspect', '-f', format, container]).stdout).trim()
}

function untilHealthy(node) {
  return until(`${node} being healthy`, healthyWait, async () => {
    return (await inspect(node, '{{.State.Health.Status}}')) === 'healthy'
  })
}

function bind(node, address, mxid) {
  return compose(
    ...['exec', '-T', node, 'mycelid', '3pid', 'bind', '--config', '/data/node.yaml'],
    ...['email', address, mxid],
  )
}

/** As its user does: registers, asks for a mail, opens the link in it, binds. */
async function proveAndBind(name, address, mxid) {
  const node = { publicUrl: `http://127.0.0.1:${ports[name]}` }
  const token = await client.register(node, openidToken('first', homeserverName))
  const session = await client.requestMail(node, { token, email: address, clientSecret: 'check' })
  const mails = `http://127.0.0.1:${mailPort}/mails.json`
  const mail = await until(`a mail to ${address}`, foundWait, async () => {
    const caught = await client.call(mails)
    return caught.find(({ to }) => to.includes(address))
  })
  await client.open(mail.links.find((link) => link.includes('submitToken')))
  await client.bind(node, { token, session, mxid })
}

function untilFound(node, address, mxid) {
  const query = new URLSearchParams({ medium: 'email', address })
  const url = `http://127.0.0.1:${ports[node]}/_matrix/identity/api/v1/lookup?${query}`
  return until(`finding ${address} on ${node}`, foundWait, async () => {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
      return (await answer.json()).mxid === mxid
    } catch {
      return false
    }
  })
}

async function checkHardening(node, published) {
  const [{ Config, HostConfig, NetworkSettings }] = JSON.parse(
    `[${await inspect(node, '{{json .}}')}]`,
  )
  const found = {
    ReadonlyRootfs: HostConfig.ReadonlyRootfs,
    CapDrop: HostConfig.CapDrop,
    SecurityOpt: HostConfig.SecurityOpt,
    User: Config.User,
    published: Object.entries(NetworkSettings.Ports)
      .filter(([, hosts]) => hosts !== null)
      .flatMap(([inside, hosts]) => hosts.map(({ HostIp }) => `${inside} on ${HostIp}`)),
  }
  deepEqual(found, {
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges:true'],
    User: '1000:1000',
    published,
  })
}

async function prove() {
  if (!options['no-build']) {
    await step('images built', () => compose('build', '-q', 'setup', 'mail'))
  }
  await step('set up and started', () => compose('up', '-d'))
  await step('all healthy', () => Promise.all([...nodes, 'mail', 'homeserver'].map(untilHealthy)))
  await step('locked down as promised', () =>
    Promise.all([
      ...nodes.map((node) => checkHardening(node, ['8090/tcp on 127.0.0.1'])),
      checkHardening('mail', ['8025/tcp on 127.0.0.1']),
      checkHardening('homeserver', []),
    ]),
  )
  const first = ['first@example.org', `@first:${homeserverName}`]
  const second = ['second@example.org', '@second:example.org']
  await step('proved by mail, bound on paris', () => proveAndBind('paris', ...first))
  await step('found on all three', () =>
    Promise.all(nodes.map((node) => untilFound(node, ...first))),
  )
  await step('lyon stopped', () => compose('stop', 'lyon'))
  await step('bound on paris again', () => bind('paris', ...second))
  await step('found on oslo', () => untilFound('oslo', ...second))
  await step('lyon started', () => compose('start', 'lyon'))
  await step('lyon has both', async () => {
    await untilFound('lyon', ...first)
    await untilFound('lyon', ...second)
  })
  await step('set up again, nothing changed', () => compose('up', '-d'))
  await step('still found on all three', () =>
    Promise.all(nodes.map((node) => untilFound(node, ...second))),
  )
}

let isClean = false
function clean() {
  if (isClean || options.keep) return
  isClean = true
  const args = [...commandArgs, 'down', '--volumes', '--remove-orphans', '--timeout', '12']
  spawnSync(command, args, { cwd: root, env: environment, stdio: 'ignore' })
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    clean()
    process.exit(1)
  })
}

// Whoever read our output may go away; the containers are still to be removed.
process.stdout.on('error', () => {})

say(`docker-compose.yml, project ${project}`)
try {
  await prove()
  say('compose-check: passed')
} catch (error) {
  warn(`\n${red('✗')} ${error.message}`)
  warn(await compose('logs', '--tail=20').catch(() => ''))
  process.exitCode = 1
} finally {
  clean()
}
