import { beforeEach, describe, expect, test } from 'vitest'
import type { Association } from '../../../src/domain/association.ts'
import type { BindOperation, UnbindOperation } from '../../../src/domain/entry-line.ts'
import { canonicalJson } from '../../../src/domain/matrix-json.ts'
import { RefusalError, type RefusalCode } from '../../../src/domain/refusal.ts'
import type { SignedInvite } from '../../../src/domain/signed-invite.ts'
import type { Threepid } from '../../../src/domain/threepid.ts'
import {
  bindProven,
  unbindProven,
  type ProvenSession,
  type UnbindRequest,
} from '../../../src/features/binding/proven-binding.ts'
import type { SignedRequest } from '../../../src/matrix/verify-request.ts'

const alice: Threepid = { medium: 'email', address: 'alice@example.org' }
const invite: SignedInvite = {
  ...alice,
  mxid: '@alice:hs.example',
  room_id: '!a:b',
  sender: '@bob:b',
  token: 'tok',
  signed: { mxid: '@alice:hs.example', token: 'tok', signatures: {} },
}

/** Sessions, a log and a homeserver whose state the tests set and look at. */
class World {
  readonly sessions = new Map<string, ProvenSession | RefusalCode>()
  readonly lines: (BindOperation | UnbindOperation)[] = []
  readonly delivered: Association[] = []
  readonly invites = new Map<string, SignedInvite[]>()
  readonly asked: SignedRequest[] = []
  signature: RefusalCode | null = null
  appendFault: Error | null = null

  deps() {
    return {
      signer: { serverName: 'id.example', keyId: 'ed25519:1', seed: Buffer.alloc(32, 1) },
      nowMs: () => 1_000,
      random: (count: number) => Buffer.alloc(count),
      append: async (operations: readonly (BindOperation | UnbindOperation)[]) => {
        if (this.appendFault !== null) throw this.appendFault
        this.lines.push(...operations)
      },
      sessions: {
        findProven: async (sid: string, clientSecret: string) => {
          const found = this.sessions.get(`${sid} ${clientSecret}`) ?? 'session-unknown'
          if (typeof found === 'string') throw new RefusalError(found, 'no')
          return found
        },
      },
      bound: {
        deliver: async (association: Association) => {
          this.delivered.push(association)
          return { invites: this.invites.get(association.address) ?? [] }
        },
      },
      verifyRequest: async (request: SignedRequest) => {
        this.asked.push(request)
        if (this.signature !== null) throw new RefusalError(this.signature, 'no')
      },
    }
  }
}

let world: World

beforeEach(() => {
  world = new World()
  world.sessions.set('s c', { threepid: alice, validatedAtMs: 5 })
  world.sessions.set('open c', 'session-not-validated')
  world.sessions.set('old c', 'session-expired')
})

describe('binding', () => {
  const request = {
    sid: 's',
    clientSecret: 'c',
    mxid: '@alice:hs.example',
    ownMxid: '@alice:hs.example',
  }

  test('binds the address of the session, durably before anybody hears of it', async () => {
    const bound = await bindProven(world.deps(), request)
    expect(bound.association).toMatchObject({ ...alice, mxid: '@alice:hs.example', ts: 1_000 })
    expect(bound.json).toBe(canonicalJson(bound.association))
    expect(world.lines).toMatchObject([
      { kind: 'bind', ...alice, mxid: '@alice:hs.example', associationJson: bound.json },
    ])
    expect(world.delivered).toEqual([bound.association])
    expect(bound.invites).toEqual([])
  })

  test('hands out the invites of this address, and none of a later one', async () => {
    world.invites.set(alice.address, [invite])
    const bob = { medium: 'email', address: 'bob@example.org' } as const
    world.sessions.set('b c', { threepid: bob, validatedAtMs: 5 })
    expect((await bindProven(world.deps(), request)).invites).toEqual([invite])
    expect((await bindProven(world.deps(), { ...request, sid: 'b' })).invites).toEqual([])
  })

  test.each([
    '@bob:hs.example',
    '@Alice:hs.example',
    '@alice:HS.example',
    '@alice:hs.example:8448',
  ])('is not for %s, who is not the caller', async (mxid) => {
    const bound = bindProven(world.deps(), { ...request, mxid })
    await expect(bound).rejects.toMatchObject({ code: 'mxid-not-own' })
    expect(world.lines).toEqual([])
  })

  test('a caller whose Matrix ID is historical binds to that', async () => {
    const mxid = '@Alice Smith\u00e9:hs.example'
    const bound = await bindProven(world.deps(), { ...request, mxid, ownMxid: mxid })
    expect(bound.association.mxid).toBe(mxid)
  })

  test('without a caller any Matrix ID will do, but nothing else', async () => {
    const anybody = { ...request, ownMxid: null }
    expect(await bindProven(world.deps(), anybody)).toMatchObject({ invites: [] })
    for (const mxid of ['', 'alice', '@alice', '@a:evil:good', '@a\u0000:b', '@:hs.example']) {
      const bound = bindProven(world.deps(), { ...anybody, mxid })
      await expect(bound).rejects.toMatchObject({ code: 'mxid-invalid' })
    }
  })

  test.each([
    ['s', 'wrong', 'session-unknown'],
    ['none', 'c', 'session-unknown'],
    ['open', 'c', 'session-not-validated'],
    ['old', 'c', 'session-expired'],
  ])('session %s with secret %s: %s', async (sid, clientSecret, code) => {
    const bound = bindProven(world.deps(), { ...request, sid, clientSecret })
    await expect(bound).rejects.toMatchObject({ code })
    expect(world.lines).toEqual([])
    expect(world.delivered).toEqual([])
  })

  test('what the log did not take is not answered as bound', async () => {
    world.appendFault = new Error('disk full')
    await expect(bindProven(world.deps(), request)).rejects.toThrow('disk full')
    expect(world.lines).toEqual([])
  })
})

describe('unbinding', () => {
  const signed = { uri: '/u', content: { a: 1 }, authorizations: [] as string[] }
  const xMatrix = ['X-Matrix origin="hs.example",key="ed25519:1",sig="c2ln"']
  const base = { threepid: alice, mxid: '@alice:hs.example', sid: null, clientSecret: null, signed }

  const unbind = (more: Partial<UnbindRequest>) => unbindProven(world.deps(), { ...base, ...more })
  const line = { kind: 'unbind', ...alice, mxid: '@alice:hs.example' }

  test('by the session of the address', async () => {
    await unbind({ sid: 's', clientSecret: 'c' })
    expect(world.lines).toMatchObject([line])
    expect(world.asked).toEqual([])
  })

  test('by the signature of the homeserver of exactly this Matrix ID', async () => {
    await unbind({ signed: { ...signed, authorizations: xMatrix } })
    expect(world.lines).toMatchObject([line])
    expect(world.asked).toEqual([
      { ...signed, authorizations: xMatrix, method: 'POST', origin: 'hs.example' },
    ])
  })

  test('a bearer token beside a signature changes nothing', async () => {
    await unbind({ signed: { ...signed, authorizations: ['Bearer x', ...xMatrix] } })
    expect(world.lines).toHaveLength(1)
  })

  test.each([
    ['nothing', {}],
    ['a bearer token', { signed: { ...signed, authorizations: ['Bearer abc'] } }],
    ['a session without its secret', { sid: 's' }],
    ['a secret without its session', { clientSecret: 'c' }],
    ['a wrong secret', { sid: 's', clientSecret: 'wrong' }],
    ['a session not validated', { sid: 'open', clientSecret: 'c' }],
    ['an expired session', { sid: 'old', clientSecret: 'c' }],
    [
      'the session of another address',
      { sid: 's', clientSecret: 'c', threepid: { ...alice, address: 'bob@example.org' } },
    ],
    [
      'the session of another medium',
      { sid: 's', clientSecret: 'c', threepid: { ...alice, medium: 'msisdn' as const } },
    ],
    [
      'half a session beside a signature',
      { sid: 's', signed: { ...signed, authorizations: xMatrix } },
    ],
  ])('is refused with %s', async (_name, more) => {
    await expect(unbind(more)).rejects.toMatchObject({ code: 'credentials-invalid' })
    expect(world.lines).toEqual([])
  })

  test('a signature that does not hold is not made up for by a session', async () => {
    world.signature = 'signature-invalid'
    const authorizations = xMatrix
    const given = { sid: 's', clientSecret: 'c', signed: { ...signed, authorizations } }
    await expect(unbind(given)).rejects.toMatchObject({ code: 'signature-invalid' })
    await expect(unbind({ signed: given.signed })).rejects.toMatchObject({
      code: 'signature-invalid',
    })
    expect(world.lines).toEqual([])
  })

  test('a session that broke is not taken for one that proves nothing', async () => {
    world.sessions.set('full c', 'storage-full')
    const broken = unbind({ sid: 'full', clientSecret: 'c' })
    await expect(broken).rejects.toMatchObject({ code: 'storage-full' })
  })
})
