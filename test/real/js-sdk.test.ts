import { afterAll, beforeAll, expect, test } from 'vitest'
import { publicKeyFromSeed } from '../../src/domain/ed25519.ts'
import { verifySignedJson } from '../../src/domain/matrix-json.ts'
import { ClientServerApi } from './client-server-api.ts'
import { IdentitySite, linkIn } from './identity-site.ts'
import { loadJsSdk, silent, type JsSdk, type MatrixClient } from './js-sdk.ts'
import { SmsProvider } from './sms-server.ts'

/** matrix-js-sdk, from the first OpenID token to the logout: what each call answers, and how it shows each error. */

const site = new IdentitySite()
const sms = new SmsProvider()
const homeserver = new ClientServerApi(site)
const termsUrls = ['https://id.example.org/privacy-fr', 'https://id.example.org/tos-en'] as const
let sdk: JsSdk
let baseUrl: string
let alice: MatrixClient
let token: string

beforeAll(async () => {
  await Promise.all([sms.start(), homeserver.start()])
  const policy = (name: string) => ({
    version: '1.2',
    en: { name, url: `https://id.example.org/${name}-en` },
    fr: { name: `${name} (fr)`, url: `https://id.example.org/${name}-fr` },
  })
  const settings = {
    sms: { provider: 'http', http: { url: `http://127.0.0.1:${sms.port}/sms` } },
    terms: { policies: { privacy: policy('privacy'), tos: policy('tos') } },
  }
  const { node } = await site.start(settings, ({ ports }) => ({
    MYCELID_NODE__PUBLIC_BASE_URL: `http://127.0.0.1:${ports.public}`,
  }))
  baseUrl = `http://127.0.0.1:${node.ports.public}`
  sdk = await loadJsSdk()
  alice = clientOf('alice')
  token = await registered(alice)
})

afterAll(async () => {
  await Promise.all([sms.stop(), homeserver.stop()])
  expect(await site.end()).toEqual([])
})

function clientOf(user: string, idBaseUrl = baseUrl): MatrixClient {
  return sdk.createClient({
    baseUrl: homeserver.url,
    // As Element keeps it, with the slash it may have been given.
    idBaseUrl: `${idBaseUrl}/`,
    accessToken: `client-${user}`,
    userId: site.homeserver.mxid(user),
    identityServer: { getAccessToken: async () => token },
    logger: silent,
  })
}

async function registered(client: MatrixClient): Promise<string> {
  const answer = await client.registerWithIdentityServer(await client.getOpenIdToken())
  expect(answer.access_token).toBe(answer.token)
  site.mesh.secrets.add(answer.token)
  return answer.token
}

async function agreeing(user: string): Promise<{ client: MatrixClient; token: string }> {
  const client = clientOf(user)
  const own = await registered(client)
  await client.agreeToTerms(sdk.SERVICE_TYPES.IS, baseUrl, own, [...termsUrls])
  return { client, token: own }
}

/** How the client shows what went wrong. */
async function errorOf(called: Promise<unknown>): Promise<unknown> {
  const error = await called.then(
    () => Promise.reject(new Error('it succeeded')),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(sdk.MatrixError)
  const { errcode, httpStatus } = error as { errcode?: string; httpStatus?: number }
  return [httpStatus, errcode]
}

/** Asks for a mail, follows its link as a browser would, and answers the session. */
async function validated(client: MatrixClient, own: string, address: string) {
  const client_secret = client.generateClientSecret()
  const before = site.mailServer.mails.length
  const { sid } = await client.requestEmailToken(address, client_secret, 1, undefined, own)
  const { search } = linkIn(await site.mailServer.mail(before + 1))
  expect((await site.get(`/v2/validate/email/submitToken${search}`)).status).toBe(200)
  const place = { id_server: baseUrl.replace('http://', ''), id_access_token: own }
  return { sid, client_secret, ...place }
}

test('a homeserver that does not vouch is an error of the client, and so is a token nobody gave', async () => {
  const openId = await alice.getOpenIdToken()
  const foreign = { ...openId, access_token: 'open-1' }
  expect(await errorOf(alice.registerWithIdentityServer(foreign))).toEqual([401, 'M_UNAUTHORIZED'])
  expect(await errorOf(alice.getIdentityAccount('mistaken'))).toEqual([401, 'M_UNAUTHORIZED'])
})

test('terms stand before everything until each policy was agreed to in some language', async () => {
  const { IS } = sdk.SERVICE_TYPES
  const refused = [403, 'M_TERMS_NOT_SIGNED']
  expect(await errorOf(alice.getIdentityAccount(token))).toEqual(refused)
  expect(await errorOf(alice.getIdentityHashDetails(token))).toEqual(refused)
  expect(await errorOf(alice.requestEmailToken('a@b.example', 'c', 1, undefined, token))).toEqual(
    refused,
  )
  const { policies } = await alice.getTerms(IS, baseUrl)
  expect(policies['privacy']).toMatchObject({ version: '1.2', fr: { url: termsUrls[0] } })
  await alice.agreeToTerms(IS, baseUrl, token, [termsUrls[0]])
  expect(await errorOf(alice.getIdentityAccount(token))).toEqual(refused)
  await alice.agreeToTerms(IS, baseUrl, token, [...termsUrls])
  const account = await alice.getIdentityAccount(token)
  expect(account).toEqual({ user_id: site.homeserver.mxid('alice') })
  const second = await registered(alice)
  expect(await alice.getIdentityAccount(second)).toEqual(account)
})

test('an address validated by mail is bound by the homeserver, looked up, and unbound', async () => {
  const address = site.mesh.address('alice')
  const nobodys = site.mesh.address('nobody')
  const shown = 'Alice@People.example'
  const mxid = site.homeserver.mxid('alice')
  await alice.bindThreePid(await validated(alice, token, address))
  const details = await alice.getIdentityHashDetails(token)
  expect(details).toEqual({ algorithms: ['sha256', 'none'], lookup_pepper: 'matrixrocks' })
  const pairs: [string, string][] = [
    [shown, 'email'],
    [nobodys, 'email'],
  ]
  expect(await alice.identityHashedLookup(pairs, token)).toEqual([{ address: shown, mxid }])
  expect(await alice.lookupThreePid('email', shown, token)).toMatchObject({ mxid })
  expect(await alice.lookupThreePid('email', nobodys, token)).toEqual({})
  const bulk = await alice.bulkLookupThreePids([['email', address]], token)
  expect(bulk).toEqual({ threepids: [['email', address, mxid]] })
  expect(await alice.unbindThreePid('email', address)).toEqual({
    id_server_unbind_result: 'success',
  })
  expect(await alice.lookupThreePid('email', address, token)).toEqual({})
})

test('a phone number is validated by the code of its message, and bound', async () => {
  const number = '447700900123'
  site.mesh.secrets.add(number)
  const secret = alice.generateClientSecret()
  const asked = await alice.requestMsisdnToken('GB', '07700 900123', secret, 1, undefined, token)
  expect(asked).toMatchObject({ success: true, msisdn: number, intl_fmt: '+44 7700 900123' })
  await expect.poll(() => sms.asked.length, { timeout: 15_000 }).toBe(1)
  const message = JSON.parse(sms.asked[0]?.body ?? '{}') as { to: string; text: string }
  expect(message.to).toBe(`+${number}`)
  const code = /^\d{6}/.exec(message.text)?.[0] ?? ''
  const { sid } = asked
  const wrong = code === '000000' ? '000001' : '000000'
  expect(await errorOf(alice.submitMsisdnToken(sid, secret, wrong, token))).toEqual([
    400,
    'M_TOKEN_INCORRECT',
  ])
  expect(await alice.submitMsisdnToken(sid, secret, code, token)).toEqual({ success: true })
  // Where the homeserver gave a submit_url, the client posts there, without a token.
  const url = site.url('/api/v1/validate/msisdn/submitToken')
  expect(await alice.submitMsisdnTokenOtherUrl(url, sid, secret, code)).toEqual({ success: true })
  const place = { id_server: baseUrl.replace('http://', ''), id_access_token: token }
  await alice.bindThreePid({ sid, client_secret: secret, ...place })
  expect(await alice.lookupThreePid('msisdn', number, token)).toMatchObject({
    mxid: site.homeserver.mxid('alice'),
  })
})

test('a guest invited by mail signs as the mail says, joins, and is told of when the address is bound', async () => {
  const address = site.mesh.address('guest')
  const roomId = '!tea:hs.example'
  const before = site.mailServer.mails.length
  await alice.inviteByEmail(roomId, address)
  const { text = '' } = await site.mailServer.mail(before + 1)
  const link = /https?:\/\/\S+\/#\/room\/\S+/.exec(text)?.[0] ?? ''
  const inviteSignUrl = new URL(link.replace('/#/', '/')).searchParams.get('signurl') ?? ''
  expect(inviteSignUrl.startsWith(`${baseUrl}/_matrix/identity/`)).toBe(true)

  const { client: guest, token: own } = await agreeing('guest')
  await guest.joinRoom(roomId, { inviteSignUrl, syncRoom: false })
  const [join] = homeserver.joins
  const mxid = site.homeserver.mxid('guest')
  const signed = join?.signed ?? {}
  expect(signed).toMatchObject({ mxid, sender: site.homeserver.mxid('alice') })
  const privateKey = new URL(inviteSignUrl).searchParams.get('private_key') ?? ''
  const publicKey = publicKeyFromSeed(Buffer.from(privateKey, 'base64url'))
  expect(verifySignedJson(signed, 'id.example.org', 'ed25519:0', publicKey)).toBe(true)

  await guest.bindThreePid(await validated(guest, own, address))
  const told = () => site.homeserver.told.find(({ body }) => body['mxid'] === mxid)?.body
  await expect.poll(told, { timeout: 15_000 }).toMatchObject({ invites: [{ mxid, address }] })
  expect(await errorOf(alice.inviteByEmail(roomId, address))).toEqual([400, 'M_THREEPID_IN_USE'])
})

test('every refusal reaches the client with its status and code', async () => {
  const secret = alice.generateClientSecret()
  const mail = (address: string, own = token) =>
    errorOf(alice.requestEmailToken(address, secret, 1, undefined, own))
  expect(await mail('no address')).toEqual([400, 'M_INVALID_EMAIL'])
  expect(await mail(site.mesh.address('late'), 'mistaken')).toEqual([401, 'M_UNAUTHORIZED'])
  const phone = alice.requestMsisdnToken('GB', '12', secret, 1, undefined, token)
  expect(await errorOf(phone)).toEqual([400, 'M_INVALID_ADDRESS'])
  expect(await errorOf(alice.submitMsisdnToken('none', secret, '1', token))).toEqual([
    404,
    'M_NO_VALID_SESSION',
  ])
  const address = site.mesh.address('idle')
  const { sid } = await alice.requestEmailToken(address, secret, 1, undefined, token)
  const place = { id_server: baseUrl.replace('http://', ''), id_access_token: token }
  expect(await errorOf(alice.bindThreePid({ sid, client_secret: secret, ...place }))).toEqual([
    400,
    'M_SESSION_NOT_VALIDATED',
  ])
  const nextLink = 'javascript:alert(1)'
  const led = alice.requestEmailToken(address, secret, 2, nextLink, token)
  expect(await errorOf(led)).toEqual([400, 'M_INVALID_PARAM'])
})

test('who asks too much is told when to ask again', async () => {
  const { node } = await site.startNode('thrifty', { rate_limits: { burst: 3, per_second: 0.1 } })
  const client = clientOf('alice', `http://127.0.0.1:${node.ports.public}`)
  for (let asked = 0; asked < 3; asked++) await registered(client)
  const openId = await client.getOpenIdToken()
  const error = await client.registerWithIdentityServer(openId).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ httpStatus: 429, errcode: 'M_LIMIT_EXCEEDED' })
  const limited = error as { isRateLimitError(): boolean; getRetryAfterMs(): number | null }
  expect(limited.isRateLimitError()).toBe(true)
  expect(limited.getRetryAfterMs()).toBeGreaterThan(0)
  expect(limited.getRetryAfterMs()).toBeLessThanOrEqual(10_000)
})

test('after the logout its token is nobody’s, and the others of its user still are', async () => {
  const { client, token: first } = await agreeing('bob')
  const second = await registered(client)
  const { V2 } = sdk.IdentityPrefix
  const logout = () => client.http.idServerRequest('POST', '/account/logout', undefined, V2, first)
  expect(await logout()).toEqual({})
  expect(await errorOf(client.getIdentityAccount(first))).toEqual([401, 'M_UNAUTHORIZED'])
  expect(await client.getIdentityAccount(second)).toEqual({ user_id: site.homeserver.mxid('bob') })
  expect(await errorOf(logout())).toEqual([401, 'M_UNAUTHORIZED'])
})
