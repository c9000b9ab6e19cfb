// Makes a log of many associations in the form it travels: one chunk, segments proved against one checkpoint.
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { formatHeader, formatSegmentEnd } from '../../dist/domain/chunk.js'
import { formatVerifierKey, signCheckpoint, verifierKey } from '../../dist/domain/checkpoint.js'
import { publicKeyFromSeed } from '../../dist/domain/ed25519.js'
import { beginLine, bindLine } from '../../dist/domain/entry-line.js'
import {
  consistencyProof,
  emptyFrontier,
  hashLeaf,
  hashNode,
  TreeBuilder,
} from '../../dist/domain/merkle-tree.js'

const first =
  'anna ben carla david emma felix greta hans ida jan karin leo mara nils olga paul rosa sven tina uwe'.split(
    ' ',
  )
const last =
  'abel berg conrad dahl ebert fuchs graf hahn iversen jensen keller lang meyer nagel olsen peters roth sommer thoma voigt'.split(
    ' ',
  )
const hosts = [
  'example.org',
  'mail.example.net',
  'students.uni.example',
  'post.example.com',
  'home.example.de',
]

/** The address of row i: as varied as people's, never twice the same. */
export function addressOf(i) {
  const hash = createHash('sha256').update(`row ${i}`).digest()
  return `${first[hash[0] % first.length]}.${last[hash[1] % last.length]}${i.toString(36)}@${hosts[hash[2] % hosts.length]}`
}

export function mxidOf(i) {
  return `@u${createHash('sha256').update(`mxid ${i}`).digest('hex').slice(0, 10)}:matrix.example.org`
}

/** Signs as Matrix asks: 28 µs each. With isSigned false the signature is random bytes, the same in size and entropy. */
function associationJson(i, ts, { serverName, keyId, key, isSigned }) {
  const core = `"address":"${addressOf(i)}","medium":"email","mxid":"${mxidOf(i)}","not_after":${ts + 3_153_600_000_000},"not_before":${ts}`
  const signature = isSigned
    ? sign(null, Buffer.from(`{${core},"ts":${ts}}`), key)
    : randomBytes(64)
  const text = signature.toString('base64').replace(/=+$/, '')
  return `{${core},"signatures":{"${serverName}":{"${keyId}":"${text}"}},"ts":${ts}}`
}

/** Lines of a log under way: their bytes and leaves, and the subtrees that proofs need. */
class Draft {
  lines = []
  leaves = []
  subtrees = new Map()
  tree = new TreeBuilder(emptyFrontier, (level, n, hash) =>
    this.subtrees.set(`${level}/${n}`, hash),
  )

  add(line) {
    const bytes = Buffer.from(line)
    const leaf = hashLeaf(bytes)
    this.tree.add(leaf)
    this.leaves.push(leaf)
    this.lines.push(bytes)
  }

  subtree = (level, n) => {
    if (level === 0) return this.leaves[n]
    const known = this.subtrees.get(`${level}/${n}`)
    return known ?? hashNode(this.subtree(level - 1, 2 * n), this.subtree(level - 1, 2 * n + 1))
  }
}

function keyObject(seed) {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' })
}

const unpadded = (bytes) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')

/**
 * Writes a chunk of `rows` binds of the log to a file. Entries are stamped in the last hour, so that they are not
 * ahead of anybody's clock. Answers what a receiver must know.
 */
export async function writeChunk({ file, rows, node, seed, serverName, isSigned = false }) {
  const publicKey = publicKeyFromSeed(seed)
  const signer = { serverName, keyId: 'ed25519:bench', key: keyObject(seed), isSigned }
  const life = rows
    .toString(32)
    .replace(/[0189]/g, 'z')
    .padStart(3, 'a')
    .slice(-3)
  const log = `${node}/site~bench${life}`
  const meshKey = formatVerifierKey(verifierKey(node, 0x01, publicKey))
  const matrixKeys = [
    { key_id: signer.keyId, key: unpadded(publicKey), valid_from: 0, expired_at: null },
  ]
  const draft = new Draft()
  let stamp = (Date.now() - 3_600_000) * 1024
  const begin = {
    node,
    serverName,
    audience: 'site',
    meshKey,
    matrixKeys,
    recoveryKey: null,
    prev: null,
  }
  draft.add(beginLine(begin, stamp))
  for (let i = 0; i < rows; i++) {
    stamp += 3
    const association = associationJson(i, Math.floor(stamp / 1024), signer)
    const nonce = randomBytes(16).toString('base64')
    draft.add(bindLine({ kind: 'bind', associationJson: association, nonce }, stamp))
  }
  const { size } = draft.tree
  const note = signCheckpoint({ log, size, root: draft.tree.root() }, seed, publicKey)
  const bytes = await writeSegments(file, draft, { log, size, note })
  const facts = { log, size, bytes, vkey: meshKey, serverName }
  return { ...facts, publicKey: Buffer.from(publicKey).toString('base64') }
}

async function writeSegments(file, draft, { log, size, note }) {
  const out = openSync(file, 'w', 0o600)
  const newline = Buffer.from('\n')
  let bytes = writeSync(out, formatHeader({ log, from: 0, checkpoint: note }))
  for (let from = 0; from < size;) {
    const to = Math.min(size, from + 256)
    const proof = to === size ? [] : await consistencyProof(to, size, draft.subtree)
    const lines = draft.lines.slice(from, to).flatMap((line) => [line, newline])
    bytes += writeSync(out, Buffer.concat([...lines, Buffer.from(formatSegmentEnd(to, proof))]))
    from = to
  }
  closeSync(out)
  return bytes
}
