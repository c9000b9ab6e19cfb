import { fromBase64, toBase64 } from './base64.ts'
import { parseNote, type Checkpoint, type VerifierKey } from './checkpoint.ts'
import { entryProofBytesMax, proofHashesMax } from './limits.ts'
import { hashLeaf, verifyInclusion, type Hash } from './merkle-tree.ts'
import { cosignersOf, keysOfLog, signedCheckpoint, type Cosigner } from './proof-keys.ts'
import { RefusalError } from './refusal.ts'

/**
 * Proof that a log holds an entry, to be checked by anybody with the origin's verifier key: C2SP tlog-proof@v1, whose
 * `extra` bears the entry's exact bytes (docs/protocol.md).
 */
export type EntryProof = {
  readonly index: number
  /** The line as it stands in the log; null in a proof of others that does not bring it. */
  readonly entry: Uint8Array | null
  /** PATH(index, D[size]) of RFC 6962 section 2.1.1, from the leaf's sibling up. */
  readonly hashes: readonly Hash[]
  /** Signed note of the log, cosignatures included. */
  readonly note: string
}

export const entryProofMagic = 'c2sp.org/tlog-proof@v1'

export function formatEntryProof({ index, entry, hashes, note }: EntryProof): string {
  const extra = entry === null ? [] : [`extra ${toBase64(entry)}`]
  const lines = [entryProofMagic, ...extra, `index ${index}`, ...hashes.map(toBase64)]
  return `${lines.join('\n')}\n\n${note}`
}

function malformed(expected: string): RefusalError {
  return new RefusalError('proof-malformed', `no proof of an entry: expected ${expected}`)
}

/** Refuses with proof-malformed, which says what was expected where. Nothing is verified yet. */
export function parseEntryProof(text: string): EntryProof {
  if (text.length > entryProofBytesMax) throw malformed(`at most ${entryProofBytesMax} bytes`)
  const split = text.indexOf('\n\n')
  if (split < 0) throw malformed('an empty line before the checkpoint')
  const [magic, ...lines] = text.slice(0, split).split('\n')
  if (magic !== entryProofMagic) throw malformed(`the first line to be ${entryProofMagic}`)
  const extra = lines[0]?.startsWith('extra ') === true ? lines.shift() : undefined
  const index = readIndex(lines.shift())
  const entry = extra === undefined ? null : fromBase64(extra.slice('extra '.length))
  if (extra !== undefined && entry === null) throw malformed('base64 after "extra"')
  if (lines.length > proofHashesMax) throw malformed(`at most ${proofHashesMax} hashes`)
  const hashes = lines.map(readHash)
  const note = text.slice(split + 2)
  if (parseNote(note) === null) throw malformed('a signed checkpoint after the empty line')
  return { index, entry, hashes, note }
}

function readIndex(line: string | undefined): number {
  const digits = /^index (0|[1-9][0-9]{0,15})$/.exec(line ?? '')?.[1]
  const index = Number(digits ?? Number.NaN)
  if (!Number.isSafeInteger(index)) throw malformed('a line "index" with the place of the entry')
  return index
}

function readHash(line: string): Hash {
  const hash = fromBase64(line, 32)
  if (hash === null) throw malformed('hashes of 32 bytes of base64, a line each, after the index')
  return hash
}

export type EntryVerdict = {
  /** What the checkpoint states; it is worth nothing unless `isSigned`. */
  readonly checkpoint: Checkpoint
  /** Whether the entry leads to the root that is stated. */
  readonly isIncluded: boolean
  /** Whether a key given signed the checkpoint as this log; null when none given is this log's. */
  readonly isSigned: boolean | null
  readonly cosigners: readonly Cosigner[]
  /** Names on signatures that no key given confirms. */
  readonly unknown: readonly string[]
}

/** Judges a proof by the keys given, and nothing else. */
export function checkEntryProof(proof: EntryProof, keys: readonly VerifierKey[]): EntryVerdict {
  const { index, entry, hashes, note } = proof
  const checkpoint = parseNote(note)?.checkpoint
  if (checkpoint === undefined) throw malformed('a signed checkpoint')
  const { log, size, root } = checkpoint
  const isIncluded =
    entry !== null && verifyInclusion({ index, size, leaf: hashLeaf(entry), root, proof: hashes })
  const isKnown = keysOfLog(log, keys).length > 0
  const isSigned = isKnown ? signedCheckpoint(note, keys) !== null : null
  return { checkpoint, isIncluded, isSigned, ...cosignersOf(note, keys) }
}
