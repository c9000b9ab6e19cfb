/** Notes, keys and trees, made a second time from the specifications; nothing of src/ is used. */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'

export const sha256 = (...parts) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest()
export const base64 = (bytes) => Buffer.from(bytes).toString('base64')

// ---- keys and notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature)

export const seed = sha256('mycelid test vector: mesh key of paris.id.example.org')
export const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
  format: 'der',
  type: 'pkcs8',
})
export const publicKey = createPublicKey(privateKey)
  .export({ format: 'der', type: 'spki' })
  .subarray(-32)
export const node = 'paris.id.example.org'
export const keyId = (name, type) => sha256(name, [0x0a, type], publicKey).subarray(0, 4)
export const vkey = (name, type) =>
  `${name}+${keyId(name, type).toString('hex')}+${base64(Buffer.concat([Buffer.of(type), publicKey]))}`
export const signatureLine = (name, type, signature) =>
  `— ${name} ${base64(Buffer.concat([keyId(name, type), signature]))}`
export const noteBody = (log, size, root) => `${log}\n${size}\n${base64(root)}\n`

export function note(log, size, root) {
  const body = noteBody(log, size, root)
  return `${body}\n${signatureLine(log, 0x01, sign(null, Buffer.from(body), privateKey))}\n`
}

export function cosignature(body, timeS) {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(timeS))
  const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${timeS}\n${body}`), privateKey)
  return signatureLine(node, 0x04, Buffer.concat([time, signature]))
}

// ---- the tree (RFC 6962, 2.1)

export const leafHash = (line) => sha256([0x00], line)
export const split = (n) => 2 ** Math.ceil(Math.log2(n) - 1)

export function root(leaves) {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]
  const k = split(leaves.length)
  return sha256([0x01], root(leaves.slice(0, k)), root(leaves.slice(k)))
}

export function proof(m, leaves, isWhole = true) {
  if (m === leaves.length) return isWhole ? [] : [root(leaves)]
  const k = split(leaves.length)
  if (m <= k) return [...proof(m, leaves.slice(0, k), isWhole), root(leaves.slice(k))]
  return [...proof(m - k, leaves.slice(k), false), root(leaves.slice(0, k))]
}
