import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { signCheckpoint } from '../../src/domain/checkpoint.ts'
import { formatHeader, formatSegmentEnd } from '../../src/domain/chunk.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { beginLine, bindLine } from '../../src/domain/entry-line.ts'
import { formatLogId, lifeFromRandom, parseLogId } from '../../src/domain/log-id.ts'
import {
  consistencyProof,
  emptyFrontier,
  hashLeaf,
  TreeBuilder,
  type Hash,
} from '../../src/domain/merkle-tree.ts'
import { stampOfMs, type Stamp } from '../../src/domain/stamp.ts'
import { associationOf, bindOperation } from '../../src/features/binding/bind.ts'
import { mxidOf } from './node-calls.ts'
import { meshSeedOf, type TestNode } from './node-processes.ts'

const newline = Buffer.from('\n')
/** Stamps of hand-made lines lie a minute back: a node that writes meanwhile is not in their way. */
const backMs = 60_000

/** A log written by hand, line by line, under a node's own mesh key: right or wrong as the test wants it. */
export class HandMadeLog {
  readonly log: string
  readonly lines: Buffer[] = []
  readonly #writer: TestNode
  #stamp: Stamp

  constructor(writer: TestNode, audience = 'site') {
    const random = Buffer.from(Array.from({ length: 8 }, () => Math.floor(Math.random() * 256)))
    this.#writer = writer
    this.log = formatLogId({ node: writer.name, audience, life: lifeFromRandom(random) })
    this.#stamp = stampOfMs(Date.now() - backMs)
  }

  get size(): number {
    return this.lines.length
  }

  nextStamp(): Stamp {
    return ++this.#stamp
  }

  add(...lines: (string | Uint8Array)[]): this {
    for (const line of lines) this.lines.push(Buffer.from(line as string))
    return this
  }

  beginText(changes: { node?: string; meshKey?: string; audience?: string } = {}): string {
    const name = parseLogId(this.log)
    const begin = {
      node: this.#writer.name,
      serverName: 'id.example.org',
      audience: name?.audience ?? '',
      meshKey: this.#writer.card.vkey,
      matrixKeys: [],
      recoveryKey: null,
      prev: null,
      ...changes,
    }
    return beginLine(begin, this.nextStamp())
  }

  bindText(address: string, { stamp = this.nextStamp(), mxid = mxidOf(address) } = {}): string {
    const signer = { serverName: 'id.example.org', keyId: 'ed25519:x', seed: Buffer.alloc(32, 5) }
    const threepid = { medium: 'email', address } as const
    const association = associationOf({ signer, nowMs: Date.now }, { threepid, mxid })
    return bindLine(bindOperation({ random: (size) => Buffer.alloc(size, 1) }, association), stamp)
  }

  /** Begin and one bind for each address. */
  honest(...addresses: string[]): this {
    return this.add(this.beginText(), ...addresses.map((address) => this.bindText(address)))
  }

  root(from: number, to: number): Hash {
    const builder = new TreeBuilder(emptyFrontier)
    for (const line of this.lines.slice(from, to)) builder.add(hashLeaf(line))
    return builder.root()
  }

  note(size = this.size, seed = meshSeedOf(this.#writer)): string {
    const checkpoint = { log: this.log, size, root: this.root(0, size) }
    return signCheckpoint(checkpoint, seed, publicKeyFromSeed(seed))
  }

  header({ from = 0, note = this.note() }: { from?: number; note?: string } = {}): Buffer {
    return Buffer.from(formatHeader({ log: this.log, from, checkpoint: note }))
  }

  /** Lines up to an index, and the proof that they belong to the tree of all of them. */
  async segment(from: number, to: number): Promise<Buffer> {
    return Buffer.concat([...this.body(from, to), await this.end(to)])
  }

  body(from: number, to: number): Buffer[] {
    return this.lines.slice(from, to).flatMap((line) => [line, newline])
  }

  async end(to: number): Promise<Buffer> {
    const width = (level: number): number => 2 ** level
    const subtree = (level: number, n: number): Hash =>
      this.root(n * width(level), (n + 1) * width(level))
    const proof = to === this.size ? [] : await consistencyProof(to, this.size, subtree)
    return Buffer.from(formatSegmentEnd(to, proof))
  }

  /** A whole chunk in segments that end where told. */
  async chunk(...ends: number[]): Promise<Buffer> {
    const pieces = [this.header()]
    let from = 0
    for (const to of ends.length === 0 ? [this.size] : ends) {
      pieces.push(await this.segment(from, to))
      from = to
    }
    return Buffer.concat(pieces)
  }
}

export type MeshReply = {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

type MeshCall = {
  readonly path: string
  readonly body?: Buffer
  readonly headers?: Record<string, string>
  /** Cuts the connection after the body instead of ending the request. */
  readonly breaksOff?: boolean
}

/** Calls a node's mesh listener with another node's TLS key and certificate; null when no answer came. */
export function callMesh(
  caller: TestNode,
  to: TestNode,
  { path, body, headers = {}, breaksOff = false }: MeshCall,
): Promise<MeshReply | null> {
  return new Promise((resolve) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: to.ports.mesh,
      path,
      method: body === undefined ? 'GET' : 'POST',
      headers,
      agent: false,
      key: readFileSync(join(caller.folder, 'tls.key')),
      cert: readFileSync(join(caller.folder, 'tls.crt')),
      rejectUnauthorized: false,
    })
    outgoing.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => (text += piece))
      response.on('end', () => {
        const parsed = JSON.parse(text) as Record<string, unknown>
        resolve({ status: response.statusCode ?? 0, body: parsed })
      })
    })
    outgoing.on('error', () => resolve(null))
    if (breaksOff) outgoing.write(body ?? '', () => setTimeout(() => outgoing.destroy(), 50))
    else outgoing.end(body)
  })
}

export function push(
  caller: TestNode,
  to: TestNode,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<MeshReply | null> {
  return callMesh(caller, to, { path: '/_mesh/v1/push', body, headers })
}
