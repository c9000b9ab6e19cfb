// How long log verify takes over a log of many associations: the command as an operator runs it, in a process of its own.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkForkProof, parseForkProof } from '../../dist/domain/fork-proof.js'
import { parseProofKey } from '../../dist/domain/proof-keys.js'
import { fillOrigin } from './catch-up.mjs'
import { writeChunk } from './lines.mjs'
import { makeNode, mycelid, seedOf } from './nodes.mjs'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const vectors = fileURLToPath(new URL('../../test/vectors/fork-proof.json', import.meta.url))

/** Seconds of `log verify` with and without the signatures, and what it found; the proof of one entry beside them. */
export async function auditFigures(dir, rows) {
  const node = await makeNode(dir, 'audited')
  const about = { node: node.name, seed: seedOf(node), serverName: 'id.example.org' }
  const file = join(dir, 'chunk-audit')
  const facts = await writeChunk({ ...about, file, rows, isSigned: true })
  await fillOrigin(node, { chunk: file, facts })
  const plain = timed(node)
  const independent = timed(node, '--independent')
  const signed = timed(node, '--signatures')
  if (signed.verdict.signatures.checked !== rows) throw new Error('not every signature was checked')
  const words = ['--log', facts.log, '--index', String(Math.floor(rows / 3)), '--no-peers']
  const proof = mycelid('log', 'prove', '--config', node.file, ...words)
  return {
    plainSeconds: plain.seconds,
    independentSeconds: independent.seconds - plain.seconds,
    signedSeconds: signed.seconds,
    proofBytes: Buffer.byteLength(proof),
    forkCheckMs: forkCheckMs(),
  }
}

/** Reading and checking a proof of a fork, whose cost is its two signatures. */
function forkCheckMs() {
  const { keys, judged } = JSON.parse(readFileSync(vectors, 'utf8'))
  const { text } = judged.find(({ name }) => name === 'of 3 and 7 lines')
  const known = keys.map(parseProofKey)
  const times = 200
  const began = process.hrtime.bigint()
  for (let i = 0; i < times; i++) {
    const { isContradiction, isSigned } = checkForkProof(parseForkProof(text), known)
    if (!isContradiction || isSigned !== true) throw new Error('the fork was not proved')
  }
  return Number(process.hrtime.bigint() - began) / 1e6 / times
}

function timed(node, ...words) {
  const began = process.hrtime.bigint()
  const out = execFileSync(
    process.execPath,
    [main, 'log', 'verify', '--config', node.file, '--json', ...words],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  )
  return { seconds: Number(process.hrtime.bigint() - began) / 1e9, verdict: JSON.parse(out) }
}
