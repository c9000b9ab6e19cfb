import { describe, expect, test } from 'vitest'
import type { DeliveryFault } from '../../../src/mediums/medium.ts'
import { pickOriginator } from '../../../src/mediums/msisdn/originators.ts'
import { createSmsMedium, type SmsOptions } from '../../../src/mediums/msisdn/sms-medium.ts'
import { HttpFault, type HttpCall, type HttpReply } from '../../../src/platform/http-client.ts'
import { invite, sms, templatesOf, validation } from './sample-messages.ts'

const gateway: SmsOptions = {
  provider: 'http',
  originators: {},
  url: 'https://sms.example/send?x=1',
  token: null,
}
const twilio: SmsOptions = {
  provider: 'twilio',
  originators: {},
  accountSid: 'AC1',
  authToken: 'se/cret',
  from: '+441',
  baseUrl: null,
}

function mediumOf(options: SmsOptions, answer: number | HttpFault = 200) {
  const calls: HttpCall[] = []
  const http = {
    call: async (call: HttpCall): Promise<HttpReply> => {
      calls.push(call)
      if (typeof answer !== 'number') throw answer
      return { status: answer, headers: new Map(), body: new Uint8Array() }
    },
  }
  const deps = { templates: templatesOf(), http, serverName: 'id.example.org' }
  return { medium: createSmsMedium(options, deps), calls }
}

const faultOf = (send: Promise<void>): Promise<DeliveryFault> =>
  send.then(
    () => Promise.reject(new Error('it was taken')),
    (fault: DeliveryFault) => fault,
  )

describe('a gateway of the operator', () => {
  test('is sent the number with its plus and the text', async () => {
    const { medium, calls } = mediumOf(gateway)
    await medium.send(sms)
    const [call] = calls
    expect(String(call?.url)).toBe('https://sms.example/send?x=1')
    const text = expect.stringMatching(/^123456 is your code .* id\.example\.org/) as string
    expect(JSON.parse(call?.body ?? '')).toEqual({ to: '+447700900123', text })
    expect(call?.headers).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
    })
  })

  test('learns the originator and the bearer token where they are configured', async () => {
    const { medium, calls } = mediumOf({
      ...gateway,
      token: 'T',
      originators: { 44: ['Mycelid'] },
    })
    await medium.send(sms)
    expect(calls[0]?.headers).toMatchObject({ authorization: 'Bearer T' })
    expect(JSON.parse(calls[0]?.body ?? '')).toMatchObject({ from: 'Mycelid' })
  })
})

describe('twilio', () => {
  test('is sent a form, with the account as login', async () => {
    const { medium, calls } = mediumOf({ ...twilio, baseUrl: 'http://127.0.0.1:1/' })
    await medium.send({ ...sms, languages: ['fr'] })
    const [call] = calls
    expect(String(call?.url)).toBe('http://127.0.0.1:1/2010-04-01/Accounts/AC1/Messages.json')
    const login = Buffer.from('AC1:se/cret').toString('base64')
    expect(call?.headers).toMatchObject({ authorization: `Basic ${login}` })
    const form = new URLSearchParams(call?.body)
    expect(Object.fromEntries(form)).toMatchObject({ To: '+447700900123', From: '+441' })
    expect(form.get('Body')).toMatch(/^123456 est votre code .*numéro/)
  })

  test('may be given a messaging service, and a sender by country', async () => {
    const service = `MG${'0a'.repeat(16)}`
    const { medium, calls } = mediumOf({ ...twilio, from: service, originators: { FR: ['X'] } })
    await medium.send(sms)
    await medium.send({ ...sms, address: '33612345678' })
    const forms = calls.map(({ body }) => new URLSearchParams(body))
    expect(forms[0]?.get('MessagingServiceSid')).toBe(service)
    expect(forms[0]?.get('From')).toBeNull()
    expect(forms[1]?.get('From')).toBe('X')
  })
})

describe('the originator', () => {
  const originators = {
    default: ['D'],
    44: ['A', 'B', 'C'],
    1: ['N'],
    1246: ['Barbados'],
    FR: ['F'],
    33: ['no'],
  }
  test.each([
    ['49151234567', 'D'],
    ['12015550123', 'N'],
    ['12462345678', 'Barbados'],
    ['33612345678', 'F'],
  ])('of %s is %s', async (address, expected) => {
    expect(await pickOriginator(originators, address)).toBe(expected)
  })

  test('of one number is always the same, and all are used', async () => {
    const numbers = ['447700900120', '447700900121', '447700900122']
    const picked = await Promise.all(numbers.map((one) => pickOriginator(originators, one)))
    const again = await Promise.all(numbers.map((one) => pickOriginator(originators, one)))
    expect(again).toEqual(picked)
    expect(new Set(picked)).toEqual(new Set(['A', 'B', 'C']))
  })

  test('is none where none is configured', async () => {
    expect(await pickOriginator({}, '447700900123')).toBeNull()
    expect(await pickOriginator({ 33: ['F'] }, '447700900123')).toBeNull()
  })
})

describe('what the provider answers:', () => {
  test.each([
    [201, null, false],
    [204, null, false],
    [302, 'setup', false],
    [400, 'rejected', true],
    [401, 'login', false],
    [403, 'login', false],
    [404, 'setup', false],
    [408, 'deferred', false],
    [422, 'rejected', true],
    [429, 'deferred', false],
    [500, 'deferred', false],
    [503, 'deferred', false],
  ])('%i is %s', async (status, reason, isPermanent) => {
    const sent = mediumOf(gateway, status).medium.send(sms)
    if (reason === null) await sent
    else expect(await faultOf(sent)).toMatchObject({ reason, isPermanent, status })
  })

  test.each([
    ['timeout', 'timeout'],
    ['busy', 'deferred'],
    ['unreachable', 'unreachable'],
    ['blocked', 'setup'],
    ['too-large', 'setup'],
  ] as const)('%s is %s, and temporary', async (given, reason) => {
    const fault = new HttpFault(given, 'to +447700900123')
    const told = await faultOf(mediumOf(gateway, fault).medium.send(sms))
    expect(told).toMatchObject({ reason, isPermanent: false })
    expect(`${told.message} ${String(told.cause)}`).not.toContain('447700900123')
  })
})

test('nothing but a validation of a number is sent as SMS', async () => {
  const { medium, calls } = mediumOf(gateway)
  for (const message of [validation, invite]) {
    expect(await faultOf(medium.send(message))).toMatchObject({ isPermanent: true })
  }
  expect(calls).toEqual([])
})

test.each([
  { ...gateway, url: 'ftp://sms.example' },
  { ...gateway, url: 'sms' },
  { ...gateway, url: 'https://a:b@sms.example' },
  { ...twilio, baseUrl: 'x' },
])('the start is refused with the address of a provider that is none: %j', (options) => {
  expect(() => mediumOf(options)).toThrow('expected a URL of http or https')
})
