import { beforeEach, describe, expect, test } from 'vitest'
import { ownDestinations } from '../../../src/domain/destination.ts'
import { publicKeyFromSeed } from '../../../src/domain/ed25519.ts'
import { RefusalError } from '../../../src/domain/refusal.ts'
import type { ServerName } from '../../../src/domain/server-name.ts'
import { isSigned, verifyRequest, type SignedRequest } from '../../../src/matrix/verify-request.ts'
import { homeserverKey, xMatrix, type HomeserverKey } from './homeserver-world.ts'

const uri = '/_matrix/identity/v2/3pid/unbind'
const content = {
  mxid: '@alice:hs.example',
  threepid: { medium: 'email', address: 'alice@example.org' },
}
const key = homeserverKey('ed25519:a', 1)
const signed = { method: 'POST', uri, origin: 'hs.example', content }
const is = 'id.example.org'

let offered: HomeserverKey[]
let asked: string[]

beforeEach(() => {
  offered = [key]
  asked = []
})

function verified(
  authorizations: string | readonly string[],
  more: Partial<SignedRequest> & { allowed?: string[] } = {},
): Promise<void> {
  const { allowed = ['*'], ...request } = more
  return verifyRequest(
    {
      keys: {
        find: async ({ text }: ServerName, keyId: string) => {
          asked.push(`${text} ${keyId}`)
          if (text !== 'hs.example') throw new RefusalError('homeserver-unreachable', 'no')
          const found = offered.find((one) => one.keyId === keyId)
          return found === undefined ? null : publicKeyFromSeed(found.seed)
        },
      },
      destinations: ownDestinations({
        serverName: is,
        publicBaseUrl: 'https://www.example.org:8443',
        aliases: ['old.example.net'],
      }),
      homeserversAllowed: allowed,
      mayConnect: (address) => address !== '127.0.0.1',
      logger: { debug: () => {} },
    },
    {
      method: 'POST',
      uri,
      content,
      origin: 'hs.example',
      authorizations: typeof authorizations === 'string' ? [authorizations] : authorizations,
      ...request,
    },
  )
}

const good = xMatrix({ ...signed, destination_is: is }, key, is)
const invalid = { code: 'signature-invalid' }

describe('a signature holds', () => {
  test.each([
    is,
    'ID.example.org',
    `${is}/`,
    `${is}/path`,
    'www.example.org',
    'www.example.org:8443/x',
    'old.example.net',
  ])('for %s, as homeservers put it in', async (destination) => {
    await verified(xMatrix({ ...signed, destination_is: destination }, key, destination))
    expect(asked).toEqual(['hs.example ed25519:a'])
  })

  test('for the destination as the specification puts it in', async () => {
    await verified(xMatrix({ ...signed, destination: is }, key, is))
  })

  test('without a destination in the header, for any of our names or for nobody', async () => {
    for (const name of [is, 'www.example.org:8443', 'old.example.net']) {
      await verified(xMatrix({ ...signed, destination_is: name }, key, null))
      await verified(xMatrix({ ...signed, destination: name }, key, null))
    }
    await verified(xMatrix(signed, key, null))
  })

  test('as often as it is shown', async () => {
    await verified(good)
    await verified(good)
  })

  test('beside a bearer token, and twice by two keys', async () => {
    offered.push(homeserverKey('ed25519:b', 2))
    const other = xMatrix({ ...signed, destination_is: is }, homeserverKey('ed25519:b', 2), is)
    await verified(['Bearer abc', good, other])
    expect(asked).toEqual(['hs.example ed25519:a', 'hs.example ed25519:b'])
  })

  test('for a body whose keys readers sort differently', async () => {
    const odd = JSON.parse(
      '{"mxid":"@alice:hs.example","10":1,"2":2,"__proto__":{"a":1},"\\uff5e":3,"\\ud83d\\ude00":4,"s":"\\u0007\\u2028/"}',
    ) as Record<string, unknown>
    const header = xMatrix({ ...signed, content: odd, destination_is: is }, key, is)
    await verified(header, { content: odd })
  })
})

describe('a signature does not hold', () => {
  const large = { a: 'x'.repeat(20_000) }
  const signing = (more: object) => xMatrix({ ...signed, destination_is: is, ...more }, key, is)

  test.each<[string, string | string[], Partial<SignedRequest>]>([
    ['for another body', good, { content: { ...content, mxid: '@bob:hs.example' } }],
    ['for another path', good, { uri: '/_matrix/identity/api/v1/3pid/unbind' }],
    ['for another method', signing({ method: 'PUT' }), {}],
    ['when it was made for another body', signing({ content: {} }), {}],
    ['when it was made for another path', signing({ uri: '/other' }), {}],
    ['when it was made for another server', signing({ destination_is: 'evil.example' }), {}],
    [
      'for another server',
      xMatrix({ ...signed, destination_is: 'evil.example' }, key, 'evil.example'),
      {},
    ],
    ['for nobody, in a header that names us', xMatrix(signed, key, is), {}],
    [
      'for another server, in a header that names nobody',
      xMatrix({ ...signed, destination_is: 'evil.example' }, key, null),
      {},
    ],
    [
      'of a key the homeserver does not offer',
      xMatrix({ ...signed, destination_is: is }, homeserverKey('ed25519:z', 1), is),
      {},
    ],
    [
      'of another key under the same name',
      xMatrix({ ...signed, destination_is: is }, homeserverKey('ed25519:a', 9), is),
      {},
    ],
    ['that is none', good.replace(/sig="[^"]*"/, 'sig="AAAA"'), {}],
    ['that is no base64', good.replace(/sig="[^"]*"/, 'sig="***"'), {}],
    ['in a header that cannot be read', 'X-Matrix origin="hs.example"', {}],
    ['when there is none', ['Bearer abc'], {}],
    ['beside one that does not', [good, good.replace(/sig="[^"]*"/, 'sig="AAAA"')], {}],
    ['beside one that cannot be read', [good, 'X-Matrix'], {}],
    ['more than four times', Array<string>(5).fill(good), {}],
    ['for a body of numbers without canonical form', good, { content: { a: 0.5 } }],
    ['for a body beyond any size', signing({ content: large }), { content: large }],
  ])('%s', async (_name, authorizations, more) => {
    await expect(verified(authorizations, more)).rejects.toMatchObject(invalid)
  })

  test.each([
    'evil.example',
    'HS.example',
    'hs.example:8448',
    'xhs.example',
    'hs.example.',
    'good',
  ])('of the origin %s, whose users are others; nobody is asked for keys', async (origin) => {
    const header = xMatrix({ ...signed, origin, destination_is: is }, key, is)
    await expect(verified(header)).rejects.toMatchObject(invalid)
    await expect(verified([good, header])).rejects.toMatchObject(invalid)
    await expect(verified([header, good])).rejects.toMatchObject(invalid)
    expect(asked).toEqual([])
  })

  test.each(['127.0.0.1', '127.0.0.1:8448', '2130706433', '0x7f.1', 'a@b', 'evil:good', ''])(
    'of %j, which is no homeserver; nobody is called',
    async (origin) => {
      const header = xMatrix({ ...signed, origin, destination_is: is }, key, is)
      await expect(verified(header, { origin })).rejects.toMatchObject(invalid)
      expect(asked).toEqual([])
    },
  )

  test('of a homeserver that may not sign here; it is not called', async () => {
    const refusal = verified(good, { allowed: ['*.example.org'] })
    await expect(refusal).rejects.toMatchObject({ code: 'homeserver-not-allowed' })
    expect(asked).toEqual([])
  })
})

test('a request is signed when one of its headers says so, rightly or not', () => {
  expect(isSigned([])).toBe(false)
  expect(isSigned(['Bearer X-Matrix'])).toBe(false)
  expect(isSigned(['Bearer a', 'x-matrix nonsense'])).toBe(true)
})
