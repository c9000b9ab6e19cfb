import { afterEach, expect, test } from 'vitest'
import { Cluster } from './cluster.ts'

let cluster: Cluster

afterEach(async () => {
  await cluster.close()
})

test('a binding made on one node is found on every other', async () => {
  cluster = new Cluster(['paris.example', 'lyon.example', 'oslo.example'])
  await cluster.start()
  await cluster.node('paris.example').bind('alice@example.org', '@alice:example.org')
  await cluster.settle(2_000)
  for (const node of cluster.nodes) {
    expect(await node.lookup('alice@example.org')).toBe('@alice:example.org')
  }
  const [first, ...others] = cluster.heads()
  for (const heads of others) expect(heads).toEqual(first)
})

test('a line of three nodes whose ends never talk converges', async () => {
  cluster = new Cluster(['paris.example', 'lyon.example', 'oslo.example'])
  cluster.link('paris.example', 'oslo.example').isUp = false
  await cluster.start()
  await cluster.node('paris.example').bind('alice@example.org', '@alice:example.org')
  await cluster.node('oslo.example').bind('bob@example.org', '@bob:example.org')
  await cluster.settle(30_000)
  for (const node of cluster.nodes) {
    expect(await node.lookup('alice@example.org')).toBe('@alice:example.org')
    expect(await node.lookup('bob@example.org')).toBe('@bob:example.org')
  }
})

test('a node that was away catches up, and an unbind made elsewhere holds on it', async () => {
  cluster = new Cluster(['paris.example', 'lyon.example'])
  await cluster.start()
  const [paris, lyon] = cluster.nodes as [Cluster['nodes'][number], Cluster['nodes'][number]]
  await paris.bind('alice@example.org', '@alice:example.org')
  await cluster.settle(2_000)
  await lyon.stop()
  await paris.unbind('alice@example.org', '@alice:example.org')
  const users = Array.from({ length: 700 }, (_, i) => i)
  await Promise.all(users.map((i) => paris.bind(`user${i}@example.org`, `@user${i}:example.org`)))
  await cluster.settle(5_000)
  await lyon.start()
  await cluster.settle(90_000)
  expect(await lyon.lookup('alice@example.org')).toBeNull()
  expect(await lyon.lookup('user699@example.org')).toBe('@user699:example.org')
  const [first, second] = cluster.heads()
  expect(second).toEqual(first)
})

test('every start begins a new life, and the former log is closed once every sibling has spoken', async () => {
  cluster = new Cluster(['paris.example', 'lyon.example'])
  await cluster.start()
  const [paris, lyon] = cluster.nodes as [Cluster['nodes'][number], Cluster['nodes'][number]]
  await paris.bind('alice@example.org', '@alice:example.org')
  await cluster.settle(2_000)
  await paris.stop()
  await paris.start()
  await cluster.settle(12_000)
  await paris.bind('bob@example.org', '@bob:example.org')
  await cluster.settle(30_000)
  for (const node of [paris, lyon]) {
    const logs = node.core.status().logs.filter(({ origin }) => origin === 'paris.example')
    expect(logs).toHaveLength(2)
    expect(logs.filter(({ closedAt }) => closedAt !== null)).toHaveLength(1)
    expect(logs.filter(({ closedAt }) => closedAt === null)).toHaveLength(1)
  }
})

test('what a relay alters is refused with a name and leaves no trace', async () => {
  cluster = new Cluster(['paris.example', 'lyon.example'])
  const link = cluster.link('paris.example', 'lyon.example')
  await cluster.start()
  link.alter = (bytes) =>
    Buffer.from(Buffer.from(bytes).toString('latin1').replace('@alice:', '@mallo:'), 'latin1')
  await cluster.node('paris.example').bind('alice@example.org', '@alice:example.org')
  await cluster.settle(3_000)
  const lyon = cluster.node('lyon.example')
  expect(await lyon.lookup('alice@example.org')).toBeNull()
  const refusals = lyon.core.status().peers.flatMap((peer) => peer.refusals)
  expect(refusals.map(({ code }) => code)).toContain('root-mismatch')
  delete link.alter
  await cluster.settle(30_000)
  expect(await lyon.lookup('alice@example.org')).toBe('@alice:example.org')
})

test('the keys of a sibling can be read once its first line has come', async () => {
  cluster = new Cluster(['paris.example', 'lyon.example'])
  await cluster.start()
  const lyon = cluster.node('lyon.example')
  const seen: number[] = []
  lyon.writer.onOutward((outward) => {
    if (outward.type !== 'notice' || outward.notice.type !== 'keys-changed') return
    seen.push(lyon.core.status().logs.filter(({ matrixKeys }) => matrixKeys.length > 0).length)
  })
  await cluster.node('paris.example').bind('alice@example.org', '@alice:example.org')
  await cluster.settle(2_000)
  expect(seen).toEqual([1])
})
