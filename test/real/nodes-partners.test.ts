import { afterEach, beforeEach, expect, test } from 'vitest'
import { callMesh, HandMadeLog, push } from './hand-made-log.ts'
import { bind, eventually, find, statusOf } from './node-calls.ts'
import {
  TestMesh,
  verifiedLogs,
  writePeers,
  type RunningNode,
  type TestNode,
} from './node-processes.ts'

let mesh: TestMesh
beforeEach(() => {
  mesh = new TestMesh()
})
afterEach(async () => expect(await mesh.end()).toEqual([]))

function partnerRow({ card }: TestNode, rank: number, ...accept: string[]): object {
  const { name, vkey, pin } = card
  return { name, keys: [vkey], tls_pins: [pin], partner: { audience: 'friends', rank, accept } }
}

const peopleOnly = 'email:*@people.example'

/** What a node answers for the addresses, once no recomputation is under way. */
async function answers(node: TestNode, addresses: readonly string[]): Promise<(string | null)[]> {
  await eventually('the recomputation to end', async () => (await statusOf(node)).refold === null)
  const found = await find(node, addresses)
  return addresses.map((address) => found.get(address) ?? null)
}

async function reload(running: RunningNode): Promise<void> {
  const before = running.events('peers-read').length
  running.signal('SIGHUP')
  await eventually('peers.json read', async () => running.events('peers-read').length > before)
}

test('lookups follow a change of what is believed from partners, as a fresh node would answer', async () => {
  const [paris, fresh] = [await mesh.make('paris'), await mesh.make('fresh')]
  const [acme, beta] = [await mesh.make('acme'), await mesh.make('beta')]
  const [carol, own] = [mesh.address('carol'), mesh.address('own')]
  const dave = 'dave@others.example'
  mesh.secrets.add(dave)
  const ofAcme = new HandMadeLog(acme, 'theirs')
  ofAcme.add(ofAcme.beginText(), ofAcme.bindText(carol, { mxid: '@carol:acme.example' }))
  ofAcme.add(ofAcme.bindText(dave, { mxid: '@dave:acme.example' }))
  ofAcme.add(ofAcme.bindText(own, { mxid: '@thief:acme.example' }))
  const ofBeta = new HandMadeLog(beta, 'theirs')
  ofBeta.add(ofBeta.beginText(), ofBeta.bindText(carol, { mxid: '@carol:beta.example' }))
  const feed = async (node: TestNode): Promise<void> => {
    expect((await push(acme, node, await ofAcme.chunk()))?.status).toBe(200)
    expect((await push(beta, node, await ofBeta.chunk()))?.status).toBe(200)
    expect((await bind(node, own)).status).toBe(200)
  }
  const asked = [carol, dave, own]
  const rules: [rows: object[], expected: (string | null)[]][] = [
    [
      [partnerRow(acme, 2, peopleOnly), partnerRow(beta, 1, '*')],
      ['@carol:beta.example', null, '@own:example.org'],
    ],
    [
      [partnerRow(acme, 1, peopleOnly), partnerRow(beta, 2, '*')],
      ['@carol:acme.example', null, '@own:example.org'],
    ],
    [
      [partnerRow(acme, 1, 'email:*@others.example'), partnerRow(beta, 2, '*')],
      ['@carol:beta.example', '@dave:acme.example', '@own:example.org'],
    ],
    [
      [partnerRow(acme, 1), partnerRow(beta, 2)],
      [null, null, '@own:example.org'],
    ],
    [
      [partnerRow(acme, 1, '*'), partnerRow(beta, 2, '*')],
      ['@carol:acme.example', '@dave:acme.example', '@own:example.org'],
    ],
  ]
  const [[rows, expected] = [[], []], ...changes] = rules
  writePeers(paris, rows)
  const running = await mesh.start(paris)
  await feed(paris)
  expect(await answers(paris, asked)).toEqual(expected)
  for (const [changed, wanted] of changes) {
    writePeers(paris, changed)
    await reload(running)
    await eventually('lookups following the rules', async () => {
      expect((await find(paris, [own])).size).toBe(1)
      return JSON.stringify(await answers(paris, asked)) === JSON.stringify(wanted)
    })
    await verifiedLogs(paris)
  }
  writePeers(fresh, rules.at(-1)?.[0] ?? [])
  await mesh.start(fresh)
  await feed(fresh)
  expect(await answers(fresh, asked)).toEqual(await answers(paris, asked))
})

test('rules that change while the node is down hold from its next start on', async () => {
  const [paris, acme] = [await mesh.make('paris'), await mesh.make('acme')]
  const carol = mesh.address('carol')
  const log = new HandMadeLog(acme, 'theirs')
  log.add(log.beginText(), log.bindText(carol, { mxid: '@carol:acme.example' }))
  writePeers(paris, [partnerRow(acme, 1, peopleOnly)])
  const running = await mesh.start(paris)
  await push(acme, paris, await log.chunk())
  expect(await answers(paris, [carol])).toEqual(['@carol:acme.example'])
  await running.stop()
  writePeers(paris, [partnerRow(acme, 1, 'msisdn:44*')])
  await mesh.start(paris)
  await eventually('the rule being followed', async () => (await find(paris, [carol])).size === 0)
})

test('a partner reads and hands over its own alone', async () => {
  const [paris, lyon] = (await mesh.makeSiblings('paris', 'lyon')) as [TestNode, TestNode]
  const acme = await mesh.make('acme')
  writePeers(paris, [{ ...lyonRow(lyon), url: null }, partnerRow(acme, 1, '*')])
  await mesh.start(paris)
  await bind(paris, mesh.address('ours'))
  const [own] = (await statusOf(paris)).logs
  const path = `/_mesh/v1/logs/${encodeURIComponent(own?.log ?? '')}/entries?from=0`
  expect(await callMesh(acme, paris, { path })).toMatchObject({
    status: 403,
    body: { code: 'log-not-readable' },
  })
  const heads = await callMesh(acme, paris, { path: '/_mesh/v1/heads?full=1' })
  expect(heads).toMatchObject({ status: 200, body: { logs: [], closed: { count: 0 } } })
  expect(heads?.body).not.toHaveProperty('shared')
  const ofLyon = new HandMadeLog(lyon).honest(mesh.address('relayed'))
  expect(await push(acme, paris, await ofLyon.chunk())).toMatchObject({
    status: 403,
    body: { code: 'log-not-readable', have: null },
  })
  expect((await statusOf(paris)).logs.map(({ log }) => log)).toEqual([own?.log])
})

function lyonRow({ card: { name, vkey, pin } }: TestNode): object {
  return { name, keys: [vkey], tls_pins: [pin], sibling: true }
}
