import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogStatus } from '../../src/log/writer-messages.ts'
import { openStorage } from '../../src/storage/index.ts'
import { bind, eventually, eventuallyFinds, health, statusOf } from './node-calls.ts'
import { TestMesh, verifiedLogs, type TestNode } from './node-processes.ts'

let mesh: TestMesh
beforeEach(() => {
  mesh = new TestMesh()
})
afterEach(async () => expect(await mesh.end()).toEqual([]))

const hourMs = 3_600_000

async function bindSome(node: TestNode, label: string): Promise<string[]> {
  const addresses = [1, 2, 3, 4, 5].map((n) => mesh.address(`${label}${n}`))
  for (const address of addresses) expect((await bind(node, address)).status).toBe(200)
  return addresses
}

/** As if the copy had been made so long ago. */
async function age(node: TestNode, ms: number): Promise<void> {
  const storage = await openStorage({ engine: 'sqlite', file: node.database, access: 'write' })
  const meta = { last_alive_ms: String(Date.now() - ms) }
  await storage.commit({ logs: [], lookups: [], accounts: [], meta })
  await storage.close()
}

/** Paris with two runs behind it, of which the copy knows the first only. */
async function restoredParis(): Promise<{ paris: TestNode; lyon: TestNode; all: string[] }> {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  const running = await mesh.start(paris)
  const sibling = await mesh.start(lyon)
  const before = await bindSome(paris, 'before')
  await eventuallyFinds(lyon, before)
  await running.stop()
  const copy = join(mesh.folder, 'copy')
  cpSync(paris.folder, copy, { recursive: true })
  const again = await mesh.start(paris)
  const lost = await bindSome(paris, 'lost')
  await eventuallyFinds(lyon, lost)
  await Promise.all([again.kill(), sibling.stop()])
  rmSync(paris.folder, { recursive: true })
  cpSync(copy, paris.folder, { recursive: true })
  return { paris, lyon, all: [...before, ...lost] }
}

async function logsOfParis(node: TestNode) {
  return (await statusOf(node)).logs.filter(({ origin }) => origin.startsWith('paris'))
}

test('a node restored from an old copy gets back what it wrote since, and goes on in a new log', async () => {
  const { paris, lyon, all } = await restoredParis()
  const [running] = await Promise.all([paris, lyon].map((node) => mesh.start(node)))
  await eventuallyFinds(paris, all)
  all.push(...(await bindSome(paris, 'after')))
  for (const node of [paris, lyon]) await eventuallyFinds(node, all)
  expect(await logsOfParis(lyon)).toHaveLength(3)
  await running?.stop()
  // A run ends what earlier runs wrote, got back or not.
  await mesh.start(paris)
  all.push(...(await bindSome(paris, 'last')))
  await eventually('all former logs being closed at both', async () => {
    const logs = await Promise.all([paris, lyon].map(logsOfParis))
    return logs.every((each) => each.filter(isClosedWhole).length === 3 && each.length === 4)
  })
  for (const node of [paris, lyon]) {
    await eventuallyFinds(node, all)
    await verifiedLogs(node)
  }
})

function isClosedWhole({ size, closedAt }: LogStatus): boolean {
  return closedAt === size
}

test('a node restored from a copy over an hour old is not ready before it has caught up', async () => {
  const { paris, lyon, all } = await restoredParis()
  await age(paris, 2 * hourMs)
  const sibling = await mesh.start(lyon)
  // Lyon is there and does not answer, as a machine under load.
  process.kill(sibling.pid, 'SIGSTOP')
  const running = await mesh.start(paris)
  const waiting = await health(paris)
  expect(waiting.status).toBe(503)
  expect(waiting.reasons).toContain(`it has yet to catch up with ${lyon.name}`)
  process.kill(sibling.pid, 'SIGCONT')
  await eventually('paris being ready', async () => (await health(paris)).status === 200)
  await eventuallyFinds(paris, all)
  expect(running.events('not-ready')).toHaveLength(1)
  for (const node of [paris, lyon]) await verifiedLogs(node)
})

test('a clone of a node that runs beside it forks no log and loses nothing', async () => {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  const first = await mesh.start(paris)
  const sibling = await mesh.start(lyon)
  const all = await bindSome(paris, 'first')
  await eventuallyFinds(lyon, all)
  await first.stop()
  const clone = await cloneOf(paris)
  const both = await Promise.all([paris, clone].map((node) => mesh.start(node)))
  all.push(...(await bindSome(paris, 'paris')), ...(await bindSome(clone, 'clone')))
  for (const node of [lyon, paris, clone]) await eventuallyFinds(node, all)
  for (const running of [...both, sibling]) expect(running.events('heads-differ')).toEqual([])
  for (const node of [paris, clone, lyon]) await verifiedLogs(node)
})

/** The same keys and the same store on other ports, as a copied virtual machine has them. */
async function cloneOf(node: TestNode): Promise<TestNode> {
  const made = await mesh.make('clone')
  rmSync(made.folder, { recursive: true })
  cpSync(node.folder, made.folder, { recursive: true })
  cpSync(node.peersFile, made.peersFile)
  const config = JSON.parse(readFileSync(made.config, 'utf8')) as { node: object }
  config.node = { ...config.node, name: node.name }
  writeFileSync(made.config, JSON.stringify(config))
  return { ...made, name: node.name }
}
