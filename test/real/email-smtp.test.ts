import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createEmailMedium } from '../../src/mediums/email/email-medium.ts'
import type { SmtpOptions } from '../../src/mediums/email/smtp-transport.ts'
import type { DeliveryFault, Medium, OutboundMessage } from '../../src/mediums/medium.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { templatesOf, validation } from '../unit/mediums/sample-messages.ts'
import { makeCertificate, type Pair } from './homeserver-fixture.ts'
import { MailServer, RawServer } from './mail-server.ts'

let good: Pair
let foreign: Pair
let stops: (() => Promise<void>)[]

beforeAll(async () => {
  good = await makeCertificate(['localhost'])
  foreign = await makeCertificate(['other.example'])
})

beforeEach(() => {
  stops = []
})

afterEach(async () => {
  for (const stop of stops.reverse()) await stop()
})

async function started<T extends { start(): Promise<void>; stop(): Promise<void> }>(
  server: T,
): Promise<T> {
  await server.start()
  stops.push(() => server.stop())
  return server
}

function mediumOf(
  port: number,
  more: Partial<SmtpOptions> = {},
  from = 'Id <id@example.org>',
): Medium {
  const smtp: SmtpOptions = {
    host: 'localhost',
    port,
    tls: 'none',
    verifyTls: true,
    caPem: null,
    username: null,
    password: null,
    helloName: null,
    connectionsMax: 3,
    timeoutMs: 20_000,
    ...more,
  }
  const deps = { templates: templatesOf(), clock: systemClock, serverName: 'id.example.org:8448' }
  const medium = createEmailMedium({ smtp, from }, deps)
  stops.push(() => medium.close())
  return medium
}

async function faultOf(
  medium: Medium,
  message: OutboundMessage = validation,
): Promise<DeliveryFault> {
  return medium.send(message).then(
    () => Promise.reject(new Error('it was taken')),
    (fault: DeliveryFault) => fault,
  )
}

test('a mail arrives with both parts, from the sender, for the one address', async () => {
  const server = await started(new MailServer())
  await mediumOf(server.port).send(validation)
  const [received, ...more] = server.received
  expect(more).toEqual([])
  expect(received).toMatchObject({
    from: 'id@example.org',
    to: ['alice@example.org'],
    isEncrypted: false,
    helloName: 'id.example.org',
  })
  expect(received?.mail.messageId).toBe('<a1b2c3@id.example.org>')
  expect(received?.mail.text).toContain(validation.link)
  expect(received?.mail.html).toContain(validation.link.replace('&', '&amp;'))
})

test('connections are used again, and no more are opened than allowed', async () => {
  let open = 0
  let most = 0
  let all = 0
  const server = await started(
    new MailServer({
      onConnect: (_session, done) => {
        all++
        most = Math.max(most, ++open)
        done()
      },
      onClose: () => void open--,
    }),
  )
  const medium = mediumOf(server.port, { connectionsMax: 2 })
  await Promise.all(Array.from({ length: 30 }, () => medium.send(validation)))
  expect(server.received).toHaveLength(30)
  expect(most).toBe(2)
  expect(all).toBe(2)
})

describe('encryption', () => {
  const secured = (pair: Pair, secure: boolean) => started(new MailServer({ ...pair, secure }))

  test.each([
    ['starttls', false],
    ['implicit', true],
  ] as const)('%s with a certificate of a private authority', async (tls, secure) => {
    const server = await secured(good, secure)
    await mediumOf(server.port, { tls, caPem: good.cert }).send(validation)
    expect(server.received).toMatchObject([{ isEncrypted: true, to: ['alice@example.org'] }])
  })

  test.each([
    ['starttls', 'unknown authority', false],
    ['implicit', 'unknown authority', true],
    ['starttls', 'another name', false],
    ['implicit', 'another name', true],
  ] as const)('%s with a certificate of %s is refused', async (tls, wrong, secure) => {
    const server = await secured(wrong === 'another name' ? foreign : good, secure)
    const caPem = wrong === 'another name' ? foreign.cert : null
    const fault = await faultOf(mediumOf(server.port, { tls, caPem }))
    expect(fault).toMatchObject({ reason: 'tls', isPermanent: false })
    expect(server.received).toEqual([])
  })

  test('a certificate that is not looked at encrypts all the same', async () => {
    const server = await secured(foreign, false)
    await mediumOf(server.port, { tls: 'starttls', verifyTls: false }).send(validation)
    expect(server.received).toMatchObject([{ isEncrypted: true }])
  })

  test('a server without STARTTLS gets no mail where it is due', async () => {
    const server = await started(new MailServer())
    const fault = await faultOf(mediumOf(server.port, { tls: 'starttls' }))
    expect(fault).toMatchObject({ reason: 'tls', isPermanent: false })
    expect(server.received).toEqual([])
  })

  test('somebody who strips STARTTLS sees neither address, token nor password', async () => {
    const server = await started(
      new RawServer('220 mail ESMTP\r\n', (line) => {
        if (line.startsWith('EHLO')) return '250-mail\r\n250 AUTH PLAIN LOGIN\r\n'
        return line.startsWith('STARTTLS') ? '454 not now\r\n' : '250 ok\r\n'
      }),
    )
    const login = { username: 'user', password: 'password' }
    const fault = await faultOf(mediumOf(server.port, { tls: 'starttls', ...login }))
    expect(fault).toMatchObject({ reason: 'tls', isPermanent: false })
    const verbs = server.lines.map((line) => line.split(' ')[0])
    expect(verbs.every((verb) => ['EHLO', 'STARTTLS', 'QUIT'].includes(verb ?? ''))).toBe(true)
  })
})

describe('login', () => {
  const guarded = () =>
    started(
      new MailServer({
        authOptional: false,
        allowInsecureAuth: true,
        onAuth: ({ username, password }, _session, done) => {
          if (username === 'user' && password === 'pass word') done(null, { user: username })
          else done(new Error('no such user'))
        },
      }),
    )

  test('with name and password', async () => {
    const server = await guarded()
    await mediumOf(server.port, { username: 'user', password: 'pass word' }).send(validation)
    expect(server.received).toMatchObject([{ user: 'user' }])
  })

  test('that is refused can be mended, so the mail waits', async () => {
    const server = await guarded()
    const fault = await faultOf(mediumOf(server.port, { username: 'user', password: 'wrong' }))
    expect(fault).toMatchObject({ reason: 'login', isPermanent: false, status: 535 })
    const without = await faultOf(mediumOf(server.port))
    expect(without).toMatchObject({ isPermanent: false })
    expect(server.received).toEqual([])
  })
})

describe('what the server says of a mail:', () => {
  test.each([
    ['rcpt', 450, 'deferred', false],
    ['rcpt', 421, 'deferred', false],
    ['rcpt', 550, 'rejected', true],
    ['rcpt', 553, 'rejected', true],
    ['data', 451, 'deferred', false],
    ['data', 554, 'rejected', true],
    ['mail', 451, 'deferred', false],
    ['mail', 550, 'setup', false],
  ] as const)('%s %i is %s', async (at, code, reason, isPermanent) => {
    const server = await started(new MailServer())
    server.verdict = { at, code }
    const medium = mediumOf(server.port)
    const fault = await faultOf(medium)
    expect(fault).toMatchObject({ reason, isPermanent, status: code })
    expect(`${fault.message} ${String(fault.cause)}`).not.toContain('alice@')
    server.verdict = null
    await medium.send(validation)
    expect(server.received).toHaveLength(1)
  })
})

describe('a server that takes its time', () => {
  test.each([
    ['says nothing', null, () => null],
    ['stops after its greeting', '220 mail ESMTP\r\n', () => null],
    [
      'stops in the middle',
      '220 mail ESMTP\r\n',
      (line: string) => (line.startsWith('DATA') ? null : '250 ok\r\n'),
    ],
  ])('and %s ends in time', async (_name, greeting, answer) => {
    const server = await started(new RawServer(greeting, answer))
    const fault = await faultOf(mediumOf(server.port, { timeoutMs: 400 }))
    expect(fault).toMatchObject({ reason: 'timeout', isPermanent: false })
  })

  test('and trickles ends in time', async () => {
    const server = await started(
      new RawServer('220 mail ESMTP\r\n', (_line, socket) => {
        const timer = setInterval(() => socket.write('250-x\r\n'), 50)
        socket.on('close', () => clearInterval(timer))
        return null
      }),
    )
    const fault = await faultOf(mediumOf(server.port, { timeoutMs: 600 }))
    expect(fault).toMatchObject({ reason: 'timeout' })
  })

  test('and floods with one endless reply is left', async () => {
    const server = await started(
      new RawServer('220 mail ESMTP\r\n', () => `250-${'x'.repeat(200_000)}`),
    )
    const fault = await faultOf(mediumOf(server.port))
    expect(fault.isPermanent).toBe(false)
  })
})

test('no server at all is a temporary fault', async () => {
  const server = new MailServer()
  await server.start()
  await server.stop()
  const fault = await faultOf(mediumOf(server.port))
  expect(fault).toMatchObject({ reason: 'unreachable', isPermanent: false })
})

test('a name that does not exist is a temporary fault', async () => {
  const fault = await faultOf(mediumOf(25, { host: 'nowhere.invalid', timeoutMs: 5_000 }))
  expect(fault.isPermanent).toBe(false)
})

describe('addresses beyond ASCII', () => {
  test('the domain goes out as A-labels, to any server', async () => {
    const server = await started(new MailServer({ hideSMTPUTF8: true }))
    await mediumOf(server.port).send({ ...validation, address: 'a@bücher.example' })
    expect(server.received[0]?.to[0]).toMatch(/^a@(?:xn--bcher-kva|bücher)\.example$/)
  })

  test('a local part goes to a server that speaks SMTPUTF8', async () => {
    const server = await started(new MailServer())
    await mediumOf(server.port).send({ ...validation, address: 'jürgen@example.org' })
    expect(server.received).toMatchObject([{ to: ['jürgen@example.org'] }])
  })

  test.each(['none', 'starttls', 'implicit'] as const)(
    'a local part is refused for good where the server does not (%s)',
    async (tls) => {
      const pair = tls === 'none' ? {} : { ...good, secure: tls === 'implicit' }
      const server = await started(new MailServer({ ...pair, hideSMTPUTF8: true }))
      const medium = mediumOf(server.port, { tls, caPem: good.cert })
      const fault = await faultOf(medium, { ...validation, address: 'jürgen@example.org' })
      expect(fault).toMatchObject({ reason: 'address', isPermanent: true })
      expect(server.received).toEqual([])
    },
  )

  test('a server that cannot be asked is not one that does not', async () => {
    const server = await started(new MailServer({ ...foreign, secure: true }))
    const message = { ...validation, address: 'jürgen@example.org' }
    const fault = await faultOf(mediumOf(server.port, { tls: 'implicit' }), message)
    expect(fault).toMatchObject({ reason: 'tls', isPermanent: false })
  })
})

test('an address no server can be asked for never reaches one', async () => {
  const server = await started(new MailServer())
  for (const address of ['a@2130706433', 'a@[127.0.0.1]', 'a@x..example']) {
    const fault = await faultOf(mediumOf(server.port), { ...validation, address })
    expect(fault).toMatchObject({ reason: 'address', isPermanent: true })
  }
  expect(server.received).toEqual([])
})

test('a sender that is none stops the start', () => {
  expect(() => mediumOf(25, {}, 'a@example.org, b@example.org')).toThrow('email.from')
})
