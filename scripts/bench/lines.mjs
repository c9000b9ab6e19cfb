// Makes a log of many associations in the form it travels: one chunk, segments proved against one checkpoint.
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { formatHeader, formatSegmentEnd } from '../../dist/domain/chunk.js'
import { formatVerifierKey, signCheckpoint, verifierKey } from '../../dist/domain/checkpoint.js'
import { publicKeyFromSeed } from '../../dist/domain/ed25519.js'
import { beginLine, bindLine } from '../../dist/domain/entry-line.js'
import { consistencyProof, emptyFrontier, hashLeaf, hashNode, TreeBuilder } from '../../dist/domain/merkle-tree.js'

const first = 'anna ben carla david emma felix greta hans ida jan karin leo mara nils olga paul rosa sven tina uwe'.split(' ')
const last = 'abel berg conrad dahl ebert fuchs graf hahn iversen jensen keller lang meyer nagel olsen peters roth sommer thoma voigt'.split(' ')
const hosts = ['example.org', 'mail.example.net', 'students.uni.example', 'post.example.com', 'home.example.de']

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
  const signature = isSigned ? sign(null, Buffer.from(`{${core},"ts":${ts}}`), key) : randomBytes(64)
  const text = signature.toString('base64').replace(/=+$/, '')
  return `{${core},"signatures":{"${serverName}":{"${keyId}":"${text}"}},"ts":${ts}}`
}

/**
 * Writes a chunk of `rows` binds of the log to a file. Entries are stamped in the last minutes, so that they are not
 * ahead of anybody's clock. Answers what a receiver must know.
 */
export async function writeChunk({ file, rows, node, seed, serverName, isSigned = false }) {
  const publicKey = publicKeyFromSeed(seed)
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const signer = { serverName, keyId: 'ed25519:bench', key, isSigned }
  const log = `${node}/site~bench${rows.toString(32).padStart(3, 'a').slice(-3).replace(/[0189]/g, 'z')}`
  const meshKey = formatVerifierKey(verifierKey(node, 0x01, publicKey))
  const matrixKeys = [
    { key_id: 'ed25519:bench', key: Buffer.from(publicKey).toString('base64').replace(/=+$/, ''), valid_from: 0, expired_at: null },
  ]
  let stamp = (Date.now() - 3_600_000) * 1024
  const begin = { node, serverName, audience: 'site', meshKey, matrixKeys, recoveryKey: null, prev: null }
  const subtrees = new Map()
  const leaves = []
  const tree = new TreeBuilder(emptyFrontier, (level, n, hash) => subtrees.set(`${level}/${n}`, hash))
  const lines = []
  const add = (line) => {
    const bytes = Buffer.from(line)
    const leaf = hashLeaf(bytes)
    tree.add(leaf)
    leaves.push(leaf)
    lines.push(bytes)
  }
  add(beginLine(begin, stamp))
  for (let i = 0; i < rows; i++) {
    stamp += 3
    const ts = Math.floor(stamp / 1024)
    add(bindLine({ kind: 'bind', associationJson: associationJson(i, ts, signer), nonce: randomBytes(16).toString('base64') }, stamp))
  }
  const size = tree.size
  const note = signCheckpoint({ log, size, root: tree.root() }, seed, publicKey)
  const small = (level, n) => (level === 0 ? leaves[n] : hashNode(small(level - 1, 2 * n), small(level - 1, 2 * n + 1)))
  const source = (level, n) => subtrees.get(`${level}/${n}`) ?? small(level, n)
  const out = openSync(file, 'w', 0o600)
  let bytes = 0
  const write = (piece) => {
    bytes += writeSync(out, piece)
  }
  write(formatHeader({ log, from: 0, checkpoint: note }))
  for (let from = 0; from < size; ) {
    const to = Math.min(size, from + 256)
    const proof = to === size ? [] : await consistencyProof(to, size, source)
    write(Buffer.concat([...lines.slice(from, to).flatMap((line) => [line, Buffer.from('\n')]), Buffer.from(formatSegmentEnd(to, proof))]))
    from = to
  }
  closeSync(out)
  return { log, size, bytes, vkey: meshKey, publicKey: Buffer.from(publicKey).toString('base64'), serverName }
}
