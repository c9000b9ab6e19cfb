import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  bind,
  call,
  eventually,
  eventuallyFinds,
  find,
  findByHash,
  statusOf,
  unbind,
} from './node-calls.ts'
import { giveToken, TestMesh, verifiedLogs, writePeers, type TestNode } from './node-processes.ts'

let mesh: TestMesh
beforeEach(() => {
  mesh = new TestMesh()
})
// Whatever a test did: no address, hash or token stands in what the nodes wrote, at level trace.
afterEach(async () => expect(await mesh.end()).toEqual([]))

/** Binds one address after the other until told to stop; keeps those the node acknowledged. */
class Writer {
  readonly acknowledged: string[] = []
  readonly done: Promise<void>
  #isStopped = false

  constructor(node: TestNode, label: string) {
    this.done = this.#write(node, label)
  }

  async #write(node: TestNode, label: string): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      const address = mesh.address(`${label}.${n}`)
      try {
        if ((await bind(node, address)).status === 200) this.acknowledged.push(address)
      } catch {
        return
      }
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.done
  }
}

/** Each log's size and root as a node holds it. */
async function headsOf(node: TestNode): Promise<Record<string, string>> {
  const { logs } = await statusOf(node)
  const heads = logs.map(({ log, size, rootBase64, checkpointSize, closedAt }) => [
    log,
    `${size} ${rootBase64} ${checkpointSize} ${closedAt ?? 'open'}`,
  ])
  return Object.fromEntries(heads.sort()) as Record<string, string>
}

async function eventuallyAlike(nodes: readonly TestNode[]): Promise<void> {
  await eventually('all nodes holding the same heads', async () => {
    const [first, ...others] = await Promise.all(nodes.map(headsOf))
    return others.every((heads) => JSON.stringify(heads) === JSON.stringify(first))
  })
}

test('a binding made on one node is found on the others by hashed lookup, and its end too', async () => {
  const nodes = await mesh.makeSiblings('paris', 'lyon', 'nice')
  const [paris, lyon] = nodes as [TestNode, TestNode, TestNode]
  const tokens = await Promise.all(nodes.map((node) => giveToken(mesh, node)))
  await Promise.all(nodes.map((node) => mesh.start(node)))
  const address = mesh.address('alice')
  const bound = await bind(paris, address)
  expect(bound.status).toBe(200)
  const mxids = (): Promise<(string | null)[]> =>
    Promise.all(nodes.map((node, i) => findByHash(node, tokens[i] ?? '', address)))
  await eventually('alice found on all', async () =>
    (await mxids()).every((mxid) => mxid === '@alice:example.org'),
  )
  const path = `/_matrix/identity/api/v1/lookup?medium=email&address=${encodeURIComponent(address)}`
  for (const node of nodes) {
    await eventually(`${node.name} showing the association`, async () => {
      const { json } = await call(node.ports.public, path)
      return isDeepStrictEqual(json, bound.json)
    })
  }
  expect((await unbind(lyon, address)).status).toBe(200)
  await eventually('alice gone from all', async () =>
    (await mxids()).every((mxid) => mxid === null),
  )
})

test('what was acknowledged before a SIGKILL is on every node after it, and no log has forked', async () => {
  const nodes = await mesh.makeSiblings('paris', 'lyon', 'nice')
  const [paris, lyon, nice] = nodes as [TestNode, TestNode, TestNode]
  const [first] = await Promise.all(nodes.map((node) => mesh.start(node)))
  const doomed = [1, 2, 3, 4].map((n) => new Writer(paris, `paris${n}`))
  const elsewhere = new Writer(lyon, 'lyon')
  await eventually('200 binds', async () =>
    doomed.every(({ acknowledged }) => acknowledged.length >= 50),
  )
  await first?.kill()
  await Promise.all(doomed.map(({ done }) => done))
  await mesh.start(paris)
  const again = new Writer(paris, 'again')
  await eventually('20 binds after it', async () => again.acknowledged.length >= 20)
  await Promise.all([again.stop(), elsewhere.stop()])
  const acknowledged = [...doomed, elsewhere, again].flatMap((writer) => writer.acknowledged)
  for (const node of nodes) await eventuallyFinds(node, acknowledged)
  await eventuallyAlike(nodes)
  const { logs } = await statusOf(nice)
  const ofParis = logs.filter(({ origin }) => origin === paris.name)
  expect(ofParis).toHaveLength(2)
  await eventually('the log of the killed run being closed everywhere', async () => {
    const heads = await Promise.all(nodes.map(headsOf))
    return heads.every(
      (each) => Object.values(each).filter((h) => !h.endsWith('open')).length === 1,
    )
  })
  for (const node of nodes) {
    const verified = await verifiedLogs(node)
    expect([...verified.keys()].sort()).toEqual(logs.map(({ log }) => log).sort())
  }
}, 120_000)

test('each run that writes begins a log of its own, and a run that does not write begins none', async () => {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  await mesh.start(lyon)
  const addresses: string[] = []
  for (const name of ['one', null, 'two']) {
    const running = await mesh.start(paris)
    if (name !== null) {
      const address = mesh.address(name)
      addresses.push(address)
      expect((await bind(paris, address)).status).toBe(200)
      await eventuallyFinds(lyon, [address])
    }
    running.signal('SIGTERM')
    expect(await running.ended()).toEqual({ code: 0, signal: null })
  }
  await mesh.start(paris)
  const { logs } = await statusOf(lyon)
  expect(new Set(logs.map(({ log }) => log)).size).toBe(2)
  expect([...(await find(paris, addresses)).keys()].sort()).toEqual([...addresses].sort())
})

test('three nodes in a row, the ends of which never talk, come to hold the same', async () => {
  const [paris, lyon, nice] = (await mesh.makeSiblings('paris', 'lyon', 'nice')) as [
    TestNode,
    TestNode,
    TestNode,
  ]
  // The ends know each other's keys, as siblings must, and have no way to each other.
  for (const [node, other] of [
    [paris, nice],
    [nice, paris],
  ] as const)
    cutOff(node, other)
  await Promise.all([paris, lyon, nice].map((node) => mesh.start(node)))
  const [one, two] = [mesh.address('one'), mesh.address('two')]
  await bind(paris, one)
  await bind(nice, two)
  for (const node of [paris, lyon, nice]) await eventuallyFinds(node, [one, two])
})

test('a request keeps its id from the caller to the answer and the log', async () => {
  const paris = await mesh.make('paris')
  const running = await mesh.start(paris)
  const path = '/_matrix/identity/versions'
  const given = await call(paris.ports.public, path, {
    headers: { 'x-request-id': 'from.proxy-1' },
  })
  expect(given.headers['x-request-id']).toBe('from.proxy-1')
  const made = await call(paris.ports.public, path)
  const id = String(made.headers['x-request-id'])
  expect(id).toMatch(/^[0-9a-f]{16}-/)
  await eventually('both ids in the log', async () =>
    ['from.proxy-1', id].every((each) => running.output.includes(`"requestId":"${each}"`)),
  )
})

function cutOff(node: TestNode, other: TestNode): void {
  const { peers } = JSON.parse(readFileSync(node.peersFile, 'utf8')) as {
    peers: { name: string }[]
  }
  const rows = peers.map((row) => (row.name === other.name ? { ...row, url: null } : row))
  writePeers(node, rows)
}
