import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonicalJson, signJson } from '../../src/domain/matrix-json.ts'
import { formatVerifierKey, verifierKey } from '../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import type { Association } from '../../src/domain/association.ts'
import type { Peer } from '../../src/domain/peer.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import type { Threepid } from '../../src/domain/threepid.ts'
import { ChunkAcceptor } from '../../src/log/accept.ts'
import { createAssociationReader } from '../../src/log/associations.ts'
import { Roles } from '../../src/log/roles.ts'
import { WriterClient } from '../../src/log/writer-client.ts'
import { WriterCore, type WriterPorts } from '../../src/log/writer-core.ts'
import { sharedMarks } from '../../src/replication/heads-shape.ts'
import { Receiver } from '../../src/replication/receiver.ts'
import { Sender } from '../../src/replication/sender.ts'
import { TransportFault, type Transport } from '../../src/replication/transport.ts'
import { openStorage } from '../../src/storage/index.ts'
import type { Storage } from '../../src/storage/storage.ts'

/** Several nodes in one process: real machine, store, chunks; virtual clock and links. Nothing moves but by `settle`. */

export const pepper = 'matrixrocks'
const secret = new Uint8Array(32).fill(7)

export type Link = {
  isUp: boolean
  /** Alters what a chunk carries on its way. */ alter?: (bytes: Uint8Array) => Uint8Array
}

export class Node {
  readonly name: string
  readonly seed: Uint8Array
  readonly file: string
  storage!: Storage
  core!: WriterCore
  writer!: WriterClient
  acceptor!: ChunkAcceptor
  receiver!: Receiver
  sender!: Sender
  isRunning = false
  wallOffsetMs = 0
  readonly cluster: Cluster
  nonce = 0

  constructor(cluster: Cluster, name: string, index: number) {
    this.cluster = cluster
    this.name = name
    this.seed = new Uint8Array(32).fill(index + 1)
    this.file = join(cluster.folder, `${name}.db`)
  }

  get vkey(): string {
    return formatVerifierKey(verifierKey(this.name, 0x01, publicKeyFromSeed(this.seed)))
  }

  peers(): Peer[] {
    return this.cluster.nodes
      .filter((node) => node !== this && this.cluster.knows(this.name, node.name))
      .map((node) => ({
        name: node.name,
        url: `mem://${node.name}`,
        keys: [node.vkey],
        tlsPins: [],
        role: this.cluster.roleOf(this.name, node.name),
      }))
  }

  async start(): Promise<void> {
    const { cluster } = this
    this.storage = await openStorage({ engine: 'sqlite', file: this.file, access: 'write' })
    if ((await this.storage.readPepper()) === null) {
      await this.storage.commit({ logs: [], lookups: [], accounts: [], meta: { pepper } })
    }
    const record = await cluster.recorderOf?.(this)
    let core: WriterCore | null = null
    this.writer = new WriterClient((message) => core?.take(message))
    core = await WriterCore.start(
      {
        storage: this.storage,
        roles: new Roles(this.name, {}, []),
        wallMs: () => cluster.nowMs + this.wallOffsetMs,
        monoMs: () => cluster.nowMs,
        random: (bytes) => cluster.random(bytes),
        pause: () => Promise.resolve(),
        post: (message) => this.writer.take(structuredClone(message)),
        ...(record === undefined ? {} : { record }),
      },
      {
        storage: { engine: 'sqlite', file: this.file },
        self: {
          name: this.name,
          serverName: 'id.example.org',
          meshSeed: this.seed,
          matrixKeys: [
            {
              key_id: `ed25519:${this.name.split('.')[0]}`,
              key: 'a'.repeat(43),
              valid_from: 0,
              expired_at: null,
            },
          ],
        },
        peers: this.peers(),
        skewMaxMs: 60_000,
        pepper,
        recordFile: null,
      },
    )
    this.core = core
    this.acceptor = new ChunkAcceptor(this.writer)
    const shared = () => sharedMarks(pepper, secret)
    const ports = { writer: this.writer, acceptor: this.acceptor, storage: this.storage, shared }
    this.receiver = new Receiver({
      ...ports,
      node: this.name,
      nowMs: () => cluster.nowMs + this.wallOffsetMs,
    })
    this.sender = new Sender({
      ...ports,
      transport: cluster.transportOf(this),
      peerNamed: (name) => this.peers().find((peer) => peer.name === name) ?? null,
      deadline: () => ({ signal: new AbortController().signal, done: () => {} }),
    })
    this.isRunning = true
    this.writer.run()
  }

  async stop(): Promise<void> {
    this.isRunning = false
    await this.writer.stop()
  }

  /** As a power cut leaves it: what was committed stays, nothing is said. */
  async crash(): Promise<void> {
    this.isRunning = false
    await this.storage.close()
  }

  associationOf(threepid: Threepid, mxid: string): Association {
    const ts = this.cluster.nowMs + this.wallOffsetMs
    const unsigned = { ...threepid, mxid, ts, not_before: ts, not_after: ts + 1e12 }
    return signJson(
      unsigned,
      'id.example.org',
      `ed25519:${this.name}`,
      this.seed,
    ) as unknown as Association
  }

  async bind(address: string, mxid: string): Promise<void> {
    const threepid: Threepid = { medium: 'email', address }
    const associationJson = canonicalJson(this.associationOf(threepid, mxid))
    await this.writer.append([
      { kind: 'bind', associationJson, ...threepid, mxid, nonce: this.#nonce() },
    ])
  }

  async unbind(address: string, mxid: string): Promise<void> {
    await this.writer.append([
      { kind: 'unbind', medium: 'email', address, mxid, nonce: this.#nonce() },
    ])
  }

  async lookup(address: string): Promise<string | null> {
    const { cluster } = this
    const reader = createAssociationReader({
      storage: this.storage,
      pepper: () => pepper,
      nowMs: () => cluster.nowMs + this.wallOffsetMs,
      isSigned: () => true,
      standing: () => new Roles(this.name, {}, this.peers()),
    })
    return (await reader.mxidsByThreepid([{ medium: 'email', address }]))[0] ?? null
  }

  #nonce(): string {
    return Buffer.from(this.cluster.random(16)).toString('base64')
  }
}

export class Cluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'mycelid-mesh-'))
  readonly nodes: Node[] = []
  readonly #links = new Map<string, Link>()
  readonly #strangers = new Set<string>()
  readonly #partners = new Map<string, Extract<Peer['role'], { type: 'partner' }>>()
  #seed: number
  nowMs = 1_790_000_000_000
  /** Asked at each start of a node, its store open: what its machine is recorded with. */
  recorderOf: ((node: Node) => Promise<NonNullable<WriterPorts['record']>>) | null = null

  constructor(names: readonly string[], seed = 1) {
    this.#seed = seed
    names.forEach((name, i) => this.nodes.push(new Node(this, name, i)))
  }

  random(bytes: number): Uint8Array {
    return Uint8Array.from({ length: bytes }, () => {
      this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return (this.#seed >> 8) & 255
    })
  }

  link(a: string, b: string): Link {
    const key = [a, b].sort().join(' ')
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { isUp: true }
      this.#links.set(key, link)
    }
    return link
  }

  /** The two are no peers of each other. */
  estrange(a: string, b: string): void {
    this.#strangers.add([a, b].sort().join(' '))
  }

  knows(a: string, b: string): boolean {
    return !this.#strangers.has([a, b].sort().join(' '))
  }

  partner(
    viewer: string,
    peer: string,
    role: { audience: string; rank: number; accept: string[] },
  ): void {
    this.#partners.set(`${viewer} ${peer}`, { type: 'partner', ...role })
  }

  roleOf(viewer: string, peer: string): Peer['role'] {
    return this.#partners.get(`${viewer} ${peer}`) ?? { type: 'sibling' }
  }

  node(name: string): Node {
    const node = this.nodes.find((each) => each.name === name)
    if (node === undefined) throw new Error(`no node ${name}`)
    return node
  }

  async start(): Promise<void> {
    for (const node of this.nodes) await node.start()
    await this.settle()
  }

  async close(): Promise<void> {
    for (const node of this.nodes) if (node.isRunning) await node.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Lets time pass and everything that follows happen. */
  async settle(ms = 30_000, stepMs = 1_000): Promise<void> {
    await this.drain()
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.nowMs += stepMs
      for (const node of this.nodes) if (node.isRunning) node.core.tick()
      await this.drain()
    }
  }

  /** Runs whatever can run without time passing. */
  async drain(): Promise<void> {
    let calm = 0
    while (calm < 4) {
      await new Promise((resolve) => setImmediate(resolve))
      calm = this.nodes.every((node) => !node.isRunning || node.core.isIdle) ? calm + 1 : 0
    }
  }

  transportOf(from: Node): Transport {
    const reach = (name: string): { node: Node; link: Link } => {
      const node = this.node(name)
      const link = this.link(from.name, name)
      if (!link.isUp || !node.isRunning) throw new TransportFault(`nothing answers at ${name}`)
      return { node, link }
    }
    const self = (node: Node): Peer => {
      const peer = node.peers().find(({ name }) => name === from.name)
      if (peer === undefined) throw new TransportFault('it does not know us')
      return peer
    }
    const answer = async (run: () => Promise<{ status: number; body: unknown }>) => {
      try {
        return await run()
      } catch (error) {
        if (!isRefusal(error)) throw error
        return { status: 409, body: { code: error.code, message: error.message, ...error.details } }
      }
    }
    return {
      heads: async (peer, { full }) => {
        const { node } = reach(peer.name)
        return answer(async () => ({
          status: 200,
          body: await node.receiver.heads(self(node), full),
        }))
      },
      push: async (peer, chunk) => {
        const { node, link } = reach(peer.name)
        return answer(() => node.receiver.push(self(node), altered(chunk, link)))
      },
      entries: async (peer, { log, from: index }) => {
        const { node, link } = reach(peer.name)
        try {
          const { stream } = await node.receiver.entries(self(node), log, index)
          return { status: 200, body: altered(stream, link) }
        } catch (error) {
          if (!isRefusal(error)) throw error
          return { status: 409, refusal: { code: error.code, message: error.message } }
        }
      },
      certificateExpiriesMs: () => new Map(),
      close: async () => {},
    }
  }

  /** Heads of every log as each node holds them: equal when the mesh has converged. */
  heads(): Record<string, string>[] {
    return this.nodes.map((node) =>
      Object.fromEntries(
        node.core
          .status()
          .logs.map(({ log, size, rootBase64 }) => [log, `${size} ${rootBase64}`])
          .sort(),
      ),
    )
  }
}

async function* altered(chunk: AsyncIterable<Uint8Array>, link: Link): AsyncGenerator<Uint8Array> {
  for await (const piece of chunk) {
    if (!link.isUp) throw new TransportFault('the link broke')
    yield link.alter === undefined ? piece : link.alter(piece)
  }
}
