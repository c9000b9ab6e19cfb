import * as crypto from 'node:crypto'
import {
  formatCheckpointBody,
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  verifierKey,
  verifyCheckpoint,
  verifyCosignature,
  type Checkpoint,
} from '../../src/domain/checkpoint.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { createSigner, type Signer } from '../../src/log/signer.ts'

/** Signatures of the run: true Ed25519, or a keyed hash in its place, which is a hundred times quicker. */
export interface KeyRing {
  /** Makes the mesh key of a name; the verifier key is what peers know of it. */
  make(name: string, seed: Uint8Array): { readonly signer: Signer; readonly verifierKey: string }
  isSigned(note: string, verifierKey: string): boolean
  cosignedAt(body: string, line: string, name: string, verifierKey: string): number | null
}

export class Ed25519Keys implements KeyRing {
  make(name: string, seed: Uint8Array): { signer: Signer; verifierKey: string } {
    const key = formatVerifierKey(verifierKey(name, 0x01, publicKeyFromSeed(seed)))
    return { signer: createSigner(name, seed), verifierKey: key }
  }

  isSigned(note: string, key: string): boolean {
    const parsed = parseVerifierKey(key)
    return parsed !== null && verifyCheckpoint(note, parsed.publicKey) !== null
  }

  cosignedAt(body: string, line: string, name: string, key: string): number | null {
    const parsed = parseVerifierKey(key)
    if (parsed === null) return null
    return verifyCosignature({ body, line, name, publicKey: parsed.publicKey })?.timeS ?? null
  }
}

/** Whoever lacks the secret cannot make the hash: forgers of the simulation never ask for another's. */
export class HashKeys implements KeyRing {
  readonly #secrets = new Map<string, string>()

  make(name: string, seed: Uint8Array): { signer: Signer; verifierKey: string } {
    const publicKey = crypto.hash('sha256', `public ${Buffer.from(seed).toString('hex')}`, 'buffer')
    const key = formatVerifierKey(verifierKey(name, 0x01, publicKey))
    const secret = Buffer.from(seed).toString('hex')
    this.#secrets.set(key, secret)
    const signer: Signer = {
      signCheckpoint: (checkpoint: Checkpoint) => {
        const body = formatCheckpointBody(checkpoint)
        return `${body}\n— ${checkpoint.log} ${mark(secret, body)}\n`
      },
      cosign: (checkpoint: Checkpoint, timeS: number) =>
        `— ${name} ${mark(secret, `${timeS}\n${formatCheckpointBody(checkpoint)}`, timeS)}`,
    }
    return { signer, verifierKey: key }
  }

  isSigned(note: string, key: string): boolean {
    const parsed = parseNote(note)
    const secret = this.#secrets.get(key)
    if (parsed === null || secret === undefined) return false
    const expected = `— ${parsed.checkpoint.log} ${mark(secret, parsed.body)}`
    return parsed.signatures.some(({ line }) => line === expected)
  }

  cosignedAt(body: string, line: string, name: string, key: string): number | null {
    const secret = this.#secrets.get(key)
    const encoded = line.split(' ')[2]
    const bytes = Buffer.from(encoded ?? '', 'base64')
    if (secret === undefined || bytes.length !== 76) return null
    const timeS = bytes.readUInt32BE(8)
    return line === `— ${name} ${mark(secret, `${timeS}\n${body}`, timeS)}` ? timeS : null
  }
}

/** As long as a true signature line, so that chunks are cut alike: key id, time (0x04 only), 64 bytes of keyed hash. */
function mark(secret: string, text: string, timeS: number | null = null): string {
  const time = Buffer.alloc(timeS === null ? 0 : 8)
  if (timeS !== null) time.writeUInt32BE(timeS, 4)
  const hash: Buffer = crypto.hash('sha256', `${secret}\n${text}`, 'buffer')
  return Buffer.concat([Buffer.alloc(4), time, hash, hash]).toString('base64')
}
