import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bind, eventually, eventuallyFinds, find, health, statusOf } from './node-calls.ts'
import { mycelid, siblingRow, TestMesh, writePeers, type TestNode } from './node-processes.ts'

let mesh: TestMesh
beforeEach(() => {
  mesh = new TestMesh()
})
afterEach(async () => expect(await mesh.end()).toEqual([]))

test('SIGTERM under load ends the process in time with 0, and what was acknowledged is kept', async () => {
  const paris = await mesh.make('paris')
  const running = await mesh.start(paris)
  const acknowledged: string[] = []
  const write = async (label: string): Promise<void> => {
    for (let n = 0; ; n++) {
      const address = mesh.address(`${label}.${n}`)
      try {
        if ((await bind(paris, address)).status === 200) acknowledged.push(address)
      } catch {
        return
      }
    }
  }
  const writers = Array.from({ length: 8 }, (_, i) => write(`writer${i}`))
  // A client that holds its connection and says nothing must not hold up the end.
  const silent = connect(paris.ports.public, '127.0.0.1')
  silent.on('error', () => undefined)
  await eventually('300 binds', async () => acknowledged.length >= 300)
  const askedMs = Date.now()
  running.signal('SIGTERM')
  expect(await running.ended()).toEqual({ code: 0, signal: null })
  expect(Date.now() - askedMs).toBeLessThan(10_000)
  await Promise.all(writers)
  silent.destroy()
  expect(running.events('stopped')).toHaveLength(1)
  await mesh.start(paris)
  expect((await find(paris, acknowledged)).size).toBe(acknowledged.length)
})

test('a second serve on the same data folder is refused with 4, and the first goes on', async () => {
  const paris = await mesh.make('paris')
  const first = await mesh.start(paris)
  const second = await mycelid('serve', '--config', paris.config)
  expect(second.code).toBe(4)
  expect(second.err).toContain(`is in use by process ${first.pid}`)
  expect((await bind(paris, mesh.address('still'))).status).toBe(200)
})

test('SIGHUP takes up good rows of peers.json, and reports and skips the bad one', async () => {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  const nice = await mesh.make('nice', { secretOf: paris })
  writePeers(nice, [siblingRow(paris.card), siblingRow(lyon.card)])
  const [running] = await Promise.all([paris, lyon, nice].map((node) => mesh.start(node)))
  const bad = { ...siblingRow(nice.card), name: 'oslo.id.example.org', keys: ['nonsense'] }
  writePeers(paris, [siblingRow(lyon.card), bad, siblingRow(nice.card)])
  running?.signal('SIGHUP')
  await eventually('the report', async () => running?.events('peers-read').length === 1)
  expect(running?.events('peer-row-skipped')).toMatchObject([
    { row: 'peers[1] (oslo.id.example.org)' },
  ])
  expect(running?.events('peers-read')).toMatchObject([{ peers: 2, skipped: 1 }])
  const address = mesh.address('hup')
  await bind(paris, address)
  for (const node of [lyon, nice]) await eventuallyFinds(node, [address])
})

test('a peers.json that is no JSON takes no peer away from a running node', async () => {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  const [running] = await Promise.all([paris, lyon].map((node) => mesh.start(node)))
  writeFileSync(paris.peersFile, '{"peers": [')
  running?.signal('SIGHUP')
  await eventually('the report', async () => running?.events('peer-row-skipped').length === 1)
  const address = mesh.address('torn')
  await bind(paris, address)
  await eventuallyFinds(lyon, [address])
  expect((await statusOf(paris)).peers.map(({ name }) => name)).toEqual([lyon.name])
})

test('key files that others can read are refused, each with the chmod to run', async () => {
  const paris = await mesh.make('paris')
  const files = ['matrix.key', 'mesh.key', 'tls.key', 'site.secret'].map((name) =>
    join(paris.folder, name),
  )
  for (const file of files) chmodSync(file, 0o640)
  const { code, out, err } = await mycelid('serve', '--config', paris.config)
  expect(code).toBe(2)
  for (const file of files) expect(out + err).toContain(`chmod 600 ${file}`)
  for (const file of files) chmodSync(file, 0o600)
  await mesh.start(paris)
})

test('serve makes no key, no database and no data folder', async () => {
  const paris = await mesh.make('paris')
  const files = ['matrix.key', 'mesh.key', 'tls.key', 'tls.crt', 'site.secret', 'mycelid.db']
  for (const file of files.map((name) => join(paris.folder, name))) {
    renameSync(file, `${file}.away`)
    const { code, out, err } = await mycelid('serve', '--config', paris.config)
    expect(code, file).toBe(file.endsWith('.db') ? 1 : 2)
    expect(out + err).toMatch(/mycelid init/)
    expect(existsSync(file), file).toBe(false)
    renameSync(`${file}.away`, file)
  }
  rmSync(paris.folder, { recursive: true })
  const { code, err } = await mycelid('serve', '--config', paris.config)
  expect(code).toBe(2)
  expect(err).toMatch(/does not exist; run: mycelid init/)
  expect(existsSync(paris.folder)).toBe(false)
})

test('siblings whose secrets or peppers differ say so in mesh status', async () => {
  const paris = await mesh.make('paris')
  const lyon = await mesh.make('lyon', { settings: { lookup: { pepper: 'another' } } })
  writePeers(paris, [siblingRow(lyon.card)])
  writePeers(lyon, [siblingRow(paris.card)])
  await Promise.all([paris, lyon].map((node) => mesh.start(node)))
  await eventually('the mismatches', async () => {
    const [peer] = (await statusOf(paris)).peers
    return peer?.mismatches.length === 2
  })
  const { code, out } = await mycelid('mesh', 'status', '--config', paris.config)
  expect(code).toBe(0)
  expect(out).toContain(`! ${lyon.name} has another lookup pepper than this node`)
  expect(out).toContain(`! ${lyon.name} has another site secret than this node`)
  expect((await health(paris)).status).toBe(200)
})
