import { createPrivateKey, createPublicKey, sign as signBytes, verify as verifyBytes, type KeyObject } from 'node:crypto'
import nacl from 'tweetnacl'

/** Ed25519 (RFC 8032) on raw keys: 32-byte seeds and public keys, 64-byte signatures. One verifier: node:crypto. */

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Making a key object costs more than a signature, so a bounded number is kept. */
const keysKept = 1_024
const publicKeys = new Map<string, KeyObject>()
const privateKeys = new Map<string, KeyObject>()

function kept(keys: Map<string, KeyObject>, raw: Uint8Array, make: () => KeyObject): KeyObject {
  const name = Buffer.from(raw).toString('latin1')
  let key = keys.get(name)
  if (key === undefined) {
    key = make()
    if (keys.size >= keysKept) keys.delete(keys.keys().next().value as string)
    keys.set(name, key)
  }
  return key
}

export function publicKeyFromSeed(seed: Uint8Array): Uint8Array {
  return nacl.sign.keyPair.fromSeed(new Uint8Array(seed)).publicKey
}

export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const key = kept(privateKeys, seed, () =>
    createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' }),
  )
  return new Uint8Array(signBytes(null, message, key))
}

/** False for anything malformed; never throws. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  try {
    const key = kept(publicKeys, publicKey, () =>
      createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' }),
    )
    return verifyBytes(null, message, key, signature)
  } catch {
    return false
  }
}

const p = 2n ** 255n - 19n
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/** y coordinates of the eight points of small order. */
const smallOrderYs = new Set([
  0n,
  1n,
  p - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303021435n % p,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n % p,
])

/** Refuses non-canonical encodings, points off the curve and points of small order (checked at pairing and admission). */
export function isAcceptablePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  const bytes = [...publicKey]
  const isOdd = ((bytes[31] as number) & 0x80) !== 0
  bytes[31] = (bytes[31] as number) & 0x7f
  let y = 0n
  for (let i = 31; i >= 0; i--) y = (y << 8n) | BigInt(bytes[i] as number)
  if (y >= p || smallOrderYs.has(y)) return false
  const y2 = (y * y) % p
  const x2 = (((y2 - 1n + p) % p) * power((d * y2 + 1n) % p, p - 2n)) % p
  if (x2 === 0n) return !isOdd
  return power(x2, (p - 1n) / 2n) === 1n
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = base % p
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * square) % p
    square = (square * square) % p
  }
  return result
}
