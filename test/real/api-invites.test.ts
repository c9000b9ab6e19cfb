import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifySignedJson } from '../../src/domain/matrix-json.ts'
import { done, outcome, SessionCalls } from './api-session-calls.ts'
import { IdentitySite, type Answer } from './identity-site.ts'
import { until } from './mesh-parties.ts'

/** Invitations: what a homeserver gets for its room, what is mailed, who may sign, and who hears of a binding. */

const site = new IdentitySite()
const calls = new SessionCalls(site)
let alice = ''
let sender = ''

beforeAll(async () => {
  await site.start({ onbind: { retry_first: '100ms' } })
  alice = await site.register('alice')
  sender = site.homeserver.mxid('alice')
})

afterAll(async () => {
  expect(await site.end()).toEqual([])
})

function invite(address: string, more: object = {}, prefix = '/v2'): Promise<Answer> {
  const body = { medium: 'email', address, room_id: '!room:hs.example', sender, ...more }
  return site.post(`${prefix}/store-invite`, body, alice)
}

type Key = { readonly public_key: string; readonly key_validity_url: string }

async function bindAs(user: string, address: string): Promise<Answer> {
  const token = await site.register(user)
  const session = await calls.begin(address, { as: token })
  expect(outcome(await calls.submit(session, token))).toEqual(done)
  return calls.bind(session, site.homeserver.mxid(user), token)
}

/** Token and private key, as the mail of an invitation brings them. */
async function proofOf(stored: Answer): Promise<{ token: string; private_key: string }> {
  const token = String(stored.json['token'])
  const mail = await site.mailServer.mailWith(token)
  const link = /https?:\/\/\S+\/#\/room\/\S+/.exec(mail.text ?? '')?.[0] ?? ''
  const signurl = new URL(new URL(link.replace('/#/', '/')).searchParams.get('signurl') ?? '')
  expect(signurl.pathname).toBe('/_matrix/identity/api/v1/sign-ed25519')
  const proof = Object.fromEntries(signurl.searchParams) as { token: string; private_key: string }
  expect(proof.token).toBe(token)
  for (const text of [token, proof.private_key, link]) site.mesh.secrets.add(text)
  return proof
}

describe.each(['/v2', '/api/v1'])('store-invite in %s', (prefix) => {
  test('answers token, keys, long-term first, and a redacted name', async () => {
    const address = site.mesh.address(`invited${prefix.replaceAll('/', '-')}`)
    const { status, json } = await invite(address, {}, prefix)
    expect(status).toBe(200)
    expect(Object.keys(json).toSorted()).toEqual([
      'display_name',
      'public_key',
      'public_keys',
      'token',
    ])
    expect(json['token']).toMatch(/^[0-9a-zA-Z.=_-]{1,255}$/)
    const keys = json['public_keys'] as Key[]
    expect(keys).toHaveLength(2)
    expect(keys[0]?.public_key).toBe(json['public_key'])
    expect(json['display_name']).toBe('inv...@peo...')
    for (const [at, { public_key: key, key_validity_url: url }] of keys.entries()) {
      const path = at === 0 ? '/pubkey/isvalid' : '/pubkey/ephemeral/isvalid'
      expect(url).toBe(`https://id.example.org/_matrix/identity/v2${path}`)
      const standard = key.replaceAll('-', '+').replaceAll('_', '/')
      const urlSafe = key.replaceAll('+', '-').replaceAll('/', '_')
      for (const version of ['/v2', '/api/v1']) {
        for (const text of [standard, urlSafe, `${standard}=`]) {
          const asked = await site.get(`${version}${path}?public_key=${encodeURIComponent(text)}`)
          expect(asked.json).toEqual({ valid: true })
        }
        // A plus that was not percent-encoded.
        const raw = await site.get(
          `${version}${path}?public_key=${standard.replaceAll('/', '%2F')}`,
        )
        expect(raw.json).toEqual({ valid: true })
        const other = at === 0 ? '/pubkey/ephemeral/isvalid' : '/pubkey/isvalid'
        const crossed = await site.get(`${version}${other}?public_key=${encodeURIComponent(key)}`)
        expect(crossed.json).toEqual({ valid: false })
      }
    }
  })

  test.each<[object, number, string]>([
    [{ medium: 'msisdn', address: '447700900750' }, 400, 'M_UNRECOGNIZED'],
    [{ medium: 'pigeon' }, 400, 'M_UNRECOGNIZED'],
    [{ medium: '__proto__' }, 400, 'M_UNRECOGNIZED'],
    [{ address: 'not@an@email@address' }, 400, 'M_INVALID_EMAIL'],
    [{ address: 'Name <a@people.example>' }, 400, 'M_INVALID_EMAIL'],
    [{ address: 'a@people.example\r\nBcc: b@people.example' }, 400, 'M_INVALID_EMAIL'],
    [{ address: '' }, 400, 'M_INVALID_EMAIL'],
    [{ room_id: '' }, 400, 'M_INVALID_PARAM'],
    [{ room_id: '!a\u0000b:hs.example' }, 400, 'M_INVALID_PARAM'],
    [{ room_id: `!${'r'.repeat(300)}` }, 400, 'M_INVALID_PARAM'],
    [{ room_name: 'a\u0000b' }, 400, 'M_INVALID_PARAM'],
    [{ sender_display_name: 'a\u001b[2J' }, 400, 'M_INVALID_PARAM'],
  ])('refuses %j, mails and keeps nothing', async (changes, status, errcode) => {
    const answer = await invite('refused@people.example', changes, prefix)
    expect(outcome(answer)).toEqual([status, errcode])
    expect(answer.json).not.toHaveProperty('token')
    const told = site.mailServer.mails.map(({ to }) => JSON.stringify(to))
    expect(told.filter((to) => /refused|Bcc|a@people/.test(to))).toEqual([])
  })

  test.each(['!room-of-version-12', '$something:hs.example', '!R\u00e4ume:hs.example'])(
    'takes the room %s',
    async (room_id) => {
      const answer = await invite(site.mesh.address('rooms'), { room_id }, prefix)
      expect(answer.status).toBe(200)
    },
  )
})

test('in v2 nobody invites in the name of somebody else', async () => {
  for (const other of [site.homeserver.mxid('bob'), '@alice:evil.example', 'alice', '']) {
    const answer = await invite('refused@people.example', { sender: other })
    expect(outcome(answer)).toEqual([403, 'M_UNAUTHORIZED'])
  }
})

test('an address that is bound is in use, however it is written', async () => {
  const address = site.mesh.address('taken')
  await bindAs('carol', address)
  for (const prefix of ['/v2', '/api/v1']) {
    const { status, json } = await invite(address.toUpperCase(), {}, prefix)
    expect([status, json['errcode'], json['mxid']]).toEqual([
      400,
      'M_THREEPID_IN_USE',
      site.homeserver.mxid('carol'),
    ])
    expect(Object.keys(json).toSorted()).toEqual(['errcode', 'error', 'mxid'])
  }
})

test('what an inviter writes changes neither recipient, headers, key nor link', async () => {
  const address = site.mesh.address('hostile')
  const nasty = '</td><script>alert(1)</script>{{7*7}}${7*7}<%= 7*7 %>%(token)s'
  const stored = await invite(address, {
    room_name: nasty,
    sender_display_name: 'Eve\r\nBcc: victim@people.example\r\n\r\n--boundary',
    room_alias: nasty,
    token: 'forged-token',
    ephemeral_private_key: 'forged-key',
    to: 'victim@people.example',
    from: 'eve@people.example',
    link: 'https://evil.example/',
    subject_header_value: 'forged subject',
    web_client_location: 'https://evil.example',
    web_client_link: 'https://evil.example',
    'org.matrix.web_client_location': 'https://evil.example',
    bracketed_room_name: 'https://evil.example/forged',
  })
  const { token } = await proofOf(stored)
  const mail = await site.mailServer.mailWith(token)
  expect(mail.to).toMatchObject({ value: [{ address }] })
  expect([mail.cc, mail.bcc, mail.headers.get('bcc')]).toEqual([undefined, undefined, undefined])
  expect(mail.subject).not.toMatch(/forged|49/)
  const html = String(mail.html)
  const text = String(mail.text)
  expect(html).not.toMatch(/<script|49/)
  expect(`${html}${text}`).not.toMatch(/evil\.example|forged-|7\*7\}\}49/)
  expect(mail.attachments).toEqual([])
})

describe('sign-ed25519', () => {
  test('signs for the bearer of the key in every form clients send it', async () => {
    const address = site.mesh.address('signing')
    const stored = await invite(address)
    const proof = await proofOf(stored)
    const ephemeral = (stored.json['public_keys'] as Key[]).at(-1)?.public_key ?? ''
    const mxid = site.homeserver.mxid('dora')
    const standard = proof.private_key.replaceAll('-', '+').replaceAll('_', '/')
    const sent = { mxid, token: proof.token }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const query = (key: string): string =>
      new URLSearchParams({ ...sent, private_key: key }).toString()
    const v1 = '/api/v1/sign-ed25519'
    const answers = await Promise.all([
      site.call('POST', `${v1}?${query(proof.private_key)}`),
      site.call('POST', `${v1}?${query(standard)}`, { body: '' }),
      site.call('POST', `${v1}?${query(proof.private_key)}`, { body: '{}' }),
      site.call('POST', `${v1}?${query(proof.private_key)}&access_token=other`, { body: 'null' }),
      site.call('POST', `${v1}?${query('')}`, { body: { private_key: `${standard}=` } }),
      site.call('POST', v1, { body: query(standard), headers: form }),
      site.call('POST', v1, { body: query(standard).replaceAll('%2B', '+'), headers: form }),
      site.post(v1, { ...sent, private_key: proof.private_key }),
      site.post('/v2/sign-ed25519', { ...sent, private_key: standard }, alice),
    ])
    const raw = Buffer.from(ephemeral, 'base64url')
    for (const answer of answers) {
      expect([answer.status, answer.text]).toEqual([200, answer.text])
      expect(Object.keys(answer.json).toSorted()).toEqual(['mxid', 'sender', 'signatures', 'token'])
      expect(answer.json).toMatchObject({ ...sent, sender })
      expect(verifySignedJson(answer.json, 'id.example.org', 'ed25519:0', raw)).toBe(true)
    }
  })

  test.each<[object, number, string]>([
    [{ token: 'unknown' }, 404, 'M_UNRECOGNIZED'],
    [{ token: '' }, 404, 'M_UNRECOGNIZED'],
    [{ token: 'a\u0000' }, 404, 'M_UNRECOGNIZED'],
    [{ mxid: 'nobody' }, 400, 'M_INVALID_PARAM'],
    [{ mxid: '@a\u0000:hs.example' }, 400, 'M_INVALID_PARAM'],
    [{ private_key: 'short' }, 400, 'M_INVALID_PARAM'],
    [{ private_key: Buffer.alloc(64).toString('base64') }, 400, 'M_INVALID_PARAM'],
    [{ private_key: '!'.repeat(43) }, 400, 'M_INVALID_PARAM'],
  ])('refuses %j', async (changes, status, errcode) => {
    const proof = await proofOf(await invite(site.mesh.address('unsigned')))
    const body = { mxid: '@a:hs.example', ...proof, ...changes }
    for (const prefix of ['/v2', '/api/v1']) {
      expect(outcome(await site.post(`${prefix}/sign-ed25519`, body, alice))).toEqual([
        status,
        errcode,
      ])
    }
  })
})

test('a binding brings all invitations of its address and of no other, to its homeserver too', async () => {
  const address = site.mesh.address('pending')
  const other = site.mesh.address('unrelated')
  const stored = []
  for (const room of ['!one:hs.example', '!two:hs.example', '!three']) {
    stored.push((await invite(address.toUpperCase(), { room_id: room })).json['token'])
  }
  await invite(other)
  site.homeserver.onbindStatuses.push(500, 403)
  const mxid = site.homeserver.mxid('ella')
  const bound = await bindAs('ella', address)
  const invites = bound.json['invites'] as Record<string, unknown>[]
  expect(invites.map(({ token }) => token).toSorted()).toEqual(stored.toSorted())
  for (const one of invites) {
    expect(Object.keys(one).toSorted()).toEqual([
      'address',
      'medium',
      'mxid',
      'room_id',
      'sender',
      'signed',
      'token',
    ])
    expect(one).toMatchObject({
      medium: 'email',
      address,
      mxid,
      sender,
      signed: { mxid, token: one['token'] },
    })
    const signed = one['signed'] as { signatures: Record<string, Record<string, string>> }
    const keyId = Object.keys(signed.signatures['id.example.org'] ?? {})[0] ?? ''
    const key = (await site.get(`/v2/pubkey/${keyId}`)).json['public_key']
    const raw = Buffer.from(String(key), 'base64')
    expect(verifySignedJson(signed, 'id.example.org', keyId, raw)).toBe(true)
  }
  const toldOf = (about: string) =>
    site.homeserver.told.filter(({ body }) => body['address'] === about)
  await until('onbind after two noes', () => toldOf(address).length === 3, 15_000)
  for (const { method, body } of toldOf(address)) {
    expect([method, body]).toEqual(['POST', bound.json])
  }
  const unrelated = await bindAs('fred', site.mesh.address('nobody-invited'))
  expect(unrelated.json).not.toHaveProperty('invites')
  // Let go and bound by somebody else: what was handed over is not handed over again.
  const next = await bindAs('gus', address)
  expect(next.json).not.toHaveProperty('invites')
  const lookup = await site.get(`/api/v1/lookup?medium=email&address=${address}`)
  expect(lookup.json).not.toHaveProperty('invites')
  await until('onbind of the next', () => toldOf(address).length === 4, 15_000)
  expect(toldOf(address)[3]?.body).toEqual({ ...next.json, invites: [] })
})
