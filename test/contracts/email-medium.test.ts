import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { createEmailMedium } from '../../src/mediums/email/email-medium.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { MailServer } from '../real/mail-server.ts'
import { templatesOf, validation } from '../unit/mediums/sample-messages.ts'
import { mediumContract, type MediumUnderTest } from './medium.ts'

/** A mail server behind a door that can stay silent, or slam. */
async function start(): Promise<MediumUnderTest> {
  const server = new MailServer()
  await server.start()
  let how: Parameters<MediumUnderTest['behave']>[0] = 'take'
  const sockets = new Set<Socket>()
  const door = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (how === 'hang-up') socket.destroy()
    if (how === 'hang-up' || how === 'be-silent') return
    const inner = connect(server.port, '127.0.0.1')
    sockets.add(inner)
    inner.on('error', () => socket.destroy())
    socket.pipe(inner).pipe(socket)
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const { port } = door.address() as AddressInfo
  const taken: string[] = []
  server.received.push = (...mails) => taken.push(...mails.flatMap(({ to }) => to))
  return {
    open: () => {
      const smtp = {
        host: '127.0.0.1',
        port,
        tls: 'none',
        verifyTls: true,
        caPem: null,
        username: null,
        password: null,
        helloName: null,
        connectionsMax: 3,
        timeoutMs: 20_000,
      } as const
      const deps = { templates: templatesOf(), clock: systemClock, serverName: 'id.example.org' }
      return createEmailMedium({ smtp, from: 'no-reply@example.org' }, deps)
    },
    message: validation,
    behave: (given) => {
      how = given
      server.verdict = given === 'defer' ? { at: 'rcpt', code: 451 } : { at: 'rcpt', code: 550 }
      if (given !== 'defer' && given !== 'reject') server.verdict = null
    },
    taken,
    recipient: 'alice@example.org',
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      door.close()
      await server.stop()
    },
  }
}

mediumContract('email over SMTP', start)
