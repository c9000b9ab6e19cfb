import { fromBase64, toBase64 } from './base64.ts'
import { parseNote, verifyCheckpoint, type Checkpoint, type VerifierKey } from './checkpoint.ts'
import { forkProofBytesMax, proofHashesMax } from './limits.ts'
import { verifyConsistency, type Hash } from './merkle-tree.ts'
import { keysOfLog } from './proof-keys.ts'
import { RefusalError } from './refusal.ts'

/**
 * Proof that an origin told two histories of one log: two heads it signed that cannot both be true, to be checked by
 * anybody with its verifier key (docs/protocol.md). Of one size, they are enough by themselves. Of different sizes,
 * `prefix` is the root that the larger tree has at the smaller size, which `hashes` prove, and which was not signed.
 */
export type ForkProof = {
  /** The smaller head, or one of two of the same size. */
  readonly first: string
  readonly second: string
  /** Null for heads of the same size. */
  readonly prefix: Hash | null
  /** PROOF(m, D[n]) of RFC 6962 section 2.1.2 between `prefix` and the second head. */
  readonly hashes: readonly Hash[]
}

export const forkProofMagic = 'mycelid-fork-proof@v1'
const prefixWord = 'prefix '

export function formatForkProof({ first, second, prefix, hashes }: ForkProof): string {
  const stated = prefix === null ? [] : [`${prefixWord}${toBase64(prefix)}`]
  const lines = [forkProofMagic, ...stated, ...hashes.map(toBase64)]
  return `${lines.join('\n')}\n\n${bareNote(first)}\n${bareNote(second)}`
}

/** The note with its log's signature alone: what others signed proves nothing here and would make the proof long. */
function bareNote(text: string): string {
  const note = parseNote(text)
  if (note === null) throw new RangeError('expected a signed note')
  const { log } = note.checkpoint
  const lines = note.signatures.filter(({ name }) => name === log).map(({ line }) => `${line}\n`)
  return `${note.body}\n${lines.join('')}`
}

function malformed(expected: string): RefusalError {
  return new RefusalError('proof-malformed', `no proof of a fork: expected ${expected}`)
}

/** Refuses with proof-malformed, which says what was expected where. Nothing is verified yet. */
export function parseForkProof(text: string): ForkProof {
  if (text.length > forkProofBytesMax) throw malformed(`at most ${forkProofBytesMax} bytes`)
  // A note has one empty line, and none at its end: five blocks in all.
  const [head = '', ...blocks] = text.split('\n\n')
  const [magic, ...lines] = head.split('\n')
  if (magic !== forkProofMagic) throw malformed(`the first line to be ${forkProofMagic}`)
  const [bodyA = '', linesA = '', bodyB = '', linesB = ''] = blocks
  if (blocks.length !== 4) throw malformed('two signed checkpoints, empty lines between them')
  const stated = lines[0]?.startsWith(prefixWord) === true ? lines.shift() : undefined
  const prefix = stated === undefined ? null : readHash(stated.slice(prefixWord.length))
  if (lines.length > proofHashesMax) throw malformed(`at most ${proofHashesMax} hashes`)
  const first = `${bodyA}\n\n${linesA}\n`
  const second = `${bodyB}\n\n${linesB}`
  if (parseNote(first) === null || parseNote(second) === null)
    throw malformed('two signed checkpoints, empty lines between them')
  return { first, second, prefix, hashes: lines.map(readHash) }
}

function readHash(line: string): Hash {
  const hash = fromBase64(line, 32)
  if (hash === null) throw malformed('hashes of 32 bytes of base64, a line each')
  return hash
}

export type ForkVerdict = {
  readonly log: string
  readonly first: Checkpoint
  readonly second: Checkpoint
  /** Whether the two contradict each other, whoever signed them. */
  readonly isContradiction: boolean
  /** Whether one key given signed both; null when none given is this log's. */
  readonly isSigned: boolean | null
}

/** Judges a proof by the keys given, and nothing else. */
export function checkForkProof(proof: ForkProof, keys: readonly VerifierKey[]): ForkVerdict {
  const first = parseNote(proof.first)?.checkpoint
  const second = parseNote(proof.second)?.checkpoint
  if (first === undefined || second === undefined) throw malformed('two signed checkpoints')
  const log = first.log
  const origins = keysOfLog(log, keys)
  const isSigned = origins.some(
    (key) =>
      verifyCheckpoint(proof.first, key) !== null && verifyCheckpoint(proof.second, key) !== null,
  )
  return {
    log,
    first,
    second,
    isContradiction: second.log === log && areContradicting(first, second, proof),
    isSigned: origins.length === 0 ? null : isSigned,
  }
}

function areContradicting(
  first: Checkpoint,
  second: Checkpoint,
  { prefix, hashes }: ForkProof,
): boolean {
  if (first.size === second.size)
    return prefix === null && hashes.length === 0 && !isSame(first.root, second.root)
  // Every history begins with no lines: a head of size 0 contradicts none.
  if (first.size > second.size || first.size === 0 || prefix === null) return false
  const isPrefix = verifyConsistency({
    oldSize: first.size,
    oldRoot: prefix,
    newSize: second.size,
    newRoot: second.root,
    proof: hashes,
  })
  return isPrefix && !isSame(prefix, first.root)
}

function isSame(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0
}
