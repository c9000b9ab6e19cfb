import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createMediums, type MediumsOptions } from '../../src/mediums/index.ts'
import type { DeliveryFault, Medium } from '../../src/mediums/medium.ts'
import type { SmsOptions } from '../../src/mediums/msisdn/sms-medium.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createHttpClient } from '../../src/platform/http-client.ts'
import { createNameResolver } from '../../src/platform/name-resolver.ts'
import { sms } from '../unit/mediums/sample-messages.ts'
import { makeCertificate } from './homeserver-fixture.ts'
import { SmsProvider } from './sms-server.ts'

const provider = new SmsProvider()
const nothing: MediumsOptions = {
  email: null,
  sms: null,
  smsReject: [],
  templates: { folder: null, defaultBrand: null, defaultLanguage: 'en' },
}

beforeAll(() => provider.start())
afterAll(() => provider.stop())
beforeEach(() => {
  provider.asked.length = 0
  provider.taken.length = 0
  provider.status = 201
})

function smsOf(options: SmsOptions, caPem?: string): Medium {
  const http = createHttpClient({
    resolver: createNameResolver({ timeoutMs: 3_000 }),
    mayConnect: () => true,
    verifyTls: true,
    callsMax: 64,
    ...(caPem === undefined ? {} : { caPem }),
  })
  const deps = { clock: systemClock, http, serverName: 'id.example.org' }
  const { msisdn } = createMediums({ ...nothing, sms: options }, deps)
  if (msisdn === null) throw new Error('no medium')
  return msisdn
}

const gateway = (url: string): SmsOptions => ({
  provider: 'http',
  originators: { default: ['Mycelid'] },
  url,
  token: 'gateway token',
})

const faultOf = (sent: Promise<void>): Promise<DeliveryFault> =>
  sent.then(
    () => Promise.reject(new Error('it was taken')),
    (fault: DeliveryFault) => fault,
  )

test('a gateway receives one JSON object per message', async () => {
  const medium = smsOf(gateway(`http://127.0.0.1:${provider.port}/sms?key=1`))
  await medium.send({ ...sms, languages: ['de'] })
  const [asked, ...more] = provider.asked
  expect(more).toEqual([])
  expect(asked).toMatchObject({
    url: '/sms?key=1',
    headers: { 'content-type': 'application/json', authorization: 'Bearer gateway token' },
  })
  expect(JSON.parse(asked?.body ?? '')).toEqual({
    to: '+447700900123',
    from: 'Mycelid',
    text: expect.stringMatching(/^123456 ist Ihr Code.* id\.example\.org zu bestätigen/) as string,
  })
})

test('twilio receives its form', async () => {
  const baseUrl = `http://127.0.0.1:${provider.port}`
  const account = { accountSid: 'AC1', authToken: 'secret', from: '+441', baseUrl }
  await smsOf({ provider: 'twilio', originators: {}, ...account }).send(sms)
  const [asked] = provider.asked
  expect(asked?.url).toBe('/2010-04-01/Accounts/AC1/Messages.json')
  expect(asked?.headers['authorization']).toBe(`Basic ${btoa('AC1:secret')}`)
  expect([...new URLSearchParams(asked?.body).keys()]).toEqual(['To', 'From', 'Body'])
})

test('a redirect takes neither the number nor the token anywhere', async () => {
  provider.status = 307
  const fault = await faultOf(smsOf(gateway(`http://127.0.0.1:${provider.port}/sms`)).send(sms))
  expect(fault).toMatchObject({ reason: 'setup', isPermanent: false, status: 307 })
  expect(provider.asked.map(({ url }) => url)).toEqual(['/sms'])
})

describe('over TLS', () => {
  test('the certificate must be trusted and bear the name', async () => {
    const seen: string[] = []
    const pair = await makeCertificate(['localhost'])
    const server = createServer(pair, (request, response) => {
      seen.push(request.url ?? '')
      response.end('{}')
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve())
    })
    const { port } = server.address() as AddressInfo
    try {
      await smsOf(gateway(`https://localhost:${port}/right`), pair.cert).send(sms)
      const unknown = smsOf(gateway(`https://localhost:${port}/unknown`))
      const misnamed = smsOf(gateway(`https://127.0.0.1:${port}/misnamed`), pair.cert)
      for (const medium of [unknown, misnamed]) {
        const fault = await faultOf(medium.send(sms))
        expect(fault).toMatchObject({ reason: 'unreachable', isPermanent: false })
      }
      expect(seen).toEqual(['/right'])
    } finally {
      server.close()
    }
  })
})
