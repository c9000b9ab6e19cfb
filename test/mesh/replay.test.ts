import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { loadLogs } from '../../src/log/boot.ts'
import { openRecorder, readRecording } from '../../src/log/recorder.ts'
import { bootState } from '../../src/mesh/boot.ts'
import type { MeshState } from '../../src/mesh/state.ts'
import { step } from '../../src/mesh/step.ts'
import { Cluster, type Node } from './cluster.ts'

let cluster: Cluster

afterEach(async () => {
  await cluster.close()
})

type Run = { readonly node: string; readonly file: string; readonly boot: MeshState }

/** Records every start of every node to a file of its own, and keeps the state it started from. */
function recordAll(runs: Run[]): void {
  cluster.recorderOf = async (node) => {
    const file = join(cluster.folder, `run-${runs.length}.rec`)
    runs.push({ node: node.name, file, boot: await bootOf(node) })
    return openRecorder(file)
  }
}

async function bootOf(node: Node): Promise<MeshState> {
  return bootState({
    self: {
      name: node.name,
      serverName: 'id.example.org',
      meshKey: node.vkey,
      matrixKeys: [
        {
          key_id: `ed25519:${node.name.split('.')[0]}`,
          key: 'a'.repeat(43),
          valid_from: 0,
          expired_at: null,
        },
      ],
      recoveryKey: null,
    },
    limits: { skewMaxMs: 60_000 },
    peers: node.peers(),
    logs: await loadLogs(node.storage),
    now: { wallMs: cluster.nowMs + node.wallOffsetMs, monoMs: cluster.nowMs },
  })
}

test(
  'recorded production runs, replayed through step, have the same effects',
  { timeout: 60_000 },
  async () => {
    cluster = new Cluster(['paris.example', 'lyon.example', 'oslo.example'])
    const runs: Run[] = []
    recordAll(runs)
    await cluster.start()
    const [paris, lyon] = cluster.nodes as [Node, Node, Node]
    await paris.bind('alice@example.org', '@alice:example.org')
    await lyon.unbind('bob@example.org', '@bob:example.org')
    await cluster.settle(12_000)
    await lyon.crash()
    for (let i = 0; i < 60; i++) await paris.bind(`user${i}@example.org`, `@user${i}:example.org`)
    await lyon.start()
    await lyon.bind('bob@example.org', '@bob:example.org')
    await cluster.settle(30_000)

    expect(runs.map(({ node }) => node).sort()).toEqual([
      'lyon.example',
      'lyon.example',
      'oslo.example',
      'paris.example',
    ])
    for (const { file, boot } of runs) {
      let count = 0
      for (const { event, effects } of readRecording(file)) {
        expect(step(boot, event), `event ${count}, ${event.type}, of ${file}`).toEqual(effects)
        count++
      }
      expect(count).toBeGreaterThan(20)
    }
    const lyonLogs = (runs.at(-1) as Run).boot.logs
    expect([...lyonLogs.values()].some(({ size }) => size > 60)).toBe(true)
  },
)
