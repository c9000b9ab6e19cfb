/** Other keys than the origin's: replicas that cosign, and whoever pretends to be the origin. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { base64, noteBody, sha256 } from './notes-and-trees.mjs'

export function witness(name) {
  const key = createPrivateKey({
    key: Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      sha256(`mycelid test vector: mesh key of ${name}`),
    ]),
    format: 'der',
    type: 'pkcs8',
  })
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  const idOf = (as, type) => sha256(as, [0x0a, type], raw).subarray(0, 4)
  const line = (as, id, signature) => `— ${as} ${base64(Buffer.concat([id, signature]))}`
  const signature = (body, as, id = idOf(as, 0x01)) =>
    line(as, id, sign(null, Buffer.from(body), key))
  return {
    name,
    vkey: `${name}+${idOf(name, 0x01).toString('hex')}+${base64(Buffer.concat([Buffer.of(1), raw]))}`,
    signature,
    cosignature: (body, timeS) => {
      const time = Buffer.alloc(8)
      time.writeBigUInt64BE(BigInt(timeS))
      const message = Buffer.from(`cosignature/v1\ntime ${timeS}\n${body}`)
      return line(name, idOf(name, 0x04), Buffer.concat([time, sign(null, message, key)]))
    },
    note: (log, size, root) => {
      const body = noteBody(log, size, root)
      return `${body}\n${signature(body, log)}\n`
    },
  }
}
