import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifySignedJson } from '../../src/domain/matrix-json.ts'
import { IdentitySite, linkIn } from './identity-site.ts'
import { until } from './mesh-parties.ts'

/** One site, and what people, clients and homeservers do with it, from the first registration to the last unbind. */

const site = new IdentitySite()
let alice = ''

beforeAll(async () => {
  await site.start({ onbind: { retry_first: '200ms' } })
  alice = await site.register('alice')
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
})

test('a mailed link validates the address, which is then bound and found', async () => {
  const address = site.mesh.address('Alice'.toLowerCase())
  const session = await site.validate(alice, address.toUpperCase())
  const query = new URLSearchParams(session).toString()
  const validated = await site.get(`/v2/3pid/getValidated3pid?${query}`, alice)
  expect(validated.json).toMatchObject({ medium: 'email', address })
  const mxid = site.homeserver.mxid('alice')
  const bound = await site.post('/v2/3pid/bind', { ...session, mxid }, alice)
  expect(bound.json).toMatchObject({ medium: 'email', address, mxid })
  expect(bound.json).not.toHaveProperty('invites')
  const lookup = await site.get(`/api/v1/lookup?medium=email&address=${address}`)
  expect(lookup.json).toMatchObject({ mxid, ts: bound.json['ts'] })
  await until('onbind', () => site.homeserver.told.length > 0, 10_000)
  expect(site.homeserver.told[0]).toMatchObject({ method: 'POST', body: { mxid, invites: [] } })
})

test('an invitation is mailed, signed by its one-time key, and handed over when its address is bound', async () => {
  const address = site.mesh.address('bob')
  const sender = site.homeserver.mxid('alice')
  const mails = site.mailServer.mails.length
  const stored = await site.post(
    '/v2/store-invite',
    {
      medium: 'email',
      address,
      room_id: '!room:hs.example',
      sender,
      room_name: 'Tea & <b>cake</b>',
    },
    alice,
  )
  expect(stored.status).toBe(200)
  expect(stored.json['display_name']).toBe('b...@peo...')
  const keys = stored.json['public_keys'] as { public_key: string; key_validity_url: string }[]
  const ephemeral = keys.at(-1)?.public_key ?? ''
  const asked = await site.get(
    `/v2/pubkey/ephemeral/isvalid?public_key=${encodeURIComponent(ephemeral)}`,
  )
  expect(asked.json).toEqual({ valid: true })
  const mail = await site.mailServer.mail(mails + 1)
  expect(mail.html).toContain('Tea &amp; &lt;b&gt;cake&lt;/b&gt;')
  const link = /https?:\/\/\S+\/#\/room\/\S+/.exec(mail.text ?? '')?.[0] ?? ''
  const signurl = new URL(new URL(link.replace('/#/', '/')).searchParams.get('signurl') ?? '')
  const bobMxid = site.homeserver.mxid('bob')
  const signed = await site.call(
    'POST',
    `/api/v1/sign-ed25519${signurl.search}&mxid=${encodeURIComponent(bobMxid)}`,
  )
  expect(signed.json).toMatchObject({ mxid: bobMxid, sender, token: stored.json['token'] })
  const raw = Buffer.from(ephemeral, 'base64url')
  expect(verifySignedJson(signed.json, 'id.example.org', 'ed25519:0', raw)).toBe(true)

  const bob = await site.register('bob')
  site.homeserver.onbindStatuses.push(500, 500)
  const before = site.homeserver.told.length
  const session = await site.validate(bob, address, 'bobs-secret')
  const bound = await site.post('/v2/3pid/bind', { ...session, mxid: bobMxid }, bob)
  expect(bound.json['invites']).toMatchObject([{ address, mxid: bobMxid, sender }])
  await until('onbind, after two failures', () => site.homeserver.told.length >= before + 3, 15_000)
  expect(site.homeserver.told.at(-1)?.body).toMatchObject({ invites: [{ mxid: bobMxid, sender }] })
})

test('what is bound is unbound by the signature of its homeserver, and nothing else is', async () => {
  const address = site.mesh.address('carol')
  const carol = await site.register('carol')
  const mxid = site.homeserver.mxid('carol')
  const session = await site.validate(carol, address, 'carols-secret')
  await site.post('/v2/3pid/bind', { ...session, mxid }, carol)
  const body = { mxid, threepid: { medium: 'email', address } }
  const uri = '/_matrix/identity/v2/3pid/unbind'
  expect((await site.post('/v2/3pid/unbind', body, carol)).status).toBe(403)
  const authorization = site.homeserver.sign(uri, body, 'id.example.org')
  const unbound = await site.call('POST', '/v2/3pid/unbind', { body, authorization })
  expect([unbound.status, unbound.json]).toEqual([200, {}])
  const lookup = await site.get(`/api/v1/lookup?medium=email&address=${address}`)
  expect(lookup.json).toEqual({})
})

test('the same attempt mails nothing again, a greater one mails the same code', async () => {
  const email = site.mesh.address('dora')
  const ask = (send_attempt: number | string) =>
    site.post('/v2/validate/email/requestToken', { email, client_secret: 'd', send_attempt }, alice)
  const mails = site.mailServer.mails.length
  const first = await ask(1)
  const mail = await site.mailServer.mail(mails + 1)
  expect((await ask('1')).json).toEqual(first.json)
  expect((await ask('2')).json).toEqual(first.json)
  const again = await site.mailServer.mail(mails + 2)
  expect(linkIn(again).search).toBe(linkIn(mail).search)
  expect(site.mailServer.mails).toHaveLength(mails + 2)
})

test('a mail server that refuses the address for good is told of at once', async () => {
  const email = site.mesh.address('nobody')
  site.mailServer.refusals.push(550)
  const body = { email, client_secret: 'n', send_attempt: 1 }
  const refused = await site.post('/v2/validate/email/requestToken', body, alice)
  expect([refused.status, refused.json['errcode']]).toEqual([400, 'M_EMAIL_SEND_ERROR'])
  const mails = site.mailServer.mails.length
  const again = await site.post('/v2/validate/email/requestToken', body, alice)
  expect(again.status).toBe(200)
  await site.mailServer.mail(mails + 1)
})

test('HEAD on a mailed link validates nothing', async () => {
  const email = site.mesh.address('edith')
  const mails = site.mailServer.mails.length
  const asked = await site.post(
    '/v2/validate/email/requestToken',
    { email, client_secret: 'e', send_attempt: 1 },
    alice,
  )
  const { search } = linkIn(await site.mailServer.mail(mails + 1))
  await site.call('HEAD', `/v2/validate/email/submitToken${search}`)
  const query = new URLSearchParams({ sid: String(asked.json['sid']), client_secret: 'e' })
  const looked = await site.get(`/v2/3pid/getValidated3pid?${query.toString()}`, alice)
  expect(looked.json['errcode']).toBe('M_SESSION_NOT_VALIDATED')
})
