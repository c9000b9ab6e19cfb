import { expect, test } from 'vitest'
import type { Association } from '../../../src/domain/association.ts'
import {
  inviteFirstCheckMs,
  invitesKeptPerAddressMax,
  invitesPerAddressMax,
} from '../../../src/domain/api-limits.ts'
import {
  deliver,
  deliverOwed,
  invitesOf,
  settleInvites,
  tellOwner,
  type DeliverDeps,
  type OnbindErrand,
} from '../../../src/features/invites/deliver-invites.ts'
import { inviteMessage } from '../../../src/features/invites/invite-message.ts'
import { InviteStore } from '../../../src/features/invites/invite-store.ts'
import { signWithEphemeralKey } from '../../../src/features/invites/sign-invite.ts'
import { storeInvite, type InviteErrand } from '../../../src/features/invites/store-invite.ts'
import { MemoryRecords } from './memory-records.ts'

const siteSecret = Buffer.alloc(32, 1)
const serverName = 'id.example.org'
const alice = { medium: 'email', address: 'alice@example.org' } as const
const bob = { medium: 'email', address: 'bob@example.org' } as const

class World {
  readonly records = new MemoryRecords()
  readonly invites = new InviteStore(this.records, 1_000_000)
  readonly mails: InviteErrand[] = []
  readonly onbinds: OnbindErrand[] = []
  readonly bound = new Map<string, Association>()
  nowMs = 1_000
  #count = 0
  readonly rules = {
    shown: { local: 3, domain: 3 },
    homeserversBlocked: ['Bad.example'],
    roomsBlocked: ['!bad'],
    wordsBlocked: ['casino'],
  }
  readonly clock = { wallMs: () => this.nowMs }
  readonly associations = {
    mxidsByThreepid: async (threepids: readonly { address: string }[]) =>
      threepids.map(({ address }) => this.bound.get(address)?.mxid ?? null),
    signedAssociation: async ({ address }: { address: string }) => this.bound.get(address) ?? null,
  }
  readonly delivery: DeliverDeps = {
    invites: this.invites,
    associations: this.associations,
    signer: { serverName, keyId: 'ed25519:paris', seed: Buffer.alloc(32, 2) },
    clock: this.clock,
    send: async (errand, changes) => {
      if (!(await this.records.changeRecords(changes))) return false
      this.onbinds.push(errand)
      return true
    },
  }

  async store(
    threepid: typeof alice | typeof bob,
    more: { sender?: string; roomId?: string; details?: Record<string, string> } = {},
  ) {
    const request = { sender: '@s:hs.example', roomId: '!room', details: {}, ...more }
    return storeInvite(
      {
        siteSecret,
        invites: this.invites,
        associations: this.associations,
        rules: this.rules,
        siteKeys: () => ['KEY1', 'KEY2'],
        publicBaseUrl: 'https://id.example.org',
        clock: this.clock,
        random: {
          bytes: (count) => {
            const bytes = Buffer.alloc(count)
            bytes.writeUInt32LE(++this.#count)
            return bytes
          },
        },
        send: async (errand, changes) => {
          if (!(await this.records.changeRecords(changes))) return null
          this.mails.push(errand)
          return { firstTry: null }
        },
      },
      { threepid, ...request, languages: [], brand: null },
    )
  }

  bind(threepid: typeof alice | typeof bob, mxid: string): Association {
    const times = { ts: 1, not_before: 1, not_after: 2, signatures: {} }
    const association = { ...threepid, mxid, ...times }
    this.bound.set(threepid.address, association)
    return association
  }
}

test('an invitation names the keys of all siblings before its own, and shows little of the address', async () => {
  const world = new World()
  const { public_keys, public_key, display_name } = await world.store(alice)
  expect(public_keys.map((key) => key.public_key).slice(0, 2)).toEqual(['KEY1', 'KEY2'])
  expect(public_key).toBe('KEY1')
  expect(display_name).toBe('ali...@exa...')
  const [ephemeral] = public_keys.slice(2)
  expect(ephemeral?.key_validity_url).toMatch(/\/pubkey\/ephemeral\/isvalid$/)
  expect(await world.invites.isEphemeralKey(ephemeral?.public_key ?? '')).toBe(true)
  const keys = JSON.stringify(world.records.all('ephemeral-key'))
  expect(keys).not.toContain('alice')
})

test('the private key is mailed and stands in nothing that is kept', async () => {
  const world = new World()
  await world.store(alice)
  const [errand] = world.mails
  if (errand === undefined) throw new Error('nothing was sent')
  const message = await inviteMessage(
    {
      siteSecret,
      invites: world.invites,
      publicBaseUrl: 'https://id.example.org',
      webClientUrl: 'https://app.example',
      webClientAllow: [],
      clock: world.clock,
    },
    errand,
    'id',
  )
  expect(message?.ephemeralPrivateKey).toMatch(/^[\w-]{43}$/)
  const kept = JSON.stringify([...world.records.rows.values(), ...world.mails])
  expect(kept).not.toContain(message?.ephemeralPrivateKey)
})

test.each([
  [{ sender: '@s:bad.example' }, 'invite-blocked'],
  [{ roomId: '!bad' }, 'invite-blocked'],
  [{ details: { room_name: 'CASINO night' } }, 'invite-blocked'],
  [{ sender: 'nobody' }, 'param-invalid'],
  [{ roomId: 'a room' }, 'param-invalid'],
  [{ roomId: '' }, 'param-invalid'],
  [{ roomId: '!' + 'x'.repeat(255) }, 'param-invalid'],
])('the invitation %j is refused with %s, and nothing is kept', async (more, code) => {
  const world = new World()
  await expect(world.store(alice, more)).rejects.toMatchObject({ code })
  expect(world.records.rows.size).toBe(0)
})

test('an address that is bound is not invited, and its Matrix ID is told', async () => {
  const world = new World()
  world.bind(alice, '@a:x.org')
  await expect(world.store(alice)).rejects.toMatchObject({
    code: 'threepid-in-use',
    details: { mxid: '@a:x.org' },
  })
})

test('a bind gets the invitations of its address, once, and nobody else gets them', async () => {
  const world = new World()
  const first = await world.store(alice)
  const second = await world.store(alice, { roomId: '!other' })
  await world.store(bob)
  const { invites } = await deliver(world.delivery, world.bind(alice, '@a:x.org'))
  expect(invites.map(({ token }) => token).sort()).toEqual([first.token, second.token].sort())
  expect(
    invites.every(({ address, mxid }) => address === alice.address && mxid === '@a:x.org'),
  ).toBe(true)
  const again = await deliver(world.delivery, world.bind(alice, '@a2:x.org'))
  expect(again.invites).toEqual([])
  const [errand] = world.onbinds
  expect(errand === undefined ? [] : await invitesOf(world.delivery, errand)).toHaveLength(2)
})

test('of an association that does not stand nobody is told', async () => {
  const world = new World()
  const told: unknown[] = []
  const tellHomeserver = async (notice: unknown) => {
    told.push(notice)
    return { result: 'done' } as const
  }
  const association = world.bind(alice, '@a:x.org')
  const tell = () => tellOwner({ ...world.delivery, tellHomeserver }, { association, tokens: [] })
  expect(await tell()).toEqual({ result: 'done' })
  world.bind(alice, '@b:x.org')
  expect(await tell()).toBeNull()
  world.bound.clear()
  expect(await tell()).toBeNull()
  expect(told).toEqual([{ association, invites: [] }])
})

test('a homeserver is told of a bind nobody was invited for', async () => {
  const world = new World()
  await deliver(world.delivery, world.bind(alice, '@a:x.org'))
  expect(world.onbinds).toMatchObject([{ association: { mxid: '@a:x.org' }, tokens: [] }])
})

test('an errand that names the invitation of another address hands nothing over', async () => {
  const world = new World()
  const { token } = await world.store(bob)
  const association = world.bind(alice, '@a:x.org')
  expect(await invitesOf(world.delivery, { association, tokens: [token] })).toEqual([])
})

test('a bind made elsewhere, or before a crash, is found when the invitation is due', async () => {
  const world = new World()
  await world.store(alice)
  world.bind(alice, '@a:x.org')
  await deliverOwed(world.delivery)
  expect(world.onbinds).toEqual([])
  world.nowMs += inviteFirstCheckMs
  await deliverOwed(world.delivery)
  expect(world.onbinds).toMatchObject([{ association: { mxid: '@a:x.org' } }])
  await deliverOwed(world.delivery)
  expect(world.onbinds).toHaveLength(1)
})

test('an invitation nobody has bound is looked at again, less and less often', async () => {
  const world = new World()
  await world.store(alice)
  const gaps: number[] = []
  for (let i = 0; i < 12; i++) {
    const dueMs = world.records.all('invite')[0]?.dueMs ?? 0
    gaps.push(dueMs - world.nowMs)
    world.nowMs = dueMs
    await deliverOwed(world.delivery)
  }
  expect(gaps.at(-1)).toBeGreaterThan(gaps[0] ?? 0)
})

test('told or given up, it is used; let go before, it waits for the next who binds', async () => {
  const world = new World()
  await world.store(alice)
  await deliver(world.delivery, world.bind(alice, '@a:x.org'))
  const [errand] = world.onbinds
  if (errand === undefined) throw new Error('nothing was sent')
  await settleInvites(world.delivery, errand, 'open')
  const { invites } = await deliver(world.delivery, world.bind(alice, '@b:x.org'))
  expect(invites).toHaveLength(1)
  await settleInvites(world.delivery, errand, 'used')
  expect((await deliver(world.delivery, world.bind(alice, '@c:x.org'))).invites).toEqual([])
})

test('invitations that were told of stand in the way of no later one', async () => {
  const world = new World()
  for (let i = 0; i < invitesPerAddressMax; i++) await world.store(alice)
  await expect(world.store(alice)).rejects.toMatchObject({ code: 'limit-exceeded' })
  await deliver(world.delivery, world.bind(alice, '@a:x.org'))
  const [errand] = world.onbinds
  if (errand === undefined) throw new Error('nothing was sent')
  await settleInvites(world.delivery, errand, 'used')
  world.bound.clear()
  const { token } = await world.store(alice)
  const { invites } = await deliver(world.delivery, world.bind(alice, '@b:x.org'))
  expect(invites.map((invite) => invite.token)).toEqual([token])
})

test('an address keeps no more invitations than a bind looks at, told ones among them', async () => {
  const world = new World()
  const storeAndBind = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await world.store(alice)
    await deliver(world.delivery, world.bind(alice, '@a:x.org'))
    world.bound.clear()
  }
  for (let kept = 0; kept < invitesKeptPerAddressMax; kept += invitesPerAddressMax) {
    await storeAndBind(invitesPerAddressMax)
  }
  await expect(world.store(alice)).rejects.toMatchObject({ code: 'limit-exceeded' })
})

test('an invitation that has expired is neither handed over nor signed', async () => {
  const world = new World()
  const { token } = await world.store(alice)
  const request = { mxid: '@a:x.org', token, privateKey: Buffer.alloc(32, 9).toString('base64url') }
  const deps = { invites: world.invites, serverName, clock: world.clock }
  expect((await signWithEphemeralKey(deps, request)).sender).toBe('@s:hs.example')
  world.nowMs += 1_000_000
  await expect(signWithEphemeralKey(deps, request)).rejects.toMatchObject({
    code: 'invite-unknown',
  })
  expect((await deliver(world.delivery, world.bind(alice, '@a:x.org'))).invites).toEqual([])
})

test.each(['', 'short', Buffer.alloc(64).toString('base64'), '!'.repeat(43)])(
  'the private key %j is refused',
  async (privateKey) => {
    const world = new World()
    const { token } = await world.store(alice)
    const deps = { invites: world.invites, serverName, clock: world.clock }
    const signing = signWithEphemeralKey(deps, { mxid: '@a:x.org', token, privateKey })
    await expect(signing).rejects.toMatchObject({ code: 'param-invalid' })
  },
)
