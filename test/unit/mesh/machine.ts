import { createHash } from 'node:crypto'
import {
  cosign,
  formatCheckpointBody,
  formatVerifierKey,
  signCheckpoint,
  verifierKey,
  verifyCheckpoint,
  verifyCosignature,
} from '../../../src/domain/checkpoint.ts'
import { parseVerifierKey } from '../../../src/domain/checkpoint.ts'
import type { Segment } from '../../../src/domain/chunk.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import { beginLine, bindLine, closeLine, unbindLine } from '../../../src/domain/entry-line.ts'
import { parseEntry, type Entry, type NamedHead } from '../../../src/domain/entry.ts'
import { parseLogId, type LogId } from '../../../src/domain/log-id.ts'
import { hashLeaf, hashNode, type Hash } from '../../../src/domain/merkle-tree.ts'
import type { Peer } from '../../../src/domain/peer.ts'
import type { RefusalCode } from '../../../src/domain/refusal.ts'
import { stampOfMs, type Stamp } from '../../../src/domain/stamp.ts'
import { bootState } from '../../../src/mesh/boot.ts'
import type { Effect, HeardHeads, KnownOperation, MeshEvent } from '../../../src/mesh/events.ts'
import type { LogState, MeshState } from '../../../src/mesh/state.ts'
import type { Notice } from '../../../src/mesh/notice.ts'
import { step } from '../../../src/mesh/step.ts'

/** A machine with a store in memory, driven by hand; and books: other nodes' logs, signed as their writers would. */

export const paris = 'paris.example'
export const lyon = 'lyon.example'
export const oslo = 'oslo.example'
export const acme = 'acme.example'
export const startMs = 1_790_000_000_000
export const nonce = 'AAAAAAAAAAAAAAAAAAAAAA=='

export function seedOf(node: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(node).digest())
}

const publicKeys = new Map<string, Uint8Array>()
function publicKeyOf(node: string): Uint8Array {
  const key = publicKeys.get(node) ?? publicKeyFromSeed(seedOf(node))
  publicKeys.set(node, key)
  return key
}

export function meshKeyOf(node: string): string {
  return formatVerifierKey(verifierKey(node, 0x01, publicKeyOf(node)))
}

export function siblingOf(name: string, more: Partial<Peer> = {}): Peer {
  return {
    name,
    url: `https://${name}`,
    keys: [meshKeyOf(name)],
    tlsPins: [],
    role: { type: 'sibling' },
    ...more,
  }
}

export function partnerOf(name: string, accept: string[] = ['*'], audience = 'acme'): Peer {
  return siblingOf(name, { role: { type: 'partner', audience, rank: 1, accept } })
}

// ---- lines

export function stampAt(ms: number, counter = 0): Stamp {
  return stampOfMs(startMs + ms) + counter
}

type Said = { address?: string; mxid?: string; at?: Stamp; covers?: Stamp }

export function bindOperation({
  address = 'alice@example.org',
  mxid = '@alice:example.org',
  at,
}: Said = {}) {
  const association = {
    address,
    medium: 'email',
    mxid,
    not_after: 4e12,
    not_before: 0,
    signatures: {},
    ts: startMs,
  }
  const base = {
    kind: 'bind',
    associationJson: JSON.stringify(association),
    medium: 'email',
    address,
    mxid,
    nonce,
  } as const
  return at === undefined ? base : { ...base, at }
}

export function unbindOperation({
  address = 'alice@example.org',
  mxid = '@alice:example.org',
}: Said = {}) {
  return { kind: 'unbind', medium: 'email', address, mxid, nonce } as const
}

export function bindOf(stamp: Stamp, said: Said = {}): string {
  return bindLine(bindOperation(said), stamp)
}

export function unbindOf(stamp: Stamp, said: Said = {}): string {
  return unbindLine(unbindOperation(said), stamp, said.covers ?? null)
}

export function beginOf(log: LogId, stamp: Stamp, prev: NamedHead | null = null): string {
  const { node = '', audience = '' } = parseLogId(log) ?? {}
  const meshKey = meshKeyOf(node)
  return beginLine(
    {
      node,
      serverName: 'id.example.org',
      audience,
      meshKey,
      matrixKeys: [],
      recoveryKey: null,
      prev,
    },
    stamp,
  )
}

export function closeOf(closed: NamedHead, stamp: Stamp): string {
  return closeLine(closed, stamp)
}

// ---- books

/** RFC 6962, 2.1, by its recursive definition. */
function rootOf(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return new Uint8Array(createHash('sha256').digest())
  if (leaves.length === 1) return leaves[0] as Hash
  const k = splitOf(leaves.length)
  return hashNode(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

function splitOf(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** RFC 6962, 2.1.2: SUBPROOF(m, D[n], isWhole). */
function proofOf(m: number, leaves: readonly Hash[], isWhole = true): Hash[] {
  const n = leaves.length
  if (m === n) return isWhole ? [] : [rootOf(leaves)]
  const k = splitOf(n)
  if (m <= k) return [...proofOf(m, leaves.slice(0, k), isWhole), rootOf(leaves.slice(k))]
  return [...proofOf(m - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))]
}

export type SegmentOptions = {
  from: number
  to: number
  size?: number
  blanks?: readonly number[]
  lines?: readonly string[]
}

/** A log as its writer has it. */
export class Book {
  readonly log: LogId
  readonly lines: string[]
  readonly node: string

  constructor(log: LogId, lines: readonly string[] = [beginOf(log, stampAt(-60_000))]) {
    this.log = log
    this.node = parseLogId(log)?.node ?? ''
    this.lines = [...lines]
  }

  static withBinds(log: LogId, count: number, at = stampAt(-50_000)): Book {
    const book = new Book(log)
    for (let i = 0; i < count; i++)
      book.lines.push(
        bindOf(at + i, { address: `user${i}@example.org`, mxid: `@user${i}:example.org` }),
      )
    return book
  }

  leaf(index: number): Hash {
    return hashLeaf(Buffer.from(this.lines[index] as string))
  }

  leaves(size = this.lines.length): Hash[] {
    return this.lines.slice(0, size).map((line) => hashLeaf(Buffer.from(line)))
  }

  head(size = this.lines.length): { log: LogId; size: number; root: Hash } {
    return { log: this.log, size, root: rootOf(this.leaves(size)) }
  }

  named(size = this.lines.length): NamedHead {
    return { log: this.log, size, root: Buffer.from(rootOf(this.leaves(size))).toString('base64') }
  }

  note(size = this.lines.length, signer = this.node): string {
    return signCheckpoint(this.head(size), seedOf(signer), publicKeyOf(signer))
  }

  segment({
    from,
    to,
    size = this.lines.length,
    blanks = [],
    lines = this.lines,
  }: SegmentOptions): Segment {
    let body = '\n'
    for (let i = from; i < to; i++) {
      body += blanks.includes(i)
        ? `"${Buffer.from(this.leaf(i)).toString('base64')}"\n`
        : `${lines[i] as string}\n`
    }
    const proof = to === size ? [] : proofOf(to, this.leaves(size))
    return { body: new Uint8Array(Buffer.from(body)), to, proof: to === 0 ? [] : proof }
  }
}

// ---- the machine

type Outcome =
  | { readonly type: 'taken'; readonly have: number; readonly cosign: object | null }
  | { readonly type: 'refused'; readonly code: RefusalCode; readonly have: number | null }

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

export class Machine {
  readonly state: MeshState
  readonly name: string
  readonly lines = new Map<LogId, (Uint8Array | { blankHash: Hash })[]>()
  readonly log: Effect[] = []
  /** Heads of ours that were signed: "log size" → root. */
  readonly signed = new Map<string, string>()
  wallMs = startMs
  monoMs = 1_000_000
  /** Answers every commit with this refusal. */
  commitsFailWith: RefusalCode | null = null
  #isCommitWanted = false
  #exchange = 0
  #request = 0
  #lives = 0

  constructor(
    given: {
      name?: string
      peers?: readonly Peer[]
      logs?: readonly LogState[]
      skewMaxMs?: number
    } = {},
  ) {
    this.name = given.name ?? paris
    this.state = bootState({
      self: {
        name: this.name,
        serverName: 'id.example.org',
        meshKey: meshKeyOf(this.name),
        matrixKeys: [],
        recoveryKey: null,
      },
      limits: { skewMaxMs: given.skewMaxMs ?? 60_000 },
      peers: given.peers ?? [siblingOf(lyon)],
      logs: given.logs ?? [],
      now: this.now,
    })
  }

  get now(): { wallMs: number; monoMs: number } {
    return { wallMs: this.wallMs, monoMs: this.monoMs }
  }

  start(isAway = false): Effect[] {
    return this.take({ type: 'started', isAway })
  }

  /** The same store under a new run of the process. */
  restarted(): Machine {
    const logs = [...this.state.logs.values()].map((log) => ({ ...log, cosigned: new Map() }))
    const peers = [...this.state.peers.values()].map(({ peer }) => peer)
    const machine = new Machine({ name: this.name, peers, logs })
    for (const [log, lines] of this.lines) machine.lines.set(log, [...lines])
    machine.#lives = this.#lives + 100
    machine.wallMs = this.wallMs
    machine.monoMs = this.monoMs
    return machine
  }

  pass(ms: number): void {
    this.wallMs += ms
    this.monoMs += ms
  }

  /** Hands over an event, performs what stays inside, and answers everything that was asked for. */
  take(event: DistributiveOmit<MeshEvent, 'now'>): Effect[] {
    const effects = step(this.state, { ...event, now: this.now } as MeshEvent)
    this.log.push(...effects)
    return effects.flatMap((effect) => [effect, ...this.#perform(effect)])
  }

  /** Writes what waits. */
  commit(): Effect[] {
    if (!this.#isCommitWanted) return []
    this.#isCommitWanted = false
    return this.take({ type: 'commit-due' })
  }

  append(
    ...operations: (
      ReturnType<typeof bindOperation> | ReturnType<typeof unbindOperation> | KnownOperation
    )[]
  ): Effect[] {
    const request = ++this.#request
    const known = operations.map(
      (operation) => ({ known: { isBound: false, coveredTo: 0 }, ...operation }) as KnownOperation,
    )
    return this.take({ type: 'append', request, operations: known })
  }

  /** Appends and writes; answers the entries, or the refusal's code. */
  write(
    ...operations: Parameters<Machine['append']>
  ): readonly { log: LogId; index: number; stamp: Stamp }[] | RefusalCode {
    const effects = [...this.append(...operations), ...this.commit()]
    const appended = only(effects, 'appended')[0]
    return appended?.entries ?? (only(effects, 'refused')[0]?.code as RefusalCode)
  }

  open(
    book: Book,
    given: {
      peer?: string
      via?: 'push' | 'pull'
      from?: number
      size?: number
      checkpoint?: string
    } = {},
  ): { exchange: number; effects: Effect[] } {
    const { peer = book.node, via = 'push', from = 0, size } = given
    const exchange = ++this.#exchange
    const header = { log: book.log, from, checkpoint: given.checkpoint ?? book.note(size) }
    return { exchange, effects: this.take({ type: 'chunk-opened', exchange, peer, via, header }) }
  }

  /** A whole chunk: header, one segment per end, its end, and the commit that answers it. */
  feed(
    book: Book,
    given: Parameters<Machine['open']>[1] & {
      ends?: readonly number[]
      blanks?: readonly number[]
      lines?: readonly string[]
    } = {},
  ): { outcome: Outcome; effects: Effect[] } {
    const { from = 0, size = book.lines.length, ends = [size] } = given
    const { exchange, effects } = this.open(book, given)
    let at = from
    for (const to of ends) {
      if (!this.state.exchanges.has(exchange)) break
      const { blanks = [], lines = book.lines } = given
      effects.push(
        ...this.take({
          type: 'segment',
          exchange,
          segment: book.segment({ from: at, to, size, blanks, lines }),
        }),
      )
      at = to
    }
    effects.push(...this.take({ type: 'chunk-ended', exchange, failure: null }), ...this.commit())
    return { outcome: outcomeOf(effects, exchange), effects }
  }

  hear(peer: string, heads: Partial<HeardHeads> = {}): Effect[] {
    const closed = { count: 0, digest: createHash('sha256').digest('base64') }
    return this.take({
      type: 'heads-heard',
      peer,
      heads: { nowMs: this.wallMs, logs: [], closed, mismatches: [], ...heads },
    })
  }

  entries(log: LogId): Entry[] {
    return (this.lines.get(log) ?? []).flatMap((line) =>
      'blankHash' in line ? [] : [parseEntry(Buffer.from(line).toString(), line.length)],
    )
  }

  notices(): Notice[] {
    return only(this.log, 'notice').map(({ notice }) => notice)
  }

  current(audience = 'site'): LogId {
    return this.state.own.get(audience)?.current ?? ''
  }

  #perform(effect: Effect): Effect[] {
    switch (effect.type) {
      case 'draw-life':
        return this.take({
          type: 'life-drawn',
          life: `life${String.fromCharCode(97 + (this.#lives++ % 26))}${'a'.repeat(3)}`,
        })
      case 'want-commit':
        this.#isCommitWanted = true
        return []
      case 'verify-checkpoint': {
        const isValid = effect.keys.some(
          (key) =>
            verifyCheckpoint(effect.note, parseVerifierKey(key)?.publicKey ?? new Uint8Array()) !==
            null,
        )
        return this.take({ type: 'checkpoint-verified', exchange: effect.exchange, isValid })
      }
      case 'load-leaves': {
        const lines = (this.lines.get(effect.log) ?? []).slice(effect.from, effect.to)
        const leaves = lines.map((line) =>
          'blankHash' in line
            ? { hash: line.blankHash, isBlank: true }
            : { hash: hashLeaf(line), isBlank: false },
        )
        return this.take({ type: 'leaves-loaded', exchange: effect.exchange, leaves })
      }
      case 'find-blank': {
        const found = (this.lines.get(effect.log) ?? []).findIndex(
          (line, i) => i >= effect.from && 'blankHash' in line,
        )
        return this.take({ type: 'blank-found', log: effect.log, index: found < 0 ? null : found })
      }
      case 'commit':
        return this.#store(effect)
      case 'verify-cosignature': {
        const body = formatCheckpointBody(effect.head)
        const found = verifyCosignature({
          body,
          line: effect.line,
          name: effect.node,
          publicKey: publicKeyOf(effect.node),
        })
        const { log, node, line, head } = effect
        return this.take({
          type: 'cosignature-verified',
          log,
          node,
          size: head.size,
          timeS: found?.timeS ?? null,
          line,
        })
      }
      default:
        return []
    }
  }

  #store(effect: Extract<Effect, { type: 'commit' }>): Effect[] {
    const notes = this.#sign(effect)
    if (this.commitsFailWith !== null) {
      return this.take({ type: 'commit-failed', commit: effect.commit, code: this.commitsFailWith })
    }
    for (const { log, lines, fills, expectedSize } of effect.logs) {
      const stored = this.lines.get(log) ?? []
      if (stored.length !== expectedSize)
        throw new Error(`conflict: ${log} has ${stored.length} lines, not ${expectedSize}`)
      stored.push(...lines)
      for (const { index, bytes } of fills) stored[index] = bytes
      this.lines.set(log, stored)
    }
    return this.take({ type: 'committed', commit: effect.commit, notes, conflicts: [] })
  }

  /** As production does, before it is known whether the store takes the group: a head is signed once per size. */
  #sign({ logs }: Extract<Effect, { type: 'commit' }>): Record<string, string> {
    const notes: Record<string, string> = {}
    for (const { log, note, size, root } of logs) {
      if (note !== null) continue
      const place = `${log} ${size}`
      const head = Buffer.from(root).toString('base64')
      if ((this.signed.get(place) ?? head) !== head)
        throw new Error(`two heads of ${size} lines were signed for ${log}`)
      this.signed.set(place, head)
      notes[log] = signCheckpoint({ log, size, root }, seedOf(this.name), publicKeyOf(this.name))
    }
    return notes
  }
}

export function only<T extends Effect['type']>(
  effects: readonly Effect[],
  type: T,
): Extract<Effect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type)
}

function outcomeOf(effects: readonly Effect[], exchange: number): Outcome {
  for (const effect of effects) {
    if (effect.type === 'exchange-ended' && effect.exchange === exchange)
      return { type: 'taken', have: effect.have, cosign: effect.cosign }
    if (effect.type === 'exchange-refused' && effect.exchange === exchange) {
      return { type: 'refused', code: effect.refused.code, have: effect.refused.have }
    }
  }
  throw new Error('the exchange was never answered')
}

/** A cosignature by `node` over a book's head. */
export function cosignatureBy(node: string, book: Book, size = book.lines.length): string {
  const body = formatCheckpointBody(book.head(size))
  return cosign({
    body,
    name: node,
    seed: seedOf(node),
    publicKey: publicKeyOf(node),
    timeS: Math.floor(startMs / 1000),
  })
}

/** What a peer says it holds of a book. */
export function offerOf(book: Book, size = book.lines.length): HeardHeads['logs'][number] {
  return { log: book.log, have: size, checkpoint: book.note(size) }
}
