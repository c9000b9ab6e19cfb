import { afterEach, expect, test } from 'vitest'
import { done, outcome, SessionCalls } from './api-session-calls.ts'
import { IdentitySite, MailServer } from './identity-site.ts'
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

test('mails wait for their server through a kill, and leave once each', async () => {
  const gone = new MailServer()
  await gone.start()
  const { port } = gone
  await gone.stop()
  let node = await site.start({
    email: {
      smtp: { host: '127.0.0.1', port, tls: 'none' },
      from: 'Identity <no-reply@id.example.org>',
    },
  })
  const alice = await site.register('alice')
  const calls = new SessionCalls(site)
  const addresses = ['one', 'two', 'three'].map((name) => site.mesh.address(`waits-${name}`))
  const sids: string[] = []
  for (const address of addresses) {
    const asked = await calls.ask(address, { as: alice })
    expect(asked.status).toBe(200)
    sids.push(String(asked.json['sid']))
  }
  const invited = site.mesh.address('waits-invited')
  const sender = site.homeserver.mxid('alice')
  const invitation = { medium: 'email', address: invited, room_id: '!room:hs.example', sender }
  expect((await site.post('/v2/store-invite', invitation, alice)).status).toBe(200)
  // Meanwhile everything else is served.
  const details = await Promise.all([site.get('/v2/hash_details', alice), site.get('/versions')])
  expect(details.map(({ status }) => status)).toEqual([200, 200])

  node = await restart(node)
  expect((await site.get('/v2/account', alice)).json).toEqual({ user_id: sender })
  const mailServer = new MailServer()
  await mailServer.startAt(port)
  await until('four mails', () => mailServer.mails.length === 4, 40_000)
  const recipients = mailServer.mails.map(({ to }) => (to as { text: string }).text)
  expect(recipients.toSorted()).toEqual([...addresses, invited].toSorted())
  await restart(node)
  for (const sid of sids) {
    const query = new URLSearchParams({ sid, client_secret: 'wrong-client-secret' }).toString()
    expect((await site.get(`/v2/3pid/getValidated3pid?${query}`, alice)).status).toBe(404)
  }
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
