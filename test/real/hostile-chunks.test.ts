import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashLeaf } from '../../src/domain/merkle-tree.ts'
import { callMesh, HandMadeLog, push, type MeshReply } from './hand-made-log.ts'
import {
  bind,
  eventually,
  eventuallyFinds,
  find,
  mycelid,
  siblingRow,
  statusOf,
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

async function refusalsOf(name: string): Promise<Refusal[]> {
  const { peers } = await statusOf(paris)
  return (peers.find((peer) => peer.name === name)?.refusals ?? []) as Refusal[]
}

/** What paris holds of every log: size and root. */
async function heads(): Promise<Map<string, string>> {
  const { logs } = await statusOf(paris)
  return new Map(logs.map(({ log, size, rootBase64 }) => [log, `${size} ${rootBase64}`]))
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
  const after = await heads()
  expect(Number(after.get(log)?.split(' ')[0] ?? 0)).toBe(kept)
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

/** Bytes after a good first segment of four lines, of which nothing may stand. */
type Spoiler = (log: HandMadeLog) => Promise<Buffer> | Buffer

/** Puts lines on the log as its writer would, signed and proved, and sends them as the second segment. */
function lines(write: (log: HandMadeLog) => (string | Uint8Array)[]): Spoiler {
  return (log) => {
    log.add(...write(log))
    return log.segment(4, log.size)
  }
}

const minute = 60_000 * 1024
const at = (log: HandMadeLog): number => log.nextStamp()
const unknown = (log: HandMadeLog, fill = ''): string =>
  JSON.stringify({ k: 'x-later', t: at(log), fill })

const spoilers: readonly [name: string, code: string, status: number, spoil: Spoiler][] = [
  [
    'a line other than the one that was signed',
    'root-mismatch',
    422,
    (log) => {
      log.add(log.bindText(address()))
      const signed = log.header()
      log.lines[4] = Buffer.from(log.bindText(address()))
      return log.segment(4, 5).then((segment) => Object.assign(segment, { signed }))
    },
  ],
  [
    'a proof that does not lead to the checkpoint',
    'proof-bad',
    422,
    async (log) => {
      log.add(...[1, 2, 3].map(() => log.bindText(address())))
      const proof = JSON.parse((await log.end(6)).toString()) as { proof: string[] }
      proof.proof[0] = Buffer.alloc(32, 9).toString('base64')
      return Buffer.concat([
        ...log.body(4, 6),
        Buffer.from(`${JSON.stringify({ to: 6, proof: proof.proof })}\n`),
      ])
    },
  ],
  [
    'a proof of a thousand hashes',
    'proof-malformed',
    422,
    (log) => {
      const proof = Array.from({ length: 1_000 }, () => Buffer.alloc(32).toString('base64'))
      log.add(log.bindText(address()))
      return Buffer.concat([...log.body(4, 5), Buffer.from(JSON.stringify({ to: 5, proof }) + '\n')])
    },
  ],
  [
    'a line stamped ten minutes ahead',
    'clock-ahead',
    422,
    lines((log) => [
      log.bindText(address(), { stamp: Math.floor(Date.now() * 1024 + 10 * minute) }),
    ]),
  ],
  [
    'a stamp that does not rise',
    'stamp-not-rising',
    422,
    lines((log) => {
      const stamp = at(log)
      return [log.bindText(address(), { stamp }), log.bindText(address(), { stamp })]
    }),
  ],
  [
    'a bind of more than 2 KiB',
    'line-too-long',
    413,
    lines((log) => [log.bindText(address()).replace(/}$/, `,"fill":"${'x'.repeat(2048)}"}`)]),
  ],
  [
    'a line of more than 32 KiB',
    'line-too-long',
    413,
    lines((log) => [unknown(log, 'x'.repeat(33 * 1024))]),
  ],
  [
    'a line without an end',
    'line-too-long',
    413,
    (log) => {
      log.add(unknown(log))
      return Buffer.alloc(3_000_000, 'x')
    },
  ],
  [
    'a segment of 501 lines',
    'segment-too-long',
    413,
    lines((log) => Array.from({ length: 501 }, () => unknown(log))),
  ],
  [
    'a segment of more than 1 MiB',
    'segment-too-long',
    413,
    lines((log) => Array.from({ length: 36 }, () => unknown(log, 'x'.repeat(30 * 1024)))),
  ],
  ['a line that is no UTF-8', 'entry-malformed', 422, lines(() => [Buffer.from([0xc3, 0x28])])],
  ['a line that is no JSON', 'entry-malformed', 422, lines(() => ['{"k":"bind",'])],
  ['a line that is no object', 'entry-malformed', 422, lines(() => ['[1,2]'])],
  ['an empty line', 'entry-malformed', 422, lines(() => [''])],
  ['a stamp beyond all numbers', 'entry-malformed', 422, lines(() => ['{"k":"x","t":1e400}'])],
  ['a stamp above 2^53', 'entry-malformed', 422, lines(() => ['{"k":"x","t":9007199254740993}'])],
  ['a negative stamp', 'entry-malformed', 422, lines(() => ['{"k":"x","t":-1}'])],
  ['an address with U+0000', 'entry-malformed', 422, lines((log) => [log.bindText('a\0b@c.example')])],
  ['a second begin', 'begin-mismatch', 422, lines((log) => [log.beginText()])],
  [
    'a folded run of blanks that nothing explains',
    'blank-unexplained',
    422,
    async (log) => {
      log.add(...[1, 2, 3, 4].map(() => log.bindText(address())))
      const run = { blank: 4, hash: Buffer.from(log.root(4, 8)).toString('base64') }
      return Buffer.concat([Buffer.from(JSON.stringify(run) + '\n'), await log.end(8)])
    },
  ],
  [
    'a folded run of blanks of an odd length',
    'entry-malformed',
    422,
    async (log) => {
      log.add(...[1, 2, 3].map(() => log.bindText(address())))
      const run = { blank: 3, hash: Buffer.alloc(32).toString('base64') }
      return Buffer.concat([Buffer.from(JSON.stringify(run) + '\n'), await log.end(7)])
    },
  ],
  [
    'a folded run of blanks beyond all numbers',
    'entry-malformed',
    422,
    (log) => {
      log.add(log.bindText(address()))
      return Buffer.from('{"blank":1e300,"hash":"AAAA"}\n{"to":5,"proof":[]}\n')
    },
  ],
  [
    'a blank whose hash is none',
    'entry-malformed',
    422,
    async (log) => {
      log.add(log.bindText(address()))
      return Buffer.concat([Buffer.from('"AAAA"\n'), await log.end(5)])
    },
  ],
  [
    'an end that says more lines than came',
    'segment-malformed',
    422,
    async (log) => {
      log.add(log.bindText(address()), log.bindText(address()))
      return Buffer.concat([...log.body(4, 5), await log.end(6)])
    },
  ],
  [
    'an end beyond the checkpoint',
    'segment-malformed',
    422,
    (log) => {
      log.add(log.bindText(address()))
      const body = [...log.body(4, 5), Buffer.from(`${log.bindText(address())}\n`)]
      return Buffer.concat([...body, Buffer.from('{"to":6,"proof":[]}\n')])
    },
  ],
  [
    'an end beyond all numbers',
    'proof-malformed',
    422,
    (log) => {
      log.add(log.bindText(address()))
      return Buffer.concat([...log.body(4, 5), Buffer.from('{"to":1e300,"proof":[]}\n')])
    },
  ],
  [
    'a stream that ends within a segment',
    'chunk-truncated',
    400,
    (log) => {
      log.add(log.bindText(address()))
      return Buffer.concat(log.body(4, 5))
    },
  ],
]

describe('a good segment stays and what follows it leaves no trace:', () => {
  test.each(spoilers)('%s is refused with %s', async (_, code, status, spoil) => {
    const log = honestLog()
    const spoiled = await spoil(log)
    const header = (spoiled as Buffer & { signed?: Buffer }).signed ?? log.header()
    const first =
      header.equals(log.header()) || code !== 'root-mismatch'
        ? await log.segment(0, 4)
        : await signedFirst(log, header)
    const body = Buffer.concat([header, first, spoiled])
    const reply = await pushBadly(body, { log: log.log, kept: 4 })
    expect(reply).toMatchObject({ status, body: { code, log: log.log, have: 4 } })
    await expectShown(code, log.log)
  })
})
