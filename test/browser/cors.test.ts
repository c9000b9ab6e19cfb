import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPlain } from '../real/homeserver-fixture.ts'
import { IdentitySite } from '../real/identity-site.ts'
import {
  beginVisit,
  hasNoChromium,
  launchChromium,
  type Browser,
  type Context,
  type Page,
} from './chromium.ts'

/** What a web client on an origin of its own can do: every operation, with the token in its header. */

type Call = {
  readonly method: 'GET' | 'POST'
  /** As the description has it, below /_matrix/identity. */
  readonly operation: string
  /** What is asked for, where it is not the operation itself. */
  readonly path?: string
  readonly body?: object
  readonly status: number
  readonly errcode?: string
}

const session = { sid: 'none', client_secret: 'none' }
const submission = '?sid=none&client_secret=none&token=1'
const mxid = '@somebody:hs.example'

const calls: readonly Call[] = [
  { method: 'GET', operation: '/v2', status: 200 },
  { method: 'GET', operation: '/v2/account', status: 200 },
  { method: 'GET', operation: '/v2/terms', status: 200 },
  { method: 'POST', operation: '/v2/terms', body: { user_accepts: [] }, status: 200 },
  { method: 'GET', operation: '/v2/hash_details', status: 200 },
  {
    method: 'POST',
    operation: '/v2/lookup',
    body: { addresses: [], algorithm: 'sha256', pepper: 'matrixrocks' },
    status: 200,
  },
  { method: 'GET', operation: '/v2/pubkey/{keyId}', path: '/v2/pubkey/ed25519:0', status: 404 },
  { method: 'GET', operation: '/v2/pubkey/isvalid', status: 400, errcode: 'M_MISSING_PARAMS' },
  {
    method: 'GET',
    operation: '/v2/pubkey/ephemeral/isvalid',
    path: '/v2/pubkey/ephemeral/isvalid?public_key=none',
    status: 200,
  },
  {
    method: 'POST',
    operation: '/v2/validate/email/requestToken',
    body: { email: 'no address', client_secret: 'c', send_attempt: '1' },
    status: 400,
    errcode: 'M_INVALID_EMAIL',
  },
  {
    method: 'POST',
    operation: '/v2/validate/msisdn/requestToken',
    body: { country: 'GB', phone_number: '1', client_secret: 'c', send_attempt: '1' },
    status: 400,
  },
  ...(['email', 'msisdn'] as const).flatMap((medium): Call[] => [
    {
      method: 'POST',
      operation: `/v2/validate/${medium}/submitToken`,
      body: { ...session, token: '1' },
      status: 404,
      errcode: 'M_NO_VALID_SESSION',
    },
    {
      method: 'GET',
      operation: `/v2/validate/${medium}/submitToken`,
      path: `/v2/validate/${medium}/submitToken${submission}`,
      status: 404,
    },
  ]),
  {
    method: 'GET',
    operation: '/v2/3pid/getValidated3pid',
    path: `/v2/3pid/getValidated3pid${submission}`,
    status: 404,
    errcode: 'M_NO_VALID_SESSION',
  },
  { method: 'POST', operation: '/v2/3pid/bind', body: { ...session, mxid }, status: 403 },
  {
    method: 'POST',
    operation: '/v2/3pid/unbind',
    body: { mxid, threepid: { medium: 'email', address: 'a@b.example' } },
    status: 403,
  },
  {
    method: 'POST',
    operation: '/v2/store-invite',
    body: { medium: 'email', address: 'a@b.example', room_id: '!a:b', sender: mxid },
    status: 403,
  },
  {
    method: 'POST',
    operation: '/v2/sign-ed25519',
    body: { mxid, token: 'none', private_key: 'none' },
    status: 400,
  },
  {
    method: 'POST',
    operation: '/v2/account/register',
    body: { access_token: 'nobodys', token_type: 'Bearer', matrix_server_name: '', expires_in: 1 },
    status: 400,
  },
  { method: 'POST', operation: '/v2/account/logout', status: 200 },
]

type Read = {
  readonly type: string
  readonly status: number
  readonly text: string
  readonly requestId: string | null
}

describe.skipIf(hasNoChromium)('in chromium, a web client on another origin', () => {
  const site = new IdentitySite()
  let browser: Browser
  let app: Awaited<ReturnType<typeof startPlain>>
  let page: Page
  let context: Context
  let alice = ''
  const preflights: string[] = []
  /** Of the browser, such as that a lone `*` will not cover Authorization for ever. */
  const issues: string[] = []

  beforeAll(async () => {
    await site.start()
    app = await startPlain((_, response) => response.end('<!doctype html><title>app</title>'))
    browser = await launchChromium()
    alice = await site.register('alice')
    const visit = await beginVisit(browser)
    page = visit.page
    context = visit.context
    const tools = await context.newCDPSession(page)
    await tools.send('Network.enable')
    tools.on('Network.requestWillBeSent', ({ request }) => {
      if (request.method === 'OPTIONS') preflights.push(request.url)
    })
    await tools.send('Audits.enable')
    tools.on('Audits.issueAdded', ({ issue }) => {
      if (/Cors|Deprecation/.test(issue.code)) issues.push(JSON.stringify(issue))
    })
    await page.goto(`http://127.0.0.1:${app.port}/`)
  })

  afterAll(async () => {
    await browser.close()
    await app.stop()
    expect(await site.end()).toEqual([])
  })

  /** What a script on the page is let to read of the answer; throws as fetch does. */
  function ask(path: string, options: { method: string; headers: object; body?: string }) {
    return page.evaluate(
      async ({ url, options }): Promise<Read> => {
        const answer = await fetch(url, options as RequestInit)
        const { type, status, headers } = answer
        return { type, status, text: await answer.text(), requestId: headers.get('x-request-id') }
      },
      { url: site.url(path), options },
    )
  }

  test('reads the answer of every v2 operation, refusals among them', async () => {
    const described = await site.get('/openapi.json')
    const paths = described.json['paths'] as Record<string, Record<string, unknown>>
    const operations = Object.entries(paths)
      .filter(([path]) => path.startsWith('/_matrix/identity/v2'))
      .flatMap(([path, methods]) =>
        Object.keys(methods).map(
          (method) => `${method.toUpperCase()} ${path.replace('/_matrix/identity', '')}`,
        ),
      )
    const asked = calls.map(({ method, operation }) => `${method} ${operation}`)
    expect(asked.toSorted()).toEqual(operations.toSorted())

    for (const { method, operation, path = operation, body, status, errcode } of calls) {
      const read = await ask(path, {
        method,
        headers: { authorization: `Bearer ${alice}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      expect({ operation, type: read.type, status: read.status }).toEqual({
        operation,
        type: 'cors',
        status,
      })
      expect(read.requestId).toMatch(/./)
      if (errcode !== undefined) expect(JSON.parse(read.text)).toMatchObject({ errcode })
    }
    const unasked = () =>
      calls.filter(({ operation, path = operation }) => !preflights.includes(site.url(path)))
    await expect.poll(unasked).toEqual([])
    expect(issues).toEqual([])
  })

  test.each([
    ['without a token', '/v2/account', 401, 'M_UNAUTHORIZED'],
    ['of a path nobody knows', '/v2/nothing', 404, 'M_UNRECOGNIZED'],
  ])('reads why it is refused %s', async (_what, path, status, errcode) => {
    const read = await ask(path, { method: 'GET', headers: { authorization: 'Bearer none' } })
    expect([read.status, JSON.parse(read.text)]).toMatchObject([status, { errcode }])
  })

  test('reads why a method is refused', async () => {
    const read = await ask('/v2/account', { method: 'DELETE', headers: {} })
    expect([read.status, JSON.parse(read.text)]).toMatchObject([405, { errcode: 'M_UNRECOGNIZED' }])
  })

  test('has an invitation signed at the v1 address of its mail, without a body or a preflight', async () => {
    const address = site.mesh.address('guest')
    const bob = await site.register('bob')
    const stored = await site.post(
      '/v2/store-invite',
      {
        medium: 'email',
        address,
        room_id: '!tea:hs.example',
        sender: site.homeserver.mxid('bob'),
      },
      bob,
    )
    const { text = '' } = await site.mailServer.mail(1)
    const link = /https?:\/\/\S+\/#\/room\/\S+/.exec(text)?.[0] ?? ''
    const signurl = new URL(new URL(link.replace('/#/', '/')).searchParams.get('signurl') ?? '')
    const before = preflights.length
    const mxid = site.homeserver.mxid('guest')
    signurl.searchParams.set('mxid', mxid)
    const path = `${signurl.pathname.replace('/_matrix/identity', '')}${signurl.search}`
    const read = await ask(path, { method: 'POST', headers: {} })
    expect([read.type, read.status]).toEqual(['cors', 200])
    expect(JSON.parse(read.text)).toMatchObject({ mxid, token: stored.json['token'] })
    expect(preflights.slice(before)).toEqual([])
  })
})
