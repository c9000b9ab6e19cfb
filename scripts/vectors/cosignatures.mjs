import { leaves, size } from './chunk-parts.mjs'
import { log } from './lines.mjs'
import {
  base64,
  cosignature,
  node,
  note,
  noteBody,
  publicKey,
  root,
  seed,
  vkey,
} from './notes-and-trees.mjs'

export const body = noteBody(log, size, root(leaves))
export const cosigned = {
  about:
    'One mesh key, two names: the key id of a checkpoint (type 0x01) is made with the log id, that of a cosignature (0x04) with the name of the node. `seed` and `publicKey` are in hex. Lines under `invalid` are no cosignatures of `node` over `body`.',
  seed: seed.toString('hex'),
  publicKey: publicKey.toString('hex'),
  node,
  vkey: vkey(node, 0x01),
  log,
  logVkey: vkey(log, 0x01),
  size,
  root: base64(root(leaves)),
  body,
  note: note(log, size, root(leaves)),
  cosignatures: [
    { timeS: 1_790_000_000, line: cosignature(body, 1_790_000_000) },
    { timeS: 0, line: cosignature(body, 0) },
    { timeS: 2 ** 53 - 1, line: cosignature(body, 2 ** 53 - 1) },
  ],
  invalid: [
    {
      name: 'of another body',
      line: cosignature(noteBody(log, size + 1, root(leaves)), 1_790_000_000),
    },
    { name: 'the checkpoint’s own signature', line: note(log, size, root(leaves)).split('\n')[4] },
    {
      name: 'under another name',
      line: cosignature(body, 1_790_000_000).replace(node, 'oslo.id.example.org'),
    },
    { name: 'with another time', line: retimed() },
    { name: 'cut off', line: cosignature(body, 1_790_000_000).slice(0, -8) },
    {
      name: 'with a hyphen for its dash',
      line: cosignature(body, 1_790_000_000).replace('—', '-'),
    },
  ],
}

export function retimed() {
  const [, , encoded] = cosignature(body, 1_790_000_000).split(' ')
  const bytes = Buffer.from(encoded, 'base64')
  bytes[11] ^= 1
  return `— ${node} ${base64(bytes)}`
}

// ---- claims
