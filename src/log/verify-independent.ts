import { createHash } from 'node:crypto'
import nacl from 'tweetnacl'
import type { StorageAudit, StoredLine, StoredLog } from '../storage/storage.ts'

/**
 * The same questions as verify-log.ts answered a second time, from the specifications (RFC 6962, C2SP signed-note,
 * Matrix "Signing JSON") and with other means: the tree by recursion as it is defined, Ed25519 by tweetnacl. It shares
 * the reader of the store with the first and nothing else, so that one mistake does not hide in both.
 */
export type IndependentCheck = {
  /** Verifier keys of the log's origin, as peers.json has them. */
  readonly verifierKeys: readonly string[]
  /** Whether associations are checked too, by the keys of the log's own first line: about 3 ms each. */
  readonly areSignaturesChecked: boolean
  readonly onProgress: (linesDone: number) => void
}

export type IndependentFinding = { readonly index: number | null; readonly problem: string }

const findingsMax = 20
const linesPerRead = 256

export async function verifyIndependently(
  audit: Pick<StorageAudit, 'readLines'>,
  stored: StoredLog,
  check: IndependentCheck,
): Promise<readonly IndependentFinding[]> {
  const findings: IndependentFinding[] = []
  const find = (index: number | null, problem: string): void => {
    if (findings.length < findingsMax) findings.push({ index, problem })
  }
  const note = readNote(stored.note)
  const signedSize = note?.size ?? 0
  if (stored.note !== '') checkNote(stored, note, check.verifierKeys, find)
  if (signedSize > stored.size) find(null, 'the checkpoint covers more lines than are stored')
  const lines = new LineWalk(audit, stored, check, find)
  const whole = await rootOf(lines, stored.size, signedSize)
  if (!whole.root.equals(stored.root)) find(null, 'the lines do not make the stored root')
  if (note !== null && signedSize > 0 && whole.prefix?.equals(note.root) !== true)
    find(null, `the lines do not make the root signed at ${signedSize}`)
  return findings
}

type Find = (index: number | null, problem: string) => void

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const leafPrefix = Buffer.of(0)
const nodePrefix = Buffer.of(1)

/** Root of all lines, and of the first `signedSize` of them, which end at a node of every level they fill. */
async function rootOf(
  lines: LineWalk,
  size: number,
  signedSize: number,
): Promise<{ root: Buffer; prefix: Buffer | null }> {
  if (signedSize === size || signedSize === 0 || signedSize > size) {
    const root = await merkleTreeHash(lines, size)
    return { root, prefix: signedSize === size ? root : null }
  }
  const prefix = await merkleTreeHash(lines, signedSize)
  lines.rewind()
  return { root: await merkleTreeHash(lines, size), prefix }
}

/** MTH(D[n]) of RFC 6962 section 2.1 over the next n lines. */
async function merkleTreeHash(lines: LineWalk, n: number): Promise<Buffer> {
  if (n === 0) return sha256()
  if (n === 1) return lines.nextLeaf()
  let k = 1
  while (2 * k < n) k *= 2
  const left = await merkleTreeHash(lines, k)
  return sha256(nodePrefix, left, await merkleTreeHash(lines, n - k))
}

type Fields = Readonly<Record<string, unknown>>

/** Hands out leaves in order; looks at each line the first time it passes. */
class LineWalk {
  readonly #audit: Pick<StorageAudit, 'readLines'>
  readonly #stored: StoredLog
  readonly #check: IndependentCheck
  readonly #find: Find
  #read: readonly StoredLine[] = []
  #at = 0
  #next = 0
  #seen = 0
  #stamp = 0
  #keys = new Map<string, Uint8Array>()

  constructor(
    audit: Pick<StorageAudit, 'readLines'>,
    stored: StoredLog,
    check: IndependentCheck,
    find: Find,
  ) {
    this.#audit = audit
    this.#stored = stored
    this.#check = check
    this.#find = find
  }

  rewind(): void {
    this.#read = []
    this.#at = 0
    this.#next = 0
  }

  async nextLeaf(): Promise<Buffer> {
    if (this.#at === this.#read.length) await this.#readOn()
    const line = this.#read[this.#at++]
    const index = this.#next++
    if (line === undefined) {
      this.#find(index, 'the line is missing')
      return sha256()
    }
    if (index === this.#seen) {
      this.#seen++
      if ('bytes' in line) this.#look(index, line.bytes)
    }
    return 'bytes' in line ? sha256(leafPrefix, line.bytes) : Buffer.from(line.blankHash)
  }

  async #readOn(): Promise<void> {
    const { log } = this.#stored
    const range = { log, from: this.#next, countMax: linesPerRead, bytesMax: Infinity }
    this.#read = await this.#audit.readLines(range)
    this.#at = 0
    this.#check.onProgress(this.#next)
  }

  #look(index: number, bytes: Uint8Array): void {
    const line = parse(Buffer.from(bytes).toString('utf8'))
    const t = line?.['t']
    if (line === null || typeof t !== 'number') return this.#find(index, 'the line is no entry')
    if (t <= this.#stamp) this.#find(index, 'its stamp does not rise')
    this.#stamp = t
    if ((index === 0) !== (line['k'] === 'begin'))
      this.#find(index, 'a begin line must be the first, and only it')
    if (index === 0) this.#keys = keysOfBegin(line)
    if (this.#check.areSignaturesChecked && line['k'] === 'bind') this.#lookAtSignature(index, line)
  }

  /** Associations copied from siblings or other operators bear other signatures: those are left to the first check. */
  #lookAtSignature(index: number, line: Fields): void {
    const { signatures, unsigned: _, ...signed } = line['a'] as Fields
    const message = Buffer.from(sortedJson(signed))
    const known = Object.entries(signatures as Record<string, Record<string, string>>).flatMap(
      ([entity, byKeyId]) =>
        Object.entries(byKeyId).flatMap(([keyId, signature]) => {
          const key = this.#keys.get(`${entity} ${keyId}`)
          return key === undefined
            ? []
            : [{ key, signature: plain(Buffer.from(signature, 'base64')) }]
        }),
    )
    const isSigned = ({ key, signature }: { key: Uint8Array; signature: Uint8Array }): boolean =>
      signature.length === 64 && nacl.sign.detached.verify(plain(message), signature, key)
    if (known.length > 0 && !known.some(isSigned))
      this.#find(index, 'the association is not signed by the key it names')
  }
}

/** tweetnacl takes plain arrays alone. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function parse(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

/** Canonical JSON of what a line can hold: object keys by code point. */
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${sortedJson(member)}`).join(',')}}`
}

function keysOfBegin(begin: Fields): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>()
  const listed = Array.isArray(begin['matrix_keys']) ? (begin['matrix_keys'] as Fields[]) : []
  for (const { key_id: keyId, key } of listed) {
    const raw = plain(Buffer.from(String(key), 'base64'))
    if (raw.length === 32) keys.set(`${String(begin['server_name'])} ${String(keyId)}`, raw)
  }
  return keys
}

type SignedNote = {
  readonly text: string
  readonly log: string
  readonly size: number
  readonly root: Buffer
  readonly signatures: readonly { readonly name: string; readonly bytes: Buffer }[]
}

/** C2SP signed-note and tlog-checkpoint, as far as our own heads use them. */
function readNote(note: string): SignedNote | null {
  const [text, signatures, ...more] = note.split('\n\n')
  const [log, size, root] = (text ?? '').split('\n')
  if (log === undefined || size === undefined || root === undefined || more.length > 0) return null
  const lines = (signatures ?? '').split('\n').filter((line) => line !== '')
  return {
    text: `${text ?? ''}\n`,
    log,
    size: Number(size),
    root: Buffer.from(root, 'base64'),
    signatures: lines.map((line) => {
      const [, name = '', encoded = ''] = line.split(' ')
      return { name, bytes: Buffer.from(encoded, 'base64') }
    }),
  }
}

function checkNote(
  stored: StoredLog,
  note: SignedNote | null,
  verifierKeys: readonly string[],
  find: Find,
): void {
  if (note === null) return find(null, 'the checkpoint cannot be read')
  if (note.log !== stored.log) find(null, `the checkpoint is one of ${note.log}`)
  const isSigned = verifierKeys.some((text) => {
    const encoded = text.split('+').slice(2).join('+')
    const key = Buffer.from(encoded, 'base64').subarray(1)
    const keyId = sha256(Buffer.from(note.log), Buffer.of(0x0a, 0x01), key).subarray(0, 4)
    return note.signatures.some(
      ({ name, bytes }) =>
        name === note.log &&
        bytes.length === 68 &&
        bytes.subarray(0, 4).equals(keyId) &&
        nacl.sign.detached.verify(
          plain(Buffer.from(note.text)),
          plain(bytes.subarray(4)),
          plain(key),
        ),
    )
  })
  if (!isSigned) find(null, 'the checkpoint is not signed by its origin')
}
