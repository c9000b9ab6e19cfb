import { createHash } from 'node:crypto'
import { fromBase64, toBase64 } from './base64.ts'
import { sign, verify } from './ed25519.ts'
import type { Hash } from './merkle-tree.ts'

/**
 * Checkpoints as signed notes: C2SP signed-note, tlog-checkpoint and tlog-cosignature. Signature types: 0x01 Ed25519
 * over the note's text (the log itself), 0x04 timestamped Ed25519 cosignature (whoever holds it).
 */
export type VerifierKey = {
  readonly name: string
  readonly keyId: Uint8Array
  readonly type: 0x01 | 0x04
  readonly publicKey: Uint8Array
}

export type Checkpoint = { readonly log: string; readonly size: number; readonly root: Hash }

export type NoteSignature = {
  readonly name: string
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
  readonly line: string
}

export type Note = {
  /** The signed text, newline at its end included. */
  readonly body: string
  readonly checkpoint: Checkpoint
  readonly signatures: readonly NoteSignature[]
}

const noteBytesMax = 64 * 1024
const signatureLinesMax = 100

function isKeyName(name: string): boolean {
  // eslint-disable-next-line no-control-regex
  return name.length > 0 && !/[\s+\u0000-\u001f\u007f]/u.test(name)
}

/** Key id: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). */
export function verifierKey(name: string, type: 0x01 | 0x04, publicKey: Uint8Array): VerifierKey {
  const hash = createHash('sha256').update(name).update(Uint8Array.of(0x0a, type)).update(publicKey).digest()
  return { name, keyId: new Uint8Array(hash.subarray(0, 4)), type, publicKey }
}

/** `<name>+<key id, hex>+<base64 of type and key>`. */
export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${Buffer.from(keyId).toString('hex')}+${toBase64(Buffer.concat([Uint8Array.of(type), publicKey]))}`
}

/** Null when malformed or when the key id is not the key's. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text)
  if (match === null) return null
  const [, name = '', keyIdHex = '', encoded = ''] = match
  const bytes = fromBase64(encoded, 33)
  const type = bytes?.[0]
  if (bytes === null || !isKeyName(name) || (type !== 0x01 && type !== 0x04)) return null
  const key = verifierKey(name, type, bytes.slice(1))
  return Buffer.from(key.keyId).toString('hex') === keyIdHex ? key : null
}

export function formatCheckpointBody({ log, size, root }: Checkpoint): string {
  return `${log}\n${size}\n${toBase64(root)}\n`
}

/** Reads a signed note that is a checkpoint; null when it is none. Signatures are not checked. */
export function parseNote(text: string): Note | null {
  if (text.length === 0 || text.length > noteBytesMax || !text.endsWith('\n')) return null
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text) || /\p{Surrogate}/u.test(text)) return null
  const split = text.lastIndexOf('\n\n')
  if (split < 0) return null
  const body = text.slice(0, split + 1)
  const lines = text.slice(split + 2, -1).split('\n')
  if (lines.length > signatureLinesMax) return null
  const signatures = lines.map(parseSignatureLine)
  const checkpoint = parseBody(body)
  if (checkpoint === null || signatures.includes(null)) return null
  return { body, checkpoint, signatures: signatures as NoteSignature[] }
}

function parseBody(body: string): Checkpoint | null {
  const [log = '', sizeText = '', rootText = '', ...extensions] = body.slice(0, -1).split('\n')
  if (log === '' || !/^(0|[1-9][0-9]{0,15})$/.test(sizeText)) return null
  const size = Number(sizeText)
  const root = fromBase64(rootText, 32)
  if (!Number.isSafeInteger(size) || root === null || extensions.includes('')) return null
  return { log, size, root }
}

function parseSignatureLine(line: string): NoteSignature | null {
  const match = /^— (\S+) (\S+)$/.exec(line)
  if (match === null) return null
  const [, name = '', encoded = ''] = match
  const bytes = fromBase64(encoded)
  if (!isKeyName(name) || bytes === null || bytes.length < 5) return null
  return { name, keyId: bytes.slice(0, 4), signature: bytes.slice(4), line }
}

function signatureLine(key: VerifierKey, signature: Uint8Array): string {
  return `— ${key.name} ${toBase64(Buffer.concat([key.keyId, signature]))}`
}

/** The note of a head, signed by the log itself: its origin line is the key name, the type 0x01. */
export function signCheckpoint(checkpoint: Checkpoint, seed: Uint8Array, publicKey: Uint8Array): string {
  const body = formatCheckpointBody(checkpoint)
  const key = verifierKey(checkpoint.log, 0x01, publicKey)
  return `${body}\n${signatureLine(key, sign(seed, Buffer.from(body)))}\n`
}

/** The checkpoint of a note that the key signed as its log; null when it did not. Other signatures are ignored. */
export function verifyCheckpoint(text: string, publicKey: Uint8Array): Checkpoint | null {
  const note = parseNote(text)
  if (note === null) return null
  const key = verifierKey(note.checkpoint.log, 0x01, publicKey)
  const ours = note.signatures.filter(({ name, keyId }) => name === key.name && Buffer.compare(keyId, key.keyId) === 0)
  if (ours.length === 0) return null
  const message = Buffer.from(note.body)
  return ours.every(({ signature }) => verify(publicKey, message, signature)) ? note.checkpoint : null
}

function cosignedMessage(body: string, timeS: number): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${timeS}\n${body}`)
}

/** A timestamped cosignature line (0x04) by `name`; `timeS` in seconds since the epoch. */
export function cosign(given: {
  readonly body: string
  readonly name: string
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
  readonly timeS: number
}): string {
  const { body, name, seed, publicKey, timeS } = given
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(timeS))
  const signature = sign(seed, cosignedMessage(body, timeS))
  return signatureLine(verifierKey(name, 0x04, publicKey), Buffer.concat([time, signature]))
}

/** When a cosignature line is this node's over this body, the time it was made; else null. */
export function verifyCosignature(given: {
  readonly body: string
  readonly line: string
  readonly name: string
  readonly publicKey: Uint8Array
}): { timeS: number } | null {
  const { body, line, name, publicKey } = given
  const parsed = parseSignatureLine(line)
  if (parsed === null || parsed.name !== name || parsed.signature.length !== 72) return null
  if (Buffer.compare(parsed.keyId, verifierKey(name, 0x04, publicKey).keyId) !== 0) return null
  const time = Buffer.from(parsed.signature.subarray(0, 8)).readBigUInt64BE()
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return null
  const timeS = Number(time)
  return verify(publicKey, cosignedMessage(body, timeS), parsed.signature.subarray(8)) ? { timeS } : null
}

export function appendSignature(note: string, line: string): string {
  return `${note}${line}\n`
}
