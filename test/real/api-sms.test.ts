import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { done, incorrect, noSession, outcome } from './api-session-calls.ts'
import { IdentitySite, type Answer } from './identity-site.ts'
import { until } from './mesh-parties.ts'
import { SmsProvider } from './sms-server.ts'

/** Phone numbers: as they are dialled, what the provider gets, and where nothing is sent. */

const provider = new SmsProvider()
const site = new IdentitySite()
const twilioSite = new IdentitySite()
let alice = ''

beforeAll(async () => {
  await provider.start()
  const url = `http://127.0.0.1:${provider.port}`
  await Promise.all([
    site.start({
      sms: { provider: 'http', http: { url: `${url}/sms` } },
      sms_reject: [{ country: 'FR', prefix: 33 }, { prefix: '4479' }],
      validation: { attempts_max: 3 },
    }),
    twilioSite.start({
      sms: {
        provider: 'twilio',
        twilio: { account_sid: 'AC1', auth_token: 'provider-token', from: '+441', base_url: url },
      },
    }),
  ])
  alice = await site.register('alice')
})

afterAll(async () => {
  expect([await site.end(), await twilioSite.end()]).toEqual([[], []])
  await provider.stop()
})

let secretsCount = 0

function ask(
  phone_number: unknown,
  country: unknown,
  more: object = {},
  prefix = '/v2',
): Promise<Answer> {
  const client_secret = `sms-client-secret-${++secretsCount}`
  site.mesh.secrets.add(client_secret)
  const body = { client_secret, phone_number, country, send_attempt: 1, ...more }
  return site.post(`${prefix}/validate/msisdn/requestToken`, body, alice)
}

type Sms = { readonly to: string; readonly text: string }

async function begin(number: string, prefix = '/v2') {
  const before = provider.asked.length
  const client_secret = `sms-session-secret-${++secretsCount}`
  const asked = await ask(number, 'GB', { client_secret }, prefix)
  await until('an SMS', () => provider.asked.length > before, 10_000)
  const sms = JSON.parse(provider.asked.at(-1)?.body ?? '') as Sms
  const token = /\b\d{6}\b/.exec(sms.text)?.[0] ?? ''
  for (const text of [number.replace(/\D/g, ''), sms.to, client_secret]) site.mesh.secrets.add(text)
  return { asked, sms, session: { sid: String(asked.json['sid']), client_secret, token } }
}

describe.each(['/v2', '/api/v1'])('in %s', (prefix) => {
  const number = prefix === '/v2' ? '07700 900751' : '07700 900752'
  const msisdn = `44${number.slice(1).replace(' ', '')}`

  test('a number is asked for, proved, and bound as its digits', async () => {
    const { asked, sms, session } = await begin(number, prefix)
    expect(asked.json).toEqual({
      sid: session.sid,
      success: true,
      msisdn,
      intl_fmt: `+44 ${number.slice(1)}`,
    })
    expect(sms.to).toBe(`+${msisdn}`)
    expect(Object.keys(sms).toSorted()).toEqual(['text', 'to'])
    const submit = (changes: object): Promise<Answer> =>
      site.post(`${prefix}/validate/msisdn/submitToken`, { ...session, ...changes }, alice)
    const wrong = session.token === '000000' ? '000001' : '000000'
    expect(outcome(await submit({ token: wrong }))).toEqual(incorrect)
    expect(outcome(await submit({ sid: 'unknown' }))).toEqual(noSession)
    const email = await site.post(`${prefix}/validate/email/submitToken`, session, alice)
    expect(outcome(email)).toEqual(noSession)
    expect(outcome(await submit({}))).toEqual(done)
    const { sid, client_secret } = session
    const query = new URLSearchParams({ sid, client_secret }).toString()
    const validated = await site.get(`${prefix}/3pid/getValidated3pid?${query}`, alice)
    expect(validated.json).toMatchObject({ medium: 'msisdn', address: msisdn })
    const mxid = site.homeserver.mxid('alice')
    const bound = await site.post('/v2/3pid/bind', { sid, client_secret, mxid }, alice)
    expect(bound.json).toMatchObject({ medium: 'msisdn', address: msisdn, mxid })
    const lookup = await site.get(`/api/v1/lookup?medium=msisdn&address=${msisdn}`)
    expect(lookup.json).toMatchObject({ mxid })
  })

  test('few codes are tried, however fast', async () => {
    const { session } = await begin(prefix === '/v2' ? '07700 900753' : '07700 900754', prefix)
    const path = `${prefix}/validate/msisdn/submitToken`
    const guesses = Array.from({ length: 30 }, (_, i) =>
      site.post(path, { ...session, token: `x${i}` }, alice),
    )
    const codes = (await Promise.all(guesses)).map(({ json }) => json['errcode'])
    expect(codes.filter((code) => code === 'M_TOKEN_INCORRECT')).toHaveLength(3)
    expect(outcome(await site.post(path, session, alice))).toEqual([400, 'M_SESSION_EXPIRED'])
  })

  test('GET is a page, not a fault', async () => {
    const { session } = await begin(prefix === '/v2' ? '07700 900755' : '07700 900756', prefix)
    const path = `${prefix}/validate/msisdn/submitToken?`
    const wrong = new URLSearchParams({ ...session, token: '<script>' }).toString()
    const failed = await site.get(`${path}${wrong}`)
    expect([failed.status, failed.headers['content-type']]).toEqual([
      400,
      'text/html; charset=utf-8',
    ])
    const opened = await site.get(`${path}${new URLSearchParams(session).toString()}`)
    expect([opened.status, opened.headers['content-type']]).toEqual([
      200,
      'text/html; charset=utf-8',
    ])
  })
})

test.each([
  ['07700 900760', 'GB', '447700900760'],
  ['+44 7700 900760', 'US', '447700900760'],
  ['0044 7700 900760', 'DE', '447700900760'],
  ['011 44 7700 900760', 'US', '447700900760'],
  ['447700900760', 'GB', '447700900760'],
  ['06 698 12345', 'IT', '390669812345'],
  ['(201) 555-0123', 'US', '12015550123'],
  ['030 1234567', 'DE', '49301234567'],
])('%s dialled in %s is %s', async (number, country, msisdn) => {
  const { status, json } = await ask(number, country)
  expect([status, json['msisdn']]).toEqual([200, msisdn])
})

test.each<[unknown, unknown, string]>([
  ['12', 'GB', 'M_INVALID_ADDRESS'],
  ['', 'GB', 'M_INVALID_ADDRESS'],
  ['not a number', 'GB', 'M_INVALID_ADDRESS'],
  ['07700 900760 ext 5', 'GB', 'M_INVALID_ADDRESS'],
  ['07700 900760\u0000', 'GB', 'M_INVALID_ADDRESS'],
  ['+999 12345678', 'GB', 'M_INVALID_ADDRESS'],
  ['0'.repeat(500), 'GB', 'M_INVALID_ADDRESS'],
  ['07700 900760', '', 'M_INVALID_ADDRESS'],
  ['07700 900760', 'XX', 'M_INVALID_ADDRESS'],
  ['07700 900760', '__proto__', 'M_INVALID_ADDRESS'],
  ['07700 900760', 'GBR', 'M_INVALID_ADDRESS'],
  ['06 12 34 56 78', 'FR', 'M_DESTINATION_REJECTED'],
  ['+33 6 12 34 56 78', 'GB', 'M_DESTINATION_REJECTED'],
  ['07900 123456', 'GB', 'M_DESTINATION_REJECTED'],
  [447700900760, 'GB', 'M_INVALID_PARAM'],
  ['07700 900760', 44, 'M_INVALID_PARAM'],
])('the number %j in %j is %s', async (number, country, errcode) => {
  const before = provider.asked.length
  for (const prefix of ['/v2', '/api/v1']) {
    expect(outcome(await ask(number, country, {}, prefix))).toEqual([400, errcode])
  }
  expect(provider.asked.length).toBe(before)
})

test('a provider that refuses a number for good is told of, and the same attempt counts again', async () => {
  const sent = { client_secret: `sms-refused-secret-${++secretsCount}`, send_attempt: 1 }
  provider.status = 400
  const refused = await ask('07700 900761', 'GB', sent)
  provider.status = 201
  expect(outcome(refused)).toEqual([400, 'M_SEND_ERROR'])
  const before = provider.taken.length
  expect((await ask('07700 900761', 'GB', sent)).status).toBe(200)
  expect((await ask('07700 900761', 'GB', sent)).status).toBe(200)
  await until('one SMS', () => provider.taken.length === before + 1, 10_000)
})

test('Twilio gets a form with the number, the sender and the text', async () => {
  const token = await twilioSite.register('bob')
  twilioSite.mesh.secrets.add('447700900762')
  twilioSite.mesh.secrets.add('provider-token')
  const body = {
    client_secret: 'twilio-client-secret',
    country: 'GB',
    phone_number: '07700900762',
    send_attempt: 1,
  }
  const asked = await twilioSite.post('/v2/validate/msisdn/requestToken', body, token)
  expect(asked.status).toBe(200)
  const isForm = (text: string): boolean => text.includes('%2B447700900762')
  await until('the form', () => provider.asked.some((one) => isForm(one.body)), 10_000)
  const form = provider.asked.find((one) => isForm(one.body))
  expect(form?.url).toBe('/2010-04-01/Accounts/AC1/Messages.json')
  const sent = Object.fromEntries(new URLSearchParams(form?.body))
  expect(sent).toMatchObject({ To: '+447700900762', From: '+441' })
  expect(sent['Body']).toMatch(/\b\d{6}\b/)
})
