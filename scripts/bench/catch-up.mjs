// A million entries over mutual TLS into an empty node, both ends on this machine.
import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ChunkAcceptor } from '../../dist/log/accept.js'
import { startWriterThread } from '../../dist/log/writer-thread.js'
import { formatLookupHash, lookupHash } from '../../dist/domain/lookup-hash.js'
import { addressOf, mxidOf } from './lines.mjs'
import { giveToken, makeNode, mycelid, rssBytes, seedOf, start, stop } from './nodes.mjs'

/** Puts a chunk of the node's own making into its store: a former log of its own, as after a restore. */
export async function fillOrigin(node, { chunk, facts }) {
  const feeder = 'feeder.example'
  const { writer } = await startWriterThread({
    storage: { engine: 'sqlite', file: node.database },
    self: { name: node.name, serverName: 'id.example.org', meshSeed: seedOf(node), matrixKeys: [] },
    peers: [
      { name: feeder, url: null, keys: [facts.vkey], tlsPins: [], role: { type: 'sibling' } },
    ],
    skewMaxMs: 60_000,
    pepper: 'matrixrocks',
    recordFile: null,
  })
  const acceptor = new ChunkAcceptor(writer)
  writer.run()
  await acceptor.accept(createReadStream(chunk), { peer: feeder, via: 'pull' })
  await writer.stop()
}

export async function catchUp(dir, origin, { rows }) {
  const late = await makeNode(dir, 'late')
  const token = await giveToken(late)
  const served = await start(late)
  const sender = await start(origin)
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  const idle = rssBytes(served.child.pid)
  let peak = idle
  const watch = setInterval(() => {
    peak = Math.max(peak, rssBytes(served.child.pid))
  }, 50)
  pairBoth(late, origin)
  const began = process.hrtime.bigint()
  served.child.kill('SIGHUP')
  await untilFound(late, token, rows - 1)
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  clearInterval(watch)
  await stop(served)
  await stop(sender)
  const again = await start(late)
  await stop(again)
  return { seconds, extraBytes: peak - idle, startSeconds: again.startSeconds }
}

/** The origin admits the late node; of the origin the late one hears when it reads peers.json, which starts the clock. */
function pairBoth(late, origin) {
  const cardOf = (node) => mycelid('mesh', 'card', '--config', node.file).trim()
  mycelid('mesh', 'pair', '--config', origin.file, '--sibling', cardOf(late))
  const [, name, url, key, pin] = cardOf(origin).split(' ')
  const row = { name, url, keys: [key], tls_pins: [pin], sibling: true }
  writeFileSync(join(late.folder, 'peers.json'), JSON.stringify({ peers: [row] }), { mode: 0o600 })
}

async function untilFound(node, token, row) {
  const hash = formatLookupHash(
    lookupHash({ medium: 'email', address: addressOf(row) }, 'matrixrocks'),
  )
  const body = JSON.stringify({ addresses: [hash], algorithm: 'sha256', pepper: 'matrixrocks' })
  const deadline = Date.now() + 300_000
  while (Date.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${node.ports.public}/_matrix/identity/v2/lookup`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body,
    })
    const { mappings } = await answer.json()
    if (mappings?.[hash] === mxidOf(row)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the late node did not catch up in five minutes')
}
