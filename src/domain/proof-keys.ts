import {
  parseNote,
  parseVerifierKey,
  verifyCheckpoint,
  verifyCosignature,
  type Checkpoint,
  type VerifierKey,
} from './checkpoint.ts'
import { isAcceptablePublicKey } from './ed25519.ts'
import { parseLogId } from './log-id.ts'

/** What a checker brings to a proof: verifier keys of nodes, of logs, of foreign witnesses. */

/** Reads a verifier key as a proof may rely on it; null when it is none, or one under which signatures prove nothing. */
export function parseProofKey(text: string): VerifierKey | null {
  const key = parseVerifierKey(text)
  return key !== null && isAcceptablePublicKey(key.publicKey) ? key : null
}

/** A node's key signs under the ids of its logs: a key of type 0x01 named after the log, or after its node. */
function signs(key: VerifierKey, log: string): boolean {
  return key.type === 0x01 && (key.name === log || key.name === parseLogId(log)?.node)
}

/** Public keys that may speak for a log, of those given; empty when its origin is unknown. */
export function keysOfLog(log: string, keys: readonly VerifierKey[]): readonly Uint8Array[] {
  return keys.filter((key) => signs(key, log)).map(({ publicKey }) => publicKey)
}

/** The checkpoint when one of the keys given signed it as its log; null when none did. */
export function signedCheckpoint(note: string, keys: readonly VerifierKey[]): Checkpoint | null {
  const log = parseNote(note)?.checkpoint.log ?? ''
  for (const publicKey of keysOfLog(log, keys)) {
    const checkpoint = verifyCheckpoint(note, publicKey)
    if (checkpoint !== null) return checkpoint
  }
  return null
}

export type Cosigner = { readonly name: string; readonly timeS: number }

/**
 * Who of the keys given promised to hold the log up to its note: each key once, however many names or lines it has,
 * and not the log's own. `unknown` names those who signed and whose keys were not given, or whose line is not by them.
 */
export function cosignersOf(
  noteText: string,
  keys: readonly VerifierKey[],
): { readonly cosigners: readonly Cosigner[]; readonly unknown: readonly string[] } {
  const note = parseNote(noteText)
  if (note === null) return { cosigners: [], unknown: [] }
  const { log } = note.checkpoint
  const own = new Set(keysOfLog(log, keys).map(nameOfKey))
  const others = keys.filter(({ publicKey }) => !own.has(nameOfKey(publicKey)))
  const found = new Map<string, Cosigner>()
  const unknown = new Set<string>()
  for (const { name, line } of note.signatures) {
    if (name === log || isOwnNode(log, name, own)) continue
    const signer = others.find(
      (key) => key.name === name && cosigned(note.body, line, key) !== null,
    )
    if (signer === undefined) {
      unknown.add(name)
      continue
    }
    const timeS = cosigned(note.body, line, signer) as number
    const known = found.get(nameOfKey(signer.publicKey))
    if (known === undefined || known.timeS < timeS)
      found.set(nameOfKey(signer.publicKey), { name, timeS })
  }
  return { cosigners: [...found.values()], unknown: [...unknown] }
}

function cosigned(body: string, line: string, { name, publicKey }: VerifierKey): number | null {
  return verifyCosignature({ body, line, name, publicKey })?.timeS ?? null
}

/** The origin's cosignature says no more than its signature. */
function isOwnNode(log: string, name: string, own: ReadonlySet<string>): boolean {
  return own.size > 0 && name === parseLogId(log)?.node
}

function nameOfKey(publicKey: Uint8Array): string {
  return Buffer.from(publicKey).toString('hex')
}
