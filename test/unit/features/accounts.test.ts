import { expect, test } from 'vitest'
import { hashToken, isGenuineToken } from '../../../src/domain/access-token.ts'
import { tokensPerUserMax } from '../../../src/domain/api-limits.ts'
import { RefusalError } from '../../../src/domain/refusal.ts'
import { logout, register, type AccountsDeps } from '../../../src/features/accounts/accounts.ts'

const secret = Buffer.alloc(32, 1)

function start(more: Partial<AccountsDeps> = {}): { deps: AccountsDeps; done: unknown[] } {
  const done: unknown[] = []
  const deps: AccountsDeps = {
    secret,
    vouch: async (serverName) => `@alice:${serverName}`,
    saveToken: async (change) => void done.push(change),
    removeToken: async (tokenHash) => void done.push(['removed', tokenHash]),
    forgetToken: (token) => void done.push(['forgotten', token]),
    homeserversAllowed: ['*'],
    rateLimits: { spend: () => {} },
    clock: { wallMs: () => 1234 },
    random: { bytes: (count) => Buffer.alloc(count, 7) },
    ...more,
  }
  return { deps, done }
}

const request = { serverName: 'hs.example', openidToken: 'opaque' }

test('a vouched user gets a genuine token, of which only the hash is stored', async () => {
  const { deps, done } = start()
  const token = await register(deps, request)
  expect(isGenuineToken(secret, token)).toBe(true)
  expect(done).toEqual([
    {
      type: 'save',
      tokenHash: hashToken(token),
      mxid: '@alice:hs.example',
      createdAtMs: 1234,
      perUserMax: tokensPerUserMax,
    },
  ])
})

test('nothing is stored before the homeserver vouches, and nobody is told a token that is not stored', async () => {
  const refusing = start({
    vouch: () => Promise.reject(new RefusalError('homeserver-refused', 'no')),
  })
  await expect(register(refusing.deps, request)).rejects.toMatchObject({
    code: 'homeserver-refused',
  })
  expect(refusing.done).toEqual([])
  const full = start({ saveToken: () => Promise.reject(new RefusalError('storage-full', 'full')) })
  await expect(register(full.deps, request)).rejects.toMatchObject({ code: 'storage-full' })
})

test.each([
  [['*'], 'anything.example', true],
  [['hs.example'], 'hs.example', true],
  [['HS.example'], 'hs.EXAMPLE', true],
  [['hs.example'], 'hs.example:8448', false],
  [['hs.example:8448'], 'hs.example:8448', true],
  [['hs.example'], 'evil-hs.example', false],
  [['*.example.org'], 'a.example.org', true],
  [['*.example.org'], 'a.b.example.org', true],
  [['*.example.org'], 'example.org', false],
  [['*.example.org'], 'notexample.org', false],
  [[], 'hs.example', false],
])('with %j allowed, whether %s may vouch is %s', async (homeserversAllowed, serverName, may) => {
  const asked: string[] = []
  const vouch = async (name: string): Promise<string> => {
    asked.push(name)
    return `@a:${name}`
  }
  const { deps } = start({ homeserversAllowed, vouch })
  const result = register(deps, { ...request, serverName })
  if (may) await result
  else await expect(result).rejects.toMatchObject({ code: 'homeserver-not-allowed' })
  expect(asked).toEqual(may ? [serverName] : [])
})

test('a token is forgotten only once it is no longer stored', async () => {
  const { deps, done } = start()
  await logout(deps, 'myc_x')
  expect(done).toEqual([
    ['removed', hashToken('myc_x')],
    ['forgotten', 'myc_x'],
  ])
})

test('a homeserver that vouches for too many is asked no more for a while', async () => {
  const spent: unknown[] = []
  let isAsked = false
  const { deps } = start({
    vouch: async () => {
      isAsked = true
      return '@alice:hs.example'
    },
    rateLimits: {
      spend: (...given) => {
        spent.push(given)
        throw new RefusalError('limit-exceeded', 'too many requests')
      },
    },
  })
  const wanted = { ...request, serverName: 'HS.example' }
  await expect(register(deps, wanted)).rejects.toMatchObject({ code: 'limit-exceeded' })
  expect([spent, isAsked]).toEqual([[['homeserver', 'hs.example']], false])
})
