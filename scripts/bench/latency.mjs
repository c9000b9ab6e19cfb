// How long a bind takes until it is durable here, and until a peer has promised to hold it, one at a time.
import { Registry } from 'prom-client'
import { loadConfig } from '../../dist/config/load.js'
import { createEvents } from '../../dist/events.js'
import { bind } from '../../dist/features/binding/bind.js'
import { startNode } from '../../dist/node.js'
import { systemClock } from '../../dist/platform/clock.js'
import { createLogger } from '../../dist/platform/logger.js'
import { systemRandom } from '../../dist/platform/random.js'
import { makeNode, pair, start, stop } from './nodes.mjs'

const rounds = 400

export async function bindLatency(dir) {
  const near = await makeNode(dir, 'near')
  const far = await makeNode(dir, 'far')
  pair(near, far)
  pair(far, near)
  const served = await start(far)
  const { config } = loadConfig({ files: [near.file], environment: {}, folder: dir })
  const logger = createLogger({ level: 'silent' })
  const registry = new Registry()
  const events = createEvents({ logger, registry })
  const node = await startNode(config, {
    clock: systemClock,
    random: systemRandom,
    logger,
    registry,
    events,
  })
  const waiting = []
  const send = node.writer.send.bind(node.writer)
  node.writer.send = (input) => {
    if (input.type === 'push-ended' && input.outcome.type === 'taken') {
      while (waiting.length > 0 && waiting[0].size <= input.outcome.have) waiting.shift().resolve()
    }
    send(input)
  }
  const append = node.bindDeps.append
  const local = []
  const peer = []
  for (let i = 0; i < rounds; i++) {
    const began = process.hrtime.bigint()
    let size = 0
    const deps = {
      ...node.bindDeps,
      append: async (operations) => {
        const entries = await append(operations)
        size = entries.at(-1).index + 1
        return entries
      },
    }
    await bind(deps, {
      threepid: { medium: 'email', address: `u${i}@example.org` },
      mxid: `@u${i}:example.org`,
    })
    local.push(Number(process.hrtime.bigint() - began) / 1e6)
    await new Promise((resolve) => waiting.push({ size, resolve }))
    peer.push(Number(process.hrtime.bigint() - began) / 1e6)
  }
  await node.stop()
  await stop(served)
  return { localMs: median(local.slice(50)), peerMs: median(peer.slice(50)) }
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
}
