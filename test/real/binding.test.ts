import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Association } from '../../src/domain/association.ts'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { verifySignedJson } from '../../src/domain/matrix-json.ts'
import type { SignedInvite } from '../../src/domain/signed-invite.ts'
import type { HttpServer } from '../../src/http/server.ts'
import {
  BindingState,
  send,
  serverName,
  signingSeed,
  startBinding,
  v1,
  v2,
} from './binding-fixture.ts'
import { createOutside } from './homeserver-fixture.ts'

const state = new BindingState()
const outside = createOutside({ ports: new Map() })
const alice = '@alice:hs.example'
const address = 'alice@example.org'
const authorizations = ['Bearer alice-token']
const body = { sid: 's', client_secret: 'c', mxid: alice }
let server: HttpServer

beforeAll(async () => {
  ;({ server } = await startBinding(outside, state))
})

afterAll(() => server.stop())

beforeEach(() => {
  state.clear()
  state.sessions.set('s c', { threepid: { medium: 'email', address }, validatedAtMs: 12_345 })
  state.sessions.set('open c', 'session-not-validated')
  state.sessions.set('old c', 'session-expired')
})

const refusals = [
  ['open', 'c', 400, 'M_SESSION_NOT_VALIDATED'],
  ['old', 'c', 400, 'M_SESSION_EXPIRED'],
  ['s', 'wrong', 404, 'M_NO_VALID_SESSION'],
  ['none', 'c', 404, 'M_NO_VALID_SESSION'],
] as const

describe('3pid/bind', () => {
  test.each([
    ['v2', v2, { authorizations, body }],
    ['v1', v1, { body }],
    [
      'v1 as a form',
      v1,
      {
        body: `sid=s&client_secret=c&mxid=${encodeURIComponent(alice)}`,
        contentType: 'application/x-www-form-urlencoded',
      },
    ],
  ])('%s answers the association, signed by the server', async (_name, path, given) => {
    const answer = await send(server.port, `${path}/bind`, given)
    expect(answer.status).toBe(200)
    const { signatures, ...rest } = answer.body
    expect(rest).toEqual({
      address,
      medium: 'email',
      mxid: alice,
      ts: 1_000,
      not_before: 1_000,
      not_after: 1_000 + 100 * 365 * 24 * 3_600_000,
    })
    const association = { ...rest, signatures } as unknown as Association
    const key = publicKeyFromSeed(signingSeed)
    expect(verifySignedJson(association, serverName, 'ed25519:paris', key)).toBe(true)
    expect(state.pairs).toEqual(new Set([`${address} ${alice}`]))
  })

  test('hands out the invites of the address beside what is signed', async () => {
    const invite: SignedInvite = {
      medium: 'email',
      address,
      mxid: alice,
      room_id: '!room:hs.example',
      sender: '@bob:hs.example',
      token: 'tok',
      signed: { mxid: alice, token: 'tok', signatures: {} },
    }
    state.invites.set(address, [invite])
    const answer = await send(server.port, `${v2}/bind`, { authorizations, body })
    expect(answer.body['invites']).toEqual([invite])
    const { invites: _invites, ...association } = answer.body
    const key = publicKeyFromSeed(signingSeed)
    expect(verifySignedJson(association, serverName, 'ed25519:paris', key)).toBe(true)
  })

  test('v2 binds to nobody but its caller, v1 to anybody', async () => {
    const mxid = '@bob:hs.example'
    const given = { authorizations, body: { ...body, mxid } }
    expect(await send(server.port, `${v2}/bind`, given)).toMatchObject({
      status: 403,
      body: { errcode: 'M_UNAUTHORIZED' },
    })
    expect(state.pairs).toEqual(new Set())
    expect((await send(server.port, `${v1}/bind`, given)).status).toBe(200)
  })

  test('v2 needs a token', async () => {
    const answer = await send(server.port, `${v2}/bind`, { body })
    expect(answer).toMatchObject({ status: 401, body: { errcode: 'M_UNAUTHORIZED' } })
  })

  test.each(refusals)('session %s with secret %s: %i %s', async (sid, secret, status, errcode) => {
    const given = { authorizations, body: { ...body, sid, client_secret: secret } }
    for (const path of [v1, v2]) {
      const answer = await send(server.port, `${path}/bind`, given)
      expect(answer).toMatchObject({ status, body: { errcode } })
    }
    expect(state.pairs).toEqual(new Set())
  })

  test.each([
    ['sid', undefined, 'M_MISSING_PARAMS'],
    ['client_secret', undefined, 'M_MISSING_PARAMS'],
    ['mxid', undefined, 'M_MISSING_PARAMS'],
    ['sid', 's\n', 'M_INVALID_PARAM'],
    ['sid', 's'.repeat(256), 'M_INVALID_PARAM'],
    ['sid', '', 'M_INVALID_PARAM'],
    ['client_secret', 'c d', 'M_INVALID_PARAM'],
    ['client_secret', { a: 1 }, 'M_INVALID_PARAM'],
    ['mxid', 5, 'M_INVALID_PARAM'],
    ['mxid', '@a\u0000:b', 'M_INVALID_PARAM'],
    ['mxid', '@a:evil:good', 'M_INVALID_PARAM'],
  ])('%s %j: 400 %s', async (name, value, errcode) => {
    const given = { authorizations, body: { ...body, [name]: value } }
    for (const path of [v1, v2]) {
      const answer = await send(server.port, `${path}/bind`, given)
      expect(answer).toMatchObject({ status: 400, body: { errcode } })
    }
  })

  test('of v1 can be switched off alone', async () => {
    const strict = await startBinding(outside, state, { isV1BindServed: false })
    try {
      const answer = await send(strict.server.port, `${v1}/bind`, { body })
      expect(answer).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } })
      const query = '?sid=s&client_secret=c'
      const seen = await send(strict.server.port, `${v1}/getValidated3pid${query}`, {
        method: 'GET',
      })
      expect(seen.status).toBe(200)
    } finally {
      await strict.server.stop()
    }
  })
})

describe('3pid/getValidated3pid', () => {
  const get = (path: string, query: string, given: readonly string[] = []) =>
    send(server.port, `${path}${query}`, { method: 'GET', authorizations: given })
  const query = '?sid=s&client_secret=c'

  test.each(['getValidated3pid', 'getValidated3pid/'])(
    '%s tells what was validated, and when',
    async (name) => {
      const seen = { status: 200, body: { medium: 'email', address, validated_at: 12_345 } }
      expect(await get(`${v1}/${name}`, query)).toEqual(seen)
      expect(await get(`${v2}/${name}`, query, authorizations)).toEqual(seen)
    },
  )

  test('v2 needs a token', async () => {
    expect((await get(`${v2}/getValidated3pid`, query)).status).toBe(401)
  })

  test.each(refusals)('session %s with secret %s: %i %s', async (sid, secret, status, errcode) => {
    const answer = await get(`${v1}/getValidated3pid`, `?sid=${sid}&client_secret=${secret}`)
    expect(answer).toMatchObject({ status, body: { errcode } })
  })

  test('a wrong secret looks like an unknown session', async () => {
    const wrong = await get(`${v1}/getValidated3pid`, '?sid=s&client_secret=wrong')
    expect(await get(`${v1}/getValidated3pid`, '?sid=none&client_secret=c')).toEqual(wrong)
  })

  test.each([
    ['?sid=s', 'M_MISSING_PARAMS'],
    ['', 'M_MISSING_PARAMS'],
    ['?sid=s&client_secret=c%0A', 'M_INVALID_PARAM'],
    ['?sid=s&sid=s&client_secret=c', 'M_INVALID_PARAM'],
    ['?sid=&client_secret=c', 'M_INVALID_PARAM'],
  ])('%j: 400 %s', async (asked, errcode) => {
    const answer = await get(`${v1}/getValidated3pid`, asked)
    expect(answer).toMatchObject({ status: 400, body: { errcode } })
  })
})

describe('3pid/unbind by a session', () => {
  const threepid = { medium: 'email', address: 'Alice@Example.org' }
  const unbinding = { mxid: alice, threepid, sid: 's', client_secret: 'c' }

  beforeEach(() => {
    state.pairs.add(`${address} ${alice}`)
  })

  test.each([v1, v2])('%s needs no token', async (path) => {
    expect(await send(server.port, `${path}/unbind`, { body: unbinding })).toEqual({
      status: 200,
      body: {},
    })
    expect(state.pairs).toEqual(new Set())
    expect((await send(server.port, `${path}/unbind`, { body: unbinding })).status).toBe(200)
  })

  test.each([
    ['of another address', { threepid: { medium: 'email', address: 'bob@example.org' } }],
    ['of another medium', { threepid: { medium: 'msisdn', address: '491701234567' } }],
    ['with a wrong secret', { client_secret: 'wrong' }],
    ['that is open', { sid: 'open' }],
    ['that has expired', { sid: 'old' }],
    ['without its secret', { client_secret: undefined }],
    ['without its id', { sid: undefined }],
  ])('a session %s ends nothing', async (_name, changed) => {
    for (const path of [v1, v2]) {
      const given = { body: { ...unbinding, ...changed }, authorizations }
      expect(await send(server.port, `${path}/unbind`, given)).toMatchObject({
        status: 403,
        body: { errcode: 'M_FORBIDDEN' },
      })
    }
    expect(state.pairs).toEqual(new Set([`${address} ${alice}`]))
  })
})
