import { isDeepStrictEqual } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashLeaf } from '../../src/domain/merkle-tree.ts'
import { callMesh, HandMadeLog, push, type MeshReply } from './hand-made-log.ts'
import { spoilers, wrongChunks } from './hostile-table.ts'
import { bind, eventually, eventuallyFinds, find, statusOf } from './node-calls.ts'
import {
  mycelid,
  siblingRow,
  TestMesh,
  verifiedLogs,
  writePeers,
  type RunningNode,
  type TestNode,
} from './node-processes.ts'

const mesh = new TestMesh()
let paris: TestNode
/** Lyon misbehaves and nice does not; neither runs: the test speaks for both, with their keys. */
let lyon: TestNode
let nice: TestNode
let stranger: TestNode
let running: RunningNode

beforeAll(async () => {
  paris = await mesh.make('paris')
  ;[lyon, nice, stranger] = await Promise.all([
    mesh.make('lyon', { secretOf: paris }),
    mesh.make('nice', { secretOf: paris }),
    mesh.make('stranger'),
  ])
  writePeers(
    paris,
    [lyon, nice].map(({ card }) => ({ ...siblingRow(card), url: null })),
  )
  running = await mesh.start(paris)
  await bind(paris, mesh.address('native'))
})
afterAll(async () => expect(await mesh.end()).toEqual([]))

type Refusal = { code: string; message: string; log: string | null }

async function refusalsOf(name: string): Promise<readonly Refusal[]> {
  const { peers } = await statusOf(paris)
  return (peers.find((peer) => peer.name === name)?.refusals ?? []) as readonly Refusal[]
}

/** What paris holds of every log: size and root. */
async function heads(): Promise<Map<string, string>> {
  const { logs } = await statusOf(paris)
  return new Map(logs.map(({ log, size, rootBase64 }) => [log, `${size} ${rootBase64}`]))
}

async function sizeOf(log: string): Promise<number> {
  return Number((await heads()).get(log)?.split(' ')[0] ?? 0)
}

/** Paris answers somebody else while it deals with whatever else it is sent. */
async function servesOthers(): Promise<void> {
  const others = await callMesh(nice, paris, { path: '/_mesh/v1/heads' })
  expect(others?.status).toBe(200)
  const native = [...mesh.secrets].find((text) => text.startsWith('native@')) ?? ''
  expect((await find(paris, [native])).size).toBe(1)
}

/** Pushes as lyon; everything paris held stands as before, but for `log`, of which it holds `kept` lines. */
async function pushBadly(
  body: Buffer,
  { log, kept, headers = {} }: { log: string; kept: number; headers?: Record<string, string> },
): Promise<MeshReply> {
  const before = await heads()
  const [reply] = await Promise.all([push(lyon, paris, body, headers), servesOthers()])
  // Good segments before the bad one become durable with what comes next, within a tick.
  await eventually(`${kept} lines being held`, async () => (await sizeOf(log)) >= kept)
  const after = await heads()
  expect(await sizeOf(log)).toBe(kept)
  for (const map of [before, after]) map.delete(log)
  expect(after).toEqual(before)
  if (reply === null) throw new Error('paris did not answer')
  return reply
}

async function expectShown(code: string, log: string | null): Promise<void> {
  expect((await refusalsOf(lyon.name)).at(-1)).toMatchObject({ code, log })
  await eventually('the refusal in the log', async () =>
    running.events('chunk-refused').some((event) => event['code'] === code && event['log'] === log),
  )
}

let count = 0
const address = (): string => mesh.address(`person${count++}`)

function honestLog(lines = 4): HandMadeLog {
  return new HandMadeLog(lyon).honest(...Array.from({ length: lines - 1 }, address))
}

/** An end of no lines at all: it packs a thousand to one. */
const again = '{"to":4,"proof":[]}\n'

describe('a good segment stays and what follows it leaves no trace:', () => {
  test.each(spoilers)('%s is refused with %s', async (_, code, status, spoil) => {
    const log = honestLog()
    const spoiled = await spoil(log, address)
    const body = Buffer.concat([log.header(), await log.segment(0, 4), spoiled])
    const reply = await pushBadly(body, { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status, body: { code, log: log.log } })
    expect(reply.body['have']).toBeLessThanOrEqual(4)
    await expectShown(code, log.log)
  })

  test('packed, a bomb of empty segments is refused with unpacked-too-long', async () => {
    const log = honestLog()
    log.add(log.bindText(address()))
    const empty = Buffer.concat(Array.from({ length: 1_000_000 }, () => Buffer.from(again)))
    const packed = gzipSync(Buffer.concat([log.header(), await log.segment(0, 4), empty]))
    const reply = await pushBadly(packed, {
      log: log.log,
      kept: 4,
      headers: { 'content-encoding': 'gzip' },
    })
    expect(reply).toMatchObject({ status: 413, body: { code: 'unpacked-too-long' } })
    await expectShown('unpacked-too-long', log.log)
  })

  test('a connection that breaks off is a chunk-truncated', async () => {
    const log = honestLog()
    log.add(log.bindText(address()))
    const body = Buffer.concat([log.header(), await log.segment(0, 4), ...log.body(4, 5)])
    const path = '/_mesh/v1/push'
    expect(await callMesh(lyon, paris, { path, body, breaksOff: true })).toBeNull()
    await eventually('the good segment being held', async () =>
      ((await heads()).get(log.log) ?? '').startsWith('4 '),
    )
    await eventually('the refusal being shown', async () =>
      (await refusalsOf(lyon.name)).some((each) => each.log === log.log),
    )
    await expectShown('chunk-truncated', log.log)
    await servesOthers()
  })
})

/** Bodies that never come to a header. */
const unreadable: readonly [name: string, code: string, status: number, body: Buffer][] = [
  ['nothing', 'chunk-truncated', 400, Buffer.alloc(0)],
  ['a header that is no JSON', 'header-malformed', 400, Buffer.from('hello\n')],
  ['a header without an end', 'header-malformed', 400, Buffer.alloc(100_000, 'x')],
  ['a header with half of it', 'header-malformed', 400, Buffer.from('{"log":"x"}\n')],
  [
    'a header with a number beyond all numbers',
    'header-malformed',
    400,
    Buffer.from('{"log":"lyon.id.example.org/site~abcdefgh","from":1e999,"checkpoint":"x"}\n'),
  ],
]

describe('of a chunk that is wrong from its start nothing is kept:', () => {
  test.each(wrongChunks)('%s is refused with %s', async (_, code, status, make) => {
    const log = honestLog()
    const reply = await pushBadly(await make(log, { address, other: nice, another: honestLog() }), {
      log: log.log,
      kept: 0,
    })
    expect(reply).toMatchObject({ status, body: { code, log: log.log, have: 0 } })
    await expectShown(code, log.log)
  })

  test('a log of somebody we do not know is refused with log-unknown', async () => {
    const log = new HandMadeLog(stranger).honest(address())
    const reply = await pushBadly(await log.chunk(), { log: log.log, kept: 0 })
    expect(reply).toMatchObject({ status: 404, body: { code: 'log-unknown' } })
    await expectShown('log-unknown', log.log)
  })

  test('a log in our own name that our key did not sign is refused', async () => {
    const [own = ''] = [...(await heads()).keys()].filter((log) => log.startsWith(paris.name))
    const size = Number((await heads()).get(own)?.split(' ')[0])
    const log = honestLog()
    const note = log.note(4, Buffer.alloc(32, 3)).replaceAll(log.log, own)
    const header = Buffer.from(log.header({ note }).toString().replace(log.log, own))
    const reply = await pushBadly(header, { log: own, kept: size })
    expect(reply).toMatchObject({ status: 422, body: { code: 'checkpoint-signature-bad' } })
    await expectShown('checkpoint-signature-bad', own)
  })

  test.each(unreadable)('%s is refused with %s', async (_, code, status, body) => {
    const reply = await pushBadly(body, { log: '', kept: 0 })
    expect(reply).toMatchObject({ status, body: { code } })
    await expectShown(code, null)
  })

  test('a bomb that never comes to a header is refused by name', async () => {
    const packed = gzipSync(Buffer.alloc(200_000_000, '\n'))
    const headers = { 'content-encoding': 'gzip' }
    const reply = await pushBadly(packed, { log: '', kept: 0, headers })
    expect(reply).toMatchObject({ status: 400, body: { code: 'header-malformed' } })
    await expectShown('header-malformed', null)
  })

  test('a body packed in a way we do not know is refused by name', async () => {
    const headers = { 'content-encoding': 'br' }
    const reply = await pushBadly(Buffer.from('xxxx'), { log: '', kept: 0, headers })
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(reply.status).toBeLessThan(500)
    expect(reply.body).toHaveProperty('code')
  })
})

describe('against what is held already:', () => {
  test('a line that differs from the one held is refused with overlap-differs', async () => {
    const log = honestLog()
    await push(lyon, paris, await log.chunk())
    log.lines[2] = Buffer.from(log.bindText(address()))
    log.lines[3] = Buffer.from(log.bindText(address()))
    log.add(log.bindText(address()))
    const reply = await pushBadly(await log.chunk(), { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status: 422, body: { code: 'overlap-differs', have: 4 } })
    await expectShown('overlap-differs', log.log)
  })

  test('another signed head of the same size is refused with log-forked, and an alarm', async () => {
    const log = honestLog()
    await push(lyon, paris, await log.chunk())
    log.lines[3] = Buffer.from(log.bindText(address()))
    const reply = await pushBadly(await log.chunk(), { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status: 409, body: { code: 'log-forked', have: 4 } })
    await expectShown('log-forked', log.log)
    expect(running.events('heads-differ').some((event) => event['log'] === log.log)).toBe(true)
  })

  test('a beginning beyond its own checkpoint is refused with header-malformed', async () => {
    const log = honestLog()
    await push(lyon, paris, await log.chunk())
    const body = log.header({ from: 3, note: log.note(2) })
    const reply = await pushBadly(body, { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status: 400, body: { code: 'header-malformed' } })
  })

  test('the same chunk again is no fault: it is compared, and answered', async () => {
    const log = honestLog()
    const chunk = await log.chunk()
    await push(lyon, paris, chunk)
    const reply = await pushBadly(chunk, { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status: 200, body: { have: { [log.log]: 4 } } })
  })

  test('a blank that nothing explains is held, charged to its sender, and filled by the line', async () => {
    const log = new HandMadeLog(lyon).honest(address(), address(), address())
    const leaf = Buffer.from(hashLeaf(log.lines[2] as Buffer)).toString('base64')
    const blank = Buffer.from(`"${leaf}"\n`)
    const body = [log.header(), ...log.body(0, 2), blank, ...log.body(3, 4), await log.end(4)]
    const reply = await pushBadly(Buffer.concat(body), { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status: 200, body: { have: { [log.log]: 2 }, cosignatures: [] } })
    expect((await refusalsOf(lyon.name)).at(-1)).toMatchObject({
      code: 'blank-unexplained',
      log: log.log,
    })
    const status = await mycelid('mesh', 'status', '--config', paris.config)
    expect(status.out).toContain(`${log.log} lacks line 2, and nothing explains it`)
    const path = `/_mesh/v1/logs/${encodeURIComponent(log.log)}/entries?from=3`
    expect(await callMesh(nice, paris, { path })).toMatchObject({ status: 409 })
    expect((await push(lyon, paris, await log.chunk()))?.status).toBe(200)
    await eventually('the blank being filled', async () => {
      const again = await push(lyon, paris, await log.chunk())
      return isDeepStrictEqual(again?.body['have'], { [log.log]: 4 })
    })
  })
})

test('somebody whose certificate is unknown is refused with caller-unknown', async () => {
  const before = await heads()
  const log = new HandMadeLog(stranger).honest(address())
  const reply = await push(stranger, paris, await log.chunk())
  expect(reply).toMatchObject({ status: 403, body: { code: 'caller-unknown' } })
  expect(await heads()).toEqual(before)
})

test('after all of it the logs are sound, refusals stand in mesh status, and good chunks get through', async () => {
  const log = honestLog()
  log.add(log.bindText(address()))
  const chunk = await log.chunk(2, 4, 5)
  expect(await push(nice, paris, chunk)).toMatchObject({ body: { have: { [log.log]: 5 } } })
  const written = log.lines.slice(1).map((line) => {
    const { a } = JSON.parse(line.toString()) as { a: { address: string } }
    return a.address
  })
  await eventuallyFinds(paris, written)
  await verifiedLogs(paris)
  const refused = await push(lyon, paris, new HandMadeLog(stranger).honest(address()).header())
  expect(refused?.status).toBe(404)
  const { code, out } = await mycelid('mesh', 'status', '--config', paris.config)
  expect(code).toBe(0)
  expect(out).toMatch(/refused lately:[^]*refused from lyon\.id\.example\.org: log-unknown: /)
})
