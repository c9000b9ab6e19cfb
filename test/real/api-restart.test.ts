import { afterEach, expect, test } from 'vitest'
import { done, outcome, SessionCalls } from './api-session-calls.ts'
import { IdentitySite, MailServer } from './identity-site.ts'
import { RawServer } from './mail-server.ts'
import { until } from './mesh-parties.ts'
import type { RunningNode } from './node-processes.ts'

/** What a node owes to others when it is killed: it is done after the next start, once. */

let site = new IdentitySite()

afterEach(async () => {
  expect(await site.end()).toEqual([])
  site = new IdentitySite()
})

async function restart(running: RunningNode): Promise<RunningNode> {
  await running.kill()
  return site.mesh.start(running.node)
}

test('mails wait for a silent server through a kill, hold nothing else up, and leave once each', async () => {
  const silent = new RawServer(null, () => null)
  await silent.start()
  const { port } = silent
  const node = await site.start({
    email: {
      smtp: { host: '127.0.0.1', port, tls: 'none' },
      from: 'Identity <no-reply@id.example.org>',
    },
  })
  const alice = await site.register('alice')
  const sender = site.homeserver.mxid('alice')
  const calls = new SessionCalls(site)
  const addresses = ['one', 'two', 'three'].map((name) => site.mesh.address(`waits-${name}`))
  const asked = Promise.all(addresses.map((address) => calls.ask(address, { as: alice })))
  const invited = site.mesh.address('waits-invited')
  const invitation = { medium: 'email', address: invited, room_id: '!room:hs.example', sender }
  expect((await site.post('/v2/store-invite', invitation, alice)).status).toBe(200)
  // None of them knows yet how its mail fares; everything else is served meanwhile.
  const startMs = performance.now()
  const others = await Promise.all([site.get('/v2/hash_details', alice), site.get('/versions')])
  expect(others.map(({ status }) => status)).toEqual([200, 200])
  expect(performance.now() - startMs).toBeLessThan(5_000)
  expect((await asked).map(({ status }) => status)).toEqual([200, 200, 200])

  await node.kill()
  await silent.stop()
  const mailServer = new MailServer()
  await mailServer.startAt(port)
  const again = await site.mesh.start(node.node)
  expect((await site.get('/v2/account', alice)).json).toEqual({ user_id: sender })
  await until('four mails', () => mailServer.mails.length === 4, 20_000)
  const recipients = mailServer.mails.map(({ to }) => (to as { text: string }).text)
  expect(recipients.toSorted()).toEqual([...addresses, invited].toSorted())
  await again.stop()
  await site.mesh.start(node.node)
  expect(outcome(await site.post('/v2/3pid/bind', {}, alice))).toEqual([400, 'M_MISSING_PARAMS'])
  expect(mailServer.mails).toHaveLength(4)
  await mailServer.stop()
})

test('a homeserver that failed is told after a kill, with the invitations, and of others nothing', async () => {
  const node = await site.start({ onbind: { retry_first: '2s' } })
  const calls = new SessionCalls(site)
  const alice = await site.register('alice')
  const sender = site.homeserver.mxid('alice')
  const address = site.mesh.address('owed')
  const room = { medium: 'email', room_id: '!room:hs.example', sender }
  await site.post('/v2/store-invite', { ...room, address }, alice)
  await site.post('/v2/store-invite', { ...room, address: site.mesh.address('not-owed') }, alice)
  site.homeserver.onbindStatuses.push(500)
  const session = await calls.begin(address, { as: alice })
  expect(outcome(await calls.submit(session, alice))).toEqual(done)
  const bound = await calls.bind(session, sender, alice)
  expect(bound.json['invites']).toHaveLength(1)
  await until('the first try', () => site.homeserver.told.length === 1, 10_000)
  await restart(node)
  await until('the second try', () => site.homeserver.told.length === 2, 20_000)
  for (const { body } of site.homeserver.told) expect(body).toEqual(bound.json)
  const lookup = await site.get(`/api/v1/lookup?medium=email&address=${address}`)
  expect(lookup.json).toMatchObject({ mxid: sender, ts: bound.json['ts'] })
  // The session outlives the kill too, and so does what it proves.
  expect((await calls.validated(session, alice)).json).toMatchObject({ address })
})

test('an address its server refuses for good is told of at once, and named in no log', async () => {
  await site.start()
  const alice = await site.register('alice')
  const calls = new SessionCalls(site)
  const address = site.mesh.address('refused-by-server')
  const secret = calls.newSecret()
  site.mailServer.refusals.push(550)
  const refused = await calls.ask(address, { as: alice, secret })
  expect(outcome(refused)).toEqual([400, 'M_EMAIL_SEND_ERROR'])
  site.mailServer.refusals.push(451)
  expect((await calls.ask(address, { as: alice, secret })).status).toBe(200)
  // Not there for now: it waits, and is not asked for again by the same attempt.
  expect((await calls.ask(address, { as: alice, secret })).status).toBe(200)
  expect(site.mailServer.mails).toHaveLength(0)
})
