import { createSmsMedium, type SmsOptions } from '../../src/mediums/msisdn/sms-medium.ts'
import { createHttpClient } from '../../src/platform/http-client.ts'
import { createNameResolver } from '../../src/platform/name-resolver.ts'
import { SmsProvider } from '../real/sms-server.ts'
import { sms, templatesOf } from '../unit/mediums/sample-messages.ts'
import { mediumContract, type MediumUnderTest } from './medium.ts'

async function start(optionsOf: (base: string) => SmsOptions): Promise<MediumUnderTest> {
  const server = new SmsProvider()
  await server.start()
  const http = createHttpClient({
    resolver: createNameResolver({ timeoutMs: 3_000 }),
    mayConnect: () => true,
    verifyTls: true,
    callsMax: 64,
  })
  return {
    open: () => {
      const deps = { templates: templatesOf(), http, serverName: 'id.example.org' }
      return createSmsMedium(optionsOf(`http://127.0.0.1:${server.port}`), deps)
    },
    message: sms,
    behave: (how) => {
      server.status = { take: 201, defer: 429, reject: 400, 'be-silent': 0, 'hang-up': -1 }[how]
    },
    taken: server.taken,
    recipient: '+447700900123',
    stop: () => server.stop(),
  }
}

mediumContract('SMS by a gateway', () =>
  start((base) => ({ provider: 'http', originators: {}, url: `${base}/sms`, token: null })),
)
mediumContract('SMS by twilio', () =>
  start((baseUrl) => {
    const account = { accountSid: 'AC1', authToken: 'secret', from: '+441', baseUrl }
    return { provider: 'twilio', originators: {}, ...account }
  }),
)
