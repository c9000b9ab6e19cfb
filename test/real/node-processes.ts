import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSiteSecret } from '../../src/config/site-secret.ts'
import { hashToken, mintAccessToken } from '../../src/domain/access-token.ts'
import { parseCard, type Card } from '../../src/domain/card.ts'
import { fromBase64 } from '../../src/domain/base64.ts'
import { formatLookupHash, lookupHash } from '../../src/domain/lookup-hash.ts'
import { openStorage } from '../../src/storage/index.ts'
import { until } from './mesh-parties.ts'

/**
 * Whole nodes as an operator runs them: made by `init`, started by `serve`, each a process of its own over TLS on
 * loopback. Only processes started here are ever ended here.
 */

const main = join(import.meta.dirname, '../../dist/main.js')
export const pepper = 'matrixrocks'
export const deadlineMs = 30_000

export type TestNode = {
  readonly name: string
  readonly folder: string
  readonly config: string
  readonly peersFile: string
  readonly database: string
  readonly ports: { readonly public: number; readonly mesh: number; readonly admin: number }
  readonly card: Card
}

export type Ended = { readonly code: number; readonly out: string; readonly err: string }

/** Runs the command to its end. */
export function mycelid(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err })
    })
    child.stdin?.end()
  })
}

/** Runs a command that must succeed. */
export async function mustDo(...words: string[]): Promise<string> {
  const { code, out, err } = await mycelid(...words)
  if (code !== 0) throw new Error(`mycelid ${words.join(' ')} ended with ${code}: ${err}${out}`)
  return out
}

/** A row of peers.json for a sibling's card. */
export function siblingRow({ name, url, vkey, pin }: Card): object {
  return { name, url, keys: [vkey], tls_pins: [pin], sibling: true }
}

/** A folder of nodes that are siblings unless paired otherwise; ends what it started and removes the folder. */
export class TestMesh {
  readonly folder = mkdtempSync(join(tmpdir(), 'mycelid-nodes-'))
  /** All that any node wrote to stdout and stderr, by node. */
  readonly outputs = new Map<string, string>()
  /** Texts that must never stand in an output: addresses, hashes of them, tokens, secrets. */
  readonly secrets = new Set<string>()
  readonly #running = new Set<RunningNode>()

  /** Made by `init`. `place` is where its data goes, `settings` sections of its configuration. */
  async make(
    label: string,
    {
      settings = {},
      secretOf,
      place,
    }: { settings?: object; secretOf?: TestNode; place?: string } = {},
  ): Promise<TestNode> {
    const name = `${label}.id.example.org`
    const ports = { public: await freePort(), mesh: await freePort(), admin: await freePort() }
    const folder = join(place ?? this.folder, label)
    const peersFile = join(this.folder, `${label}-peers.json`)
    const config = join(this.folder, `${label}.yaml`)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const listen = Object.entries(ports).map(([what, port]) => [what, { host: '127.0.0.1', port }])
    const content = {
      node: { name, data_dir: folder, server_name: 'id.example.org' },
      listen: Object.fromEntries(listen) as object,
      mesh: { url: `https://127.0.0.1:${ports.mesh}`, peers_file: peersFile },
      lookup: { pepper },
      admin: { internal_bind: true },
      // One client asks for everything here.
      rate_limits: { enabled: false },
      log: { level: 'trace' },
      ...settings,
    }
    writeFileSync(config, JSON.stringify(content))
    const words = ['init', '--config', config, '--json']
    if (secretOf !== undefined)
      words.push('--site-secret-file', join(secretOf.folder, 'site.secret'))
    const told = JSON.parse(await mustDo(...words)) as { card: string }
    const database = join(folder, 'mycelid.db')
    const node = { name, folder, config, peersFile, database, ports, card: parseCard(told.card) }
    this.secrets.add(readFileSync(join(folder, 'site.secret'), 'utf8').trim().split(' ')[1] ?? '')
    return node
  }

  /** Nodes of one operator, each knowing the others. */
  async makeSiblings(...labels: string[]): Promise<TestNode[]> {
    const nodes: TestNode[] = []
    for (const label of labels) {
      const [first] = nodes
      nodes.push(await this.make(label, first === undefined ? {} : { secretOf: first }))
    }
    for (const node of nodes) {
      const others = nodes.filter((other) => other !== node)
      writePeers(
        node,
        others.map(({ card }) => siblingRow(card)),
      )
    }
    return nodes
  }

  /** Starts `serve`; resolves when its listeners answer. */
  async start(node: TestNode, environment: NodeJS.ProcessEnv = {}): Promise<RunningNode> {
    const running = this.launch(node, environment)
    await until(
      `${node.name} serving`,
      () => running.hasEnded || running.output.includes('"event":"started"'),
      deadlineMs,
    )
    if (running.hasEnded) throw new Error(`${node.name} ended: ${running.output}`)
    return running
  }

  /** Starts `serve` and does not wait. */
  launch(node: TestNode, environment: NodeJS.ProcessEnv = {}): RunningNode {
    const running = new RunningNode(this, node, environment)
    this.#running.add(running)
    return running
  }

  /** What a test will bind: it must not stand in any log. */
  address(name: string): string {
    const address = `${name}@people.example`
    this.secrets.add(address)
    this.secrets.add(formatLookupHash(lookupHash({ medium: 'email', address }, pepper)))
    return address
  }

  /** Ends all, and tells which of the secrets the nodes wrote to their logs. */
  async end(): Promise<string[]> {
    await Promise.all([...this.#running].map((running) => running.kill()))
    rmSync(this.folder, { recursive: true, force: true })
    const leaks: string[] = []
    for (const [node, output] of this.outputs) {
      for (const secret of this.secrets) {
        if (output.toLowerCase().includes(secret.toLowerCase())) leaks.push(`${node}: ${secret}`)
      }
    }
    return leaks
  }
}

/** One run of `serve`. */
export class RunningNode {
  readonly node: TestNode
  readonly #child: ChildProcess
  readonly #mesh: TestMesh
  readonly #exited: Promise<{ code: number | null; signal: string | null }>
  #output = ''

  constructor(mesh: TestMesh, node: TestNode, environment: NodeJS.ProcessEnv) {
    this.node = node
    this.#mesh = mesh
    this.#child = spawn(process.execPath, [main, 'serve', '--config', node.config], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (text: string) => this.#take(text))
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve({ code, signal }))
    })
  }

  #take(text: string): void {
    this.#output += text
    const { outputs } = this.#mesh
    outputs.set(this.node.name, (outputs.get(this.node.name) ?? '') + text)
  }

  get output(): string {
    return this.#output
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Events logged so far, by name. */
  events(name: string): Record<string, unknown>[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === name)
  }

  signal(name: 'SIGTERM' | 'SIGHUP'): void {
    this.#child.kill(name)
  }

  ended(): Promise<{ code: number | null; signal: string | null }> {
    return this.#exited
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM')
    await this.#exited
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL')
    await this.#exited
  }
}

const taken = new Set<number>()

/** Below the range the system hands out to outgoing connections, so that no call of a neighbour takes it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000)
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export function writePeers(node: TestNode, rows: readonly unknown[]): void {
  writeFileSync(node.peersFile, JSON.stringify({ peers: rows }))
  chmodSync(node.peersFile, 0o600)
}

export function meshSeedOf(node: TestNode): Uint8Array {
  const { seed } = JSON.parse(readFileSync(join(node.folder, 'mesh.key'), 'utf8')) as {
    seed: string
  }
  return fromBase64(seed, 32) ?? new Uint8Array(0)
}

/** A token of a user at the node, put into its store while it is down. */
export async function giveToken(mesh: TestMesh, node: TestNode): Promise<string> {
  const secret = parseSiteSecret(readFileSync(join(node.folder, 'site.secret'), 'utf8'))
  if (secret === null) throw new Error('no site secret')
  const random = Buffer.alloc(32, node.name)
  const token = mintAccessToken(secret, random)
  const storage = await openStorage({ engine: 'sqlite', file: node.database, access: 'write' })
  const change = { tokenHash: hashToken(token), mxid: '@client:example.org', createdAtMs: 0 }
  const accounts = [{ type: 'save', ...change, perUserMax: 50 } as const]
  await storage.commit({ logs: [], lookups: [], accounts, meta: {} })
  await storage.close()
  mesh.secrets.add(token)
  return token
}

/** `log verify` must find every log of the node sound; answers their names and sizes. */
export async function verifiedLogs(node: TestNode): Promise<Map<string, number>> {
  const { code, out, err } = await mycelid('log', 'verify', '--config', node.config, '--json')
  if (code !== 0) throw new Error(`log verify ended with ${code}: ${err}${out}`)
  const { logs } = JSON.parse(out) as { logs: { log: string; size: number }[] }
  return new Map(logs.map(({ log, size }) => [log, size]))
}
