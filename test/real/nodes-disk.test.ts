import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  bind,
  eventually,
  eventuallyFinds,
  find,
  findByHash,
  health,
  mxidOf,
} from './node-calls.ts'
import { giveToken, mycelid, TestMesh, verifiedLogs, type TestNode } from './node-processes.ts'

let mesh: TestMesh
let mounted: string | null = null
beforeEach(() => {
  mesh = new TestMesh()
})
afterEach(async () => {
  if (mounted !== null) execFileSync('umount', ['--lazy', mounted])
  mounted = null
  expect(await mesh.end()).toEqual([])
})

/** A disk of its own of so many MiB; only root may make one. */
function smallDisk(mebibytes: number): string {
  const folder = join(mesh.folder, 'disk')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', folder])
  mounted = folder
  return folder
}

/** How large a file the process may write: 0 makes every write fail, and no other. */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}:unlimited`])
}

/** Binds are refused as Matrix says it, lookups go on, and readiness says why. */
async function expectRefusing(node: TestNode, known: readonly string[], why: string) {
  await eventually('binds being refused', async () => {
    const { status, json } = await bind(node, mesh.address(`refused${Math.random()}`))
    if (status === 200) return false
    expect({ status, ...json }).toMatchObject({ status: 503, errcode: 'M_UNKNOWN' })
    expect(json['error']).toEqual(expect.any(String))
    return true
  })
  expect((await find(node, known)).size).toBe(known.length)
  const ready = await health(node)
  expect(ready.status).toBe(503)
  expect(ready.reasons).toContain(`its store takes no writes: ${why}`)
  const live = await mycelid('healthcheck', '--config', node.config, '--live')
  expect(live.code).toBe(0)
  const status = await mycelid('mesh', 'status', '--config', node.config)
  expect(status.out).toContain(`the store takes no writes (${why})`)
}

async function expectRecovered(node: TestNode): Promise<void> {
  await eventually('readiness', async () => (await health(node)).status === 200)
  const address = mesh.address('afterwards')
  expect((await bind(node, address)).status).toBe(200)
  await eventuallyFinds(node, [address])
}

test('when files can no longer grow, binds get 503, lookups go on, and no restart is needed', async () => {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  const token = await giveToken(mesh, paris)
  const [running] = await Promise.all([paris, lyon].map((node) => mesh.start(node)))
  const known = [mesh.address('known1'), mesh.address('known2')]
  for (const address of known) await bind(paris, address)
  await eventuallyFinds(lyon, known)
  limitFiles(running?.pid ?? 0, 0)
  await expectRefusing(paris, known, 'storage-read-only')
  expect(await findByHash(paris, token, known[0] ?? '')).toBe(mxidOf(known[0] ?? ''))
  const elsewhere = mesh.address('elsewhere')
  expect((await bind(lyon, elsewhere)).status).toBe(200)
  limitFiles(running?.pid ?? 0, 'unlimited')
  await expectRecovered(paris)
  await eventuallyFinds(paris, [elsewhere])
  await eventuallyFinds(lyon, [mesh.address('afterwards')])
  expect(running?.events('storage-failed')).toHaveLength(1)
  expect(running?.events('storage-recovered')).toHaveLength(1)
  for (const node of [paris, lyon]) await verifiedLogs(node)
})

test.skipIf(process.getuid?.() !== 0)(
  'when the disk is full, binds get 503, lookups go on, and room is all it takes (a disk needs root)',
  async () => {
    const disk = smallDisk(8)
    const paris = await mesh.make('paris', { place: disk })
    const running = await mesh.start(paris)
    const known = [mesh.address('known1'), mesh.address('known2')]
    for (const address of known) await bind(paris, address)
    const filler = join(disk, 'filler')
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(filler, Buffer.alloc(bavail * bsize))
    await expectRefusing(paris, known, 'storage-full')
    rmSync(filler)
    await expectRecovered(paris)
    expect(running.events('storage-failed')).toMatchObject([{ code: 'storage-full' }])
    running.signal('SIGTERM')
    expect((await running.ended()).code).toBe(0)
    await verifiedLogs(paris)
    // On a disk that is read-only from the start there is nothing to serve from: it says so.
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const { code, err } = await mycelid('serve', '--config', paris.config)
    expect(code).toBe(1)
    expect(err).toMatch(/the file system is read-only/)
  },
)
