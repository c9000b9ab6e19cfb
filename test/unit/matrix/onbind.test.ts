import { beforeEach, expect, test } from 'vitest'
import type { Association } from '../../../src/domain/association.ts'
import { onbindWaitMaxMs } from '../../../src/domain/api-limits.ts'
import type { SignedInvite } from '../../../src/domain/signed-invite.ts'
import { tellHomeserver, type OnbindOutcome } from '../../../src/matrix/onbind.ts'
import { HttpFault } from '../../../src/platform/http-client.ts'
import { HomeserverWorld } from './homeserver-world.ts'

const path = '/_matrix/federation/v1/3pid/onbind'
const association: Association = {
  address: 'alice@example.org',
  medium: 'email',
  mxid: '@alice:hs.example',
  ts: 1,
  not_before: 1,
  not_after: 2,
  signatures: { 'id.example.org': { 'ed25519:1': 'c2ln' } },
}
const invite: SignedInvite = {
  medium: 'email',
  address: 'alice@example.org',
  mxid: '@alice:hs.example',
  room_id: '!room:hs.example',
  sender: '@bob:hs.example',
  token: 'tok',
  signed: { mxid: '@alice:hs.example', token: 'tok', signatures: {} },
}

let world: HomeserverWorld

beforeEach(() => {
  world = new HomeserverWorld()
})

function tell(
  given: { invites?: SignedInvite[]; mxid?: string; allowed?: string[] } = {},
): Promise<OnbindOutcome> {
  const { invites = [], mxid = association.mxid, allowed = ['*'] } = given
  return tellHomeserver(
    { ...world.deps(), homeserversAllowed: allowed },
    { association: { ...association, mxid }, invites },
  )
}

test('the association goes out as it was signed, with an empty list where there are no invites', async () => {
  world.answer(`POST ${path}`, { status: 200, text: '{}' })
  expect(await tell()).toEqual({ result: 'done' })
  const [call] = world.calls
  expect(call?.url.href).toBe(`https://hs.example:8448${path}`)
  expect(call?.headers).toEqual({ 'content-type': 'application/json' })
  expect(JSON.parse(call?.body ?? '')).toEqual({ ...association, invites: [] })
})

test('invites go along', async () => {
  world.answer(`POST ${path}`, { status: 200 })
  await tell({ invites: [invite] })
  expect(JSON.parse(world.calls[0]?.body ?? '')).toEqual({ ...association, invites: [invite] })
})

test.each([
  ['405', { status: 405 }],
  ['404 M_UNRECOGNIZED', { status: 404, text: '{"errcode":"M_UNRECOGNIZED"}' }],
])('after %s PUT is tried, once', async (_name, answer) => {
  world.answer(`POST ${path}`, answer)
  world.answer(`PUT ${path}`, { status: 200 })
  expect(await tell({ invites: [invite] })).toEqual({ result: 'done' })
  expect(world.calls.map(({ method }) => method)).toEqual(['POST', 'PUT'])
  expect(world.calls[1]?.body).toBe(world.calls[0]?.body)
  world.answer(`PUT ${path}`, answer)
  expect(await tell({ invites: [invite] })).toEqual({ result: 'permanent', reason: 'not-served' })
  expect(world.calls).toHaveLength(4)
})

test.each([400, 401, 403, 404, 409])(
  'a homeserver that says %i may think again while there are invites, not else',
  async (status) => {
    world.answer(`POST ${path}`, { status, text: '{"errcode":"M_FORBIDDEN"}' })
    expect(await tell({ invites: [invite] })).toEqual({ result: 'refused', reason: 'refused' })
    expect(await tell()).toEqual({ result: 'permanent', reason: 'refused' })
    expect(world.calls.map(({ method }) => method)).toEqual(['POST', 'POST'])
  },
)

test.each([
  [{ status: 500 }, 'fault-there', 0],
  [{ status: 502, text: 'no JSON' }, 'fault-there', 0],
  [{ status: 503, headers: { 'retry-after': '7' } }, 'fault-there', 7_000],
  [{ status: 408 }, 'busy-there', 0],
  [{ status: 429, text: '{"retry_after_ms":1500}' }, 'busy-there', 1_500],
  [
    { status: 429, headers: { 'retry-after': '2' }, text: '{"retry_after_ms":9}' },
    'busy-there',
    2_000,
  ],
  [{ status: 429, headers: { 'retry-after': '999999999' } }, 'busy-there', onbindWaitMaxMs],
  [{ status: 429, text: '{"retry_after_ms":1e300}' }, 'busy-there', onbindWaitMaxMs],
  [{ status: 429, text: '{"retry_after_ms":-5}' }, 'busy-there', 0],
  [{ status: 429, text: '{"retry_after_ms":"soon"}' }, 'busy-there', 0],
  [{ status: 302, headers: { location: 'https://hs.example/' } }, 'odd-answer', 0],
])('%j is for another time', async (answer, reason, waitMs) => {
  world.answer(`POST ${path}`, answer)
  expect(await tell()).toEqual({ result: 'temporary', reason, waitMs })
  expect(world.calls).toHaveLength(1)
})

test.each(['blocked', 'busy', 'too-large', 'timeout', 'unreachable'] as const)(
  'no answer (%s) is for another time',
  async (reason) => {
    world.answer(`POST ${path}`, new HttpFault(reason, 'no'))
    expect(await tell()).toEqual({ result: 'temporary', reason, waitMs: 0 })
  },
)

test.each([
  ['@alice:127.0.0.1', ['*'], 'no-homeserver'],
  ['@alice:0x7f.1', ['*'], 'no-homeserver'],
  ['@alice:evil@hs.example', ['*'], 'no-homeserver'],
  ['@alice:hs.example', ['other.example'], 'not-allowed'],
])('%s, with %j allowed, is not called: %s', async (mxid, allowed, reason) => {
  expect(await tell({ mxid, allowed })).toEqual({ result: 'permanent', reason })
  expect(world.calls).toEqual([])
})
