// Real nodes for the bench: made by `init`, paired by `mesh pair`, run by `serve`, each in its folder.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mintAccessToken, hashToken } from '../../dist/domain/access-token.js'
import { parseSiteSecret } from '../../dist/config/site-secret.js'
import { openStorage } from '../../dist/storage/index.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** Flags for the node under test, to profile it: MYCELID_BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=…'. */
const nodeArguments = process.env.MYCELID_BENCH_NODE_ARGS?.split(' ') ?? []
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export function mycelid(...args) {
  return execFileSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function makeNode(dir, name, extra = {}) {
  const ports = { public: await freePort(), mesh: await freePort(), admin: await freePort() }
  const folder = join(dir, name)
  mkdirSync(folder, { recursive: true })
  const config = {
    node: { name: `${name}.example`, data_dir: folder, server_name: 'id.example.org' },
    listen: Object.fromEntries(
      Object.entries(ports).map(([what, port]) => [what, { host: '127.0.0.1', port }]),
    ),
    mesh: { url: `https://127.0.0.1:${ports.mesh}`, peers_file: join(folder, 'peers.json') },
    lookup: { pepper: 'matrixrocks' },
    admin: { internal_bind: true },
    // On, as everywhere, and never reached: one token asks for everything.
    rate_limits: { burst: 1e9, per_second: 1e9 },
    log: { level: 'warn' },
    ...extra,
  }
  const file = join(folder, 'node.yaml')
  writeFileSync(file, JSON.stringify(config))
  mycelid('init', '--config', file, '--json')
  return { name: `${name}.example`, folder, file, ports, database: join(folder, 'mycelid.db') }
}

export function pair(a, b) {
  const card = mycelid('mesh', 'card', '--config', b.file).trim()
  mycelid(
    'mesh',
    'pair',
    '--config',
    a.file,
    '--sibling',
    '--secret-file',
    join(b.folder, 'site.secret'),
    card,
  )
}

export function seedOf(node) {
  return Buffer.from(JSON.parse(readFileSync(join(node.folder, 'mesh.key'), 'utf8')).seed, 'base64')
}

/** A token the node knows, put into its store while it is down. */
export async function giveToken(node) {
  const secret = parseSiteSecret(readFileSync(join(node.folder, 'site.secret'), 'utf8'))
  const token = mintAccessToken(secret, new Uint8Array(32).fill(4))
  const storage = await openStorage({ engine: 'sqlite', file: node.database, access: 'write' })
  const save = {
    type: 'save',
    tokenHash: hashToken(token),
    mxid: '@bench:example.org',
    createdAtMs: 0,
    perUserMax: 50,
  }
  const accepted = {
    kind: 'terms',
    key: save.mxid,
    subject: save.mxid,
    body: JSON.stringify(['https://id.example.org/p 1']),
    dueMs: null,
    expiresMs: null,
  }
  const records = [[{ type: 'put', record: accepted }]]
  await storage.commit({ logs: [], lookups: [], accounts: [save], meta: {}, records })
  await storage.close()
  return token
}

/** Starts `serve` and resolves once the public listener answers; `startSeconds` is how long that took. */
export async function start(node) {
  const began = process.hrtime.bigint()
  const child = spawn(process.execPath, [...nodeArguments, main, 'serve', '--config', node.file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${node.ports.public}/_matrix/identity/v2`)
      if (answer.ok) break
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (child.exitCode !== null) throw new Error(`${node.name} ended with ${child.exitCode}`)
  }
  return { child, startSeconds: Number(process.hrtime.bigint() - began) / 1e9 }
}

export async function stop({ child }) {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await new Promise((resolve) => child.once('exit', resolve))
}

/** User and system seconds a process has used, all threads, from /proc. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export function rssBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}
