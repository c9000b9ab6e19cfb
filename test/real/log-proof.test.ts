import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { beginLine } from '../../src/domain/entry-line.ts'
import { HandMadeLog, push } from './hand-made-log.ts'
import { bind, eventually, eventuallyFinds, mxidOf, statusOf, unbind } from './node-calls.ts'
import {
  mustDo,
  mycelid,
  TestMesh,
  type Ended,
  type RunningNode,
  type TestNode,
} from './node-processes.ts'

const mesh = new TestMesh()
let paris: TestNode
let lyon: TestNode
let runningParis: RunningNode
let runningLyon: RunningNode
/** Never runs: the test speaks for it, with its key, and tells two stories. */
let oslo: TestNode
let alice: string
let bob: string

beforeAll(async () => {
  ;[paris, lyon, oslo] = (await mesh.makeSiblings('paris', 'lyon', 'oslo')) as [
    TestNode,
    TestNode,
    TestNode,
  ]
  runningLyon = await mesh.start(lyon)
  runningParis = await mesh.start(paris)
  ;[alice, bob] = [mesh.address('alice'), mesh.address('bob')]
  const crowd = Array.from({ length: 9 }, (_, i) => mesh.address(`guest${i}`))
  for (const address of [alice, bob, ...crowd]) await bind(paris, address)
  await unbind(paris, bob)
  await eventuallyFinds(lyon, [alice, ...crowd])
  await eventually('lyon to sign the last head of paris', async () => {
    const { logs } = await statusOf(paris)
    return logs.every(({ origin, size, cosigned }) =>
      origin === paris.name ? cosigned[lyon.name]?.size === size : true,
    )
  })
})
afterAll(async () => expect(await mesh.end()).toEqual([]))

const keyOf = (...nodes: TestNode[]): string[] => nodes.flatMap(({ card }) => ['-k', card.vkey])

async function proofOf(node: TestNode, ...words: string[]): Promise<string> {
  return mustDo('log', 'prove', '--config', node.config, ...words)
}

/** Runs check-proof on a text, in a folder that holds nothing else. */
async function check(text: string, ...words: string[]): Promise<Ended> {
  const file = join(mesh.folder, 'checked.tlog-proof')
  writeFileSync(file, text)
  return mycelid('log', 'check-proof', file, ...words)
}

describe('a proof of an entry', () => {
  test('made by the origin or a replica is small, and signed by both', async () => {
    for (const node of [paris, lyon]) {
      const proof = await proofOf(node, '--address', alice)
      expect(Buffer.byteLength(proof)).toBeLessThan(4_000)
      const { code, out } = await check(proof, ...keyOf(paris, lyon), '--at-least', '1', '--json')
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({
        proved: true,
        type: 'entry',
        included: true,
        signed: true,
        cosigners: [{ name: lyon.name }],
        why: [],
      })
      const { entry } = JSON.parse(out) as { entry: string }
      expect(JSON.parse(entry)).toMatchObject({ k: 'bind', a: { address: alice } })
    }
  })

  test('says in words what is proved', async () => {
    const { code, out } = await check(
      await proofOf(lyon, '--address', alice),
      ...keyOf(paris, lyon),
    )
    expect(code).toBe(0)
    expect(out).toContain(`PROVED  line`)
    expect(out).toContain(`bind email ${alice} ${mxidOf(alice)}`)
    expect(out).toContain(`held too, and signed, by ${lyon.name}`)
  })

  test('of an address that is no longer bound is the withdrawal', async () => {
    const { code, out } = await check(await proofOf(lyon, '--address', bob), ...keyOf(paris))
    expect(code).toBe(0)
    expect(out).toContain(`is: unbind email ${bob} ${mxidOf(bob)}`)
  })

  test('of any line can be made by its place', async () => {
    const { logs } = await statusOf(paris)
    const { log, size } = logs.find(({ origin }) => origin === paris.name) ?? { log: '', size: 0 }
    for (const index of [0, 1, size - 1]) {
      const words = ['--log', log, '--index', String(index), '--no-peers']
      const { code, out } = await check(await proofOf(paris, ...words), ...keyOf(paris), '--json')
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ log, index, size, cosigners: [] })
    }
    const beyond = ['log', 'prove', '--config', paris.config, '--log', log, '--index', String(size)]
    expect((await mycelid(...beyond)).code).toBe(1)
  })

  test('is not proved without a key, by another key, or with too few signatures', async () => {
    const proof = await proofOf(lyon, '--address', alice)
    const without = await check(proof)
    expect(without.code).toBe(1)
    expect(without.out).toContain('NOT PROVED')
    expect(without.out).toContain('give the key of')
    expect((await check(proof, ...keyOf(lyon))).code).toBe(1)
    const few = await check(proof, ...keyOf(paris, lyon), '--at-least', '2')
    expect(few.code).toBe(1)
    expect(few.out).toContain('1 other nodes signed this head, 2 were asked for')
  })

  test('with another entry, or another index, is not proved', async () => {
    const proof = await proofOf(lyon, '--address', alice)
    const other = await proofOf(lyon, '--address', bob)
    const extra = /extra .*/.exec(other)?.[0] ?? ''
    const swapped = await check(proof.replace(/extra .*/, extra), ...keyOf(paris))
    expect(swapped.code).toBe(1)
    expect(swapped.out).toContain('the entry does not lead to the root')
    expect((await check(proof.replace(/index \d+/, 'index 3'), ...keyOf(paris))).code).toBe(1)
  })

  test.each([
    ['an empty file', '', 'the first line to be c2sp.org/tlog-proof@v1'],
    ['a picture', '\u0000\u0001\uFFFD\n\n', 'the first line to be'],
    ['half a proof', 'c2sp.org/tlog-proof@v1\nindex 1\n', 'an empty line before the checkpoint'],
  ])('that is %s ends with 2 and says what was expected', async (_, text, told) => {
    const { code, err } = await check(text, ...keyOf(paris))
    expect(code).toBe(2)
    if (text !== '') expect(err).toContain(told)
  })

  test('is not looked for by a key that is none, or in a file that is not there', async () => {
    const proof = await proofOf(paris, '--address', alice, '--no-peers')
    expect((await check(proof, '-k', 'paris')).code).toBe(2)
    const missing = await mycelid('log', 'check-proof', join(mesh.folder, 'nowhere'))
    expect(missing.code).toBe(2)
    expect(missing.err).toContain('no such file')
  })

  test('goes to a file that only its owner reads', async () => {
    const file = join(mesh.folder, 'alice.tlog-proof')
    const words = ['--address', alice, '-o', file]
    const { err } = await mycelid('log', 'prove', '--config', lyon.config, ...words)
    expect(err).toContain('signed by its origin and 1 other nodes')
    expect((await check(readFileSync(file, 'utf8'), ...keyOf(paris))).code).toBe(0)
  })
})

describe('log verify beside running nodes', () => {
  test('finds everything sound, every way it can look', async () => {
    for (const node of [paris, lyon]) {
      const words = ['--config', node.config, '--signatures', '--peers', '--independent', '--json']
      const { code, out } = await mycelid('log', 'verify', ...words)
      expect(code, out).toBe(0)
      const verdict = JSON.parse(out) as Record<string, unknown>
      expect(verdict).toMatchObject({ ok: true, isIndexChecked: true, index: [] })
      expect(verdict['signatures']).toEqual({ checked: 11, foreign: 0 })
      const findings = verdict['peers'] as { peer: string; type: string }[]
      const other = node === paris ? lyon : paris
      const types = new Map(findings.map(({ peer, type }) => [peer, type]))
      expect(types).toEqual(
        new Map([
          [other.name, 'equal'],
          [oslo.name, 'silent'],
        ]),
      )
      expect(findings).toHaveLength(2)
    }
  })
})

describe('an origin that tells two stories', () => {
  let file = ''

  beforeAll(async () => {
    file = join(mesh.folder, 'fork')
    const [one, other] = [new HandMadeLog(oslo), new HandMadeLog(oslo)]
    const story = one.honest(...[1, 2, 3, 4].map((i) => mesh.address(`first${i}`)))
    const begin = story.lines[0] ?? Buffer.alloc(0)
    Object.assign(other, { log: one.log })
    other.nextStamp()
    other.add(begin, ...[1, 2].map((i) => other.bindText(mesh.address(`second${i}`))))
    // Each hears its story before the other can tell it what it heard.
    await runningParis.stop()
    expect((await push(oslo, lyon, await other.chunk()))?.status).toBe(200)
    await runningLyon.stop()
    runningParis = await mesh.start(paris)
    expect((await push(oslo, paris, await one.chunk()))?.status).toBe(200)
    runningLyon = await mesh.start(lyon)
  })

  test('is found by comparing peers, from the longer side with a proof that anybody can check', async () => {
    const words = ['--config', paris.config, '--peers', '--fork-proof', file]
    const { code, out } = await mycelid('log', 'verify', ...words)
    expect(code).toBe(1)
    expect(out).toContain('FORK')
    const proof = readFileSync(file, 'utf8')
    expect(Buffer.byteLength(proof)).toBeLessThan(4_000)
    const checked = await check(proof, ...keyOf(oslo), '--json')
    expect(checked.code).toBe(0)
    expect(JSON.parse(checked.out)).toMatchObject({
      proved: true,
      type: 'fork',
      contradiction: true,
      signed: true,
      heads: [{ size: 3 }, { size: 5 }],
    })
    expect((await check(proof, ...keyOf(oslo))).out).toContain('has two histories')
    expect((await check(proof, ...keyOf(paris))).code).toBe(1)
  })

  test('is not accused from the shorter side, where nothing proves it', async () => {
    const { code, out } = await mycelid(
      'log',
      'verify',
      '--config',
      lyon.config,
      '--peers',
      '--json',
    )
    expect(code).toBe(1)
    const { peers } = JSON.parse(out) as { peers: { type: string; log: string }[] }
    const types = peers.filter(({ log }) => log?.startsWith(oslo.name)).map(({ type }) => type)
    expect(types).toEqual(['unproved'])
  })
})

describe('an association that nobody signed', () => {
  test('is found by --signatures, and by nothing else', async () => {
    const forged = new HandMadeLog(oslo)
    const address = mesh.address('forged')
    const begin = {
      node: oslo.name,
      serverName: 'id.example.org',
      audience: 'site',
      meshKey: oslo.card.vkey,
      recoveryKey: null,
      prev: null,
      matrixKeys: [{ key_id: 'ed25519:x', key: keyOfSeed9, valid_from: 0, expired_at: null }],
    }
    forged.add(beginLine(begin, forged.nextStamp()), forged.bindText(address))
    expect((await push(oslo, lyon, await forged.chunk()))?.status).toBe(200)
    const words = ['log', 'verify', '--config', lyon.config, '--log', forged.log]
    expect((await mycelid(...words)).code).toBe(0)
    const { code, out } = await mycelid(...words, '--signatures')
    expect(code).toBe(1)
    expect(out).toContain('line 1: the association is not signed by the key it names')
    const second = await mycelid(...words, '--signatures', '--independent')
    expect(second.out).toContain('second check: the association is not signed by the key it names')
  })
})

/** Another key than the one hand-made logs sign associations with. */
const keyOfSeed9 = '/RckOFqgx1tk+3jNYC+h2ZH96/drE8WO1wLqyDXp9hg'
