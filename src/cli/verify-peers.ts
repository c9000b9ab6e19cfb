import { writeFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { Peer } from '../domain/peer.ts'
import { compareHead, type HeadComparison } from '../log/compare-head.ts'
import { withPeerHeads, type PeerHeads } from '../node/peer-heads.ts'
import { TransportFault } from '../replication/transport.ts'
import type { Storage } from '../storage/storage.ts'
import type { Invocation } from './command.ts'

/** How one head of one peer stands to ours; `type` is `silent` for a peer that did not answer. */
export type PeerFinding = {
  readonly peer: string
  readonly log: string | null
  readonly type: HeadComparison['type'] | 'silent' | 'not-held'
  readonly words: string
}

/** What would make an operator act: everything else is a mesh at work. */
export function isAlarming({ type }: PeerFinding): boolean {
  return type === 'fork' || type === 'unproved'
}

/** Asks the peers for their heads and compares each with what is stored. The proof of a first fork goes to a file. */
export async function comparePeers(
  config: Config,
  storage: Storage,
  given: {
    readonly peers: readonly Peer[]
    readonly keysOf: (origin: string) => readonly string[] | null
    readonly prefix: string
    readonly forkFile: string | undefined
  },
  { clock }: Pick<Invocation, 'clock'>,
): Promise<PeerFinding[]> {
  return withPeerHeads(config, clock, given.peers, async (answers) => {
    const findings: PeerFinding[] = []
    const forks: string[] = []
    for (const answer of answers)
      findings.push(...(await compareOne(storage, answer, given, forks)))
    if (given.forkFile !== undefined && forks[0] !== undefined)
      writeFileSync(given.forkFile, forks[0], { mode: 0o600 })
    return findings
  })
}

async function compareOne(
  storage: Storage,
  answer: PeerHeads,
  { keysOf, prefix }: Parameters<typeof comparePeers>[2],
  forks: string[],
): Promise<PeerFinding[]> {
  const { peer } = answer
  if (!('offers' in answer))
    return [{ peer, log: null, type: 'silent', words: `not compared: ${answer.failure}` }]
  // Read after the peers spoke: what they hold of our logs is then never ahead of us for being newer.
  const logs = new Map((await storage.readLogs()).map((stored) => [stored.log, stored]))
  const findings: PeerFinding[] = []
  for (const { log, checkpoint } of answer.offers) {
    if (checkpoint === null || !log.startsWith(prefix)) continue
    const stored = logs.get(log)
    if (stored === undefined) {
      findings.push({ peer, log, type: 'not-held', words: 'this node does not hold it' })
      continue
    }
    const entriesFrom = (from: number): Promise<AsyncIterable<Uint8Array>> =>
      answer.entries(log, from)
    const keys = keysOf(stored.origin) ?? []
    const found = await attempt(() =>
      compareHead(storage, stored, { note: checkpoint, entriesFrom }, keys),
    )
    if (found.type === 'fork') forks.push(found.proof)
    findings.push({ peer, log, type: found.type, words: wordsOf(found) })
  }
  return findings
}

async function attempt(compare: () => Promise<HeadComparison>): Promise<HeadComparison> {
  try {
    return await compare()
  } catch (error) {
    if (error instanceof TransportFault) return { type: 'unproved', reason: error.reason }
    throw error
  }
}

function wordsOf(found: HeadComparison): string {
  switch (found.type) {
    case 'equal':
      return `the same ${found.ours} lines`
    case 'behind':
      return `${found.theirs} of our ${found.ours} lines, a prefix`
    case 'ahead':
      return `our ${found.ours} lines and more, ${found.theirs} in all`
    case 'fork':
      return `FORK: its head of ${found.theirs} lines and ours of ${found.ours}, both signed by the origin, cannot both be true`
    case 'unproved':
      return found.reason
  }
}
