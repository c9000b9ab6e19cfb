/** The lines that the vectors are made of. */
import { base64, leafHash, node, sha256, vkey } from './notes-and-trees.mjs'

export const nonce = base64(Buffer.alloc(16, 7))
export const stamp = (ms, counter = 0) => ms * 1024 + counter
export const t0 = stamp(1_790_000_000_000)
export const log = `${node}/site~k3vq7xmd`
export const otherRoot = base64(sha256('another root'))
export const association = {
  address: 'alice@example.com',
  medium: 'email',
  mxid: '@alice:example.org',
  not_after: 4_945_674_000_000,
  not_before: 1_790_000_000_000,
  signatures: { 'id.example.org': { 'ed25519:paris': 'A'.repeat(86) } },
  ts: 1_790_000_000_000,
}
export const pair = { address: 'alice@example.com', medium: 'email', mxid: '@alice:example.org' }
export const bind = { a: association, k: 'bind', t: t0, z: nonce }
export const unbind = { a: pair, k: 'unbind', t: t0, z: nonce }
export const matrixKey = {
  expired_at: null,
  key: 'B'.repeat(43),
  key_id: 'ed25519:paris',
  valid_from: 1_700_000_000_000,
}
export const begin = {
  audience: 'site',
  k: 'begin',
  matrix_keys: [matrixKey],
  mesh_key: vkey(node, 0x01),
  node,
  prev: { log: `${node}/site~aaaaaaa2`, root: otherRoot, size: 41 },
  recovery_key: null,
  server_name: 'id.example.org',
  t: t0,
  v: 1,
}
export const close = { k: 'close', log: `${node}/site~aaaaaaa2`, root: otherRoot, size: 41, t: t0 }

/** Canonical: keys sorted at every level (all of them ASCII here). */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .filter((key) => value[key] !== undefined)
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`
}

export const valid = (name, fields, says) => {
  const line = typeof fields === 'string' ? fields : canonical(fields)
  return { name, line, leaf: base64(leafHash(line)), says }
}
export const invalid = (name, refusal, fields) => ({
  name,
  refusal,
  line: typeof fields === 'string' ? fields : canonical(fields),
})
export const saysBind = (more = {}) => ({
  kind: 'bind',
  stamp: t0,
  at: null,
  via: null,
  ...pair,
  ...more,
})
export const saysUnbind = (more = {}) => ({
  kind: 'unbind',
  stamp: t0,
  at: null,
  via: null,
  covers: null,
  forget: false,
  ...pair,
  ...more,
})
export const saysUnknown = (name, isCritical = false) => ({
  kind: 'unknown',
  stamp: t0,
  name,
  isCritical,
})
export const withA = (entry, more) => ({ ...entry, a: { ...entry.a, ...more } })
export const filled = (entry, bytes) => {
  const length = Buffer.byteLength(canonical({ ...entry, _: '' }))
  return canonical({ ...entry, _: 'x'.repeat(bytes - length) })
}
