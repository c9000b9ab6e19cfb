// A receiver in a process of its own, as production runs it: acceptor on the main thread, writer in its worker.
// argv: JSON of { mode, chunk, facts, dir, verifyEach, seconds }. Prints one JSON line.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { verifySignedJson } from '../../dist/domain/matrix-json.js'
import { ChunkAcceptor } from '../../dist/log/accept.js'
import { createAssociationReader } from '../../dist/log/associations.js'
import { Roles } from '../../dist/log/roles.js'
import { startWriterThread } from '../../dist/log/writer-thread.js'
import { lookupHash, formatLookupHash } from '../../dist/domain/lookup-hash.js'
import { createSharedFilter, openStorage } from '../../dist/storage/index.js'
import { addressOf } from './lines.mjs'

const given = JSON.parse(process.argv[2])
const { chunk, facts, dir, rows } = given
const pepper = 'matrixrocks'
const file = join(dir, 'receiver.db')
const store = await openStorage({ engine: 'sqlite', file, access: 'write' })
await store.commit({ logs: [], lookups: [], accounts: [], meta: { pepper } })
await store.close()
const origin = facts.log.split('/')[0]
const peers = [
  { name: origin, url: null, keys: [facts.vkey], tlsPins: [], role: { type: 'sibling' } },
]
const filter = createSharedFilter({ capacity: 1_000_000 })
const { writer } = await startWriterThread({
  storage: { engine: 'sqlite', file, filter },
  self: {
    name: 'receiver.example',
    serverName: 'id.example.org',
    meshSeed: new Uint8Array(32).fill(9),
    matrixKeys: [],
  },
  peers,
  skewMaxMs: 60_000,
  pepper: null,
  recordFile: null,
})
const acceptor = new ChunkAcceptor(writer)
writer.run()
const bytes = readFileSync(chunk)

async function* pieces() {
  const size = 64 * 1024
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** The same path, made to verify each association before its line is handed on. */
async function* verified() {
  const publicKey = Buffer.from(facts.publicKey, 'base64')
  let text = ''
  for await (const piece of pieces()) {
    const lines = (text + piece.toString('latin1')).split('\n')
    text = lines.pop()
    for (const line of lines) {
      if (!line.startsWith('{"a":')) continue
      if (!verifySignedJson(JSON.parse(line).a, facts.serverName, 'ed25519:bench', publicKey))
        throw new Error('bad signature')
    }
    yield piece
  }
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function apply() {
  const before = cpuSeconds()
  const start = process.hrtime.bigint()
  await acceptor.accept(given.verifyEach ? verified() : pieces(), { peer: origin, via: 'pull' })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  return { cpuSeconds: cpuSeconds() - before, seconds }
}

async function lookupsPerSecond(reader, until) {
  let done = 0
  const start = process.hrtime.bigint()
  let batch = 0
  while (!until()) {
    const hashes = []
    for (let i = 0; i < 10; i++) hashes.push(hashFor((batch * 7919 + i * 104_729) % 100_000))
    batch++
    await reader.mxidsByHash(hashes)
    done += hashes.length
    if (batch % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return done / (Number(process.hrtime.bigint() - start) / 1e9)
}

const hashCache = new Map()
function hashFor(i) {
  let hash = hashCache.get(i)
  if (hash === undefined) {
    hash = formatLookupHash(lookupHash({ medium: 'email', address: addressOf(i) }, pepper))
    hashCache.set(i, hash)
  }
  return hash
}

if (given.mode === 'apply') {
  const result = await apply()
  await writer.stop()
  const wal = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  console.log(JSON.stringify({ ...result, fileBytes: statSync(file).size, walBytes: wal, rows }))
} else {
  const storage = await openStorage({ engine: 'sqlite', file, filter, access: 'read' })
  const roles = new Roles('receiver.example', {}, peers)
  const reader = createAssociationReader({
    storage,
    pepper: () => pepper,
    standing: () => roles,
    nowMs: Date.now,
    isSigned: () => true,
  })
  for (let i = 0; i < 100_000; i++) hashFor(i)
  let isOver = false
  const ingest = apply().then((result) => {
    isOver = true
    return result
  })
  const busy = await lookupsPerSecond(reader, () => isOver)
  const applied = await ingest
  const ends = Date.now() + 3_000
  const idle = await lookupsPerSecond(reader, () => Date.now() > ends)
  await writer.stop()
  await storage.close()
  console.log(JSON.stringify({ busy, idle, entriesPerSecond: rows / applied.seconds }))
}
process.exit(0)
