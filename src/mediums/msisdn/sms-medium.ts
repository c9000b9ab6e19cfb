import { smsCharsMax, smsParallelMax } from '../../domain/message-limits.ts'
import { HttpFault, type HttpClient } from '../../platform/http-client.ts'
import {
  DeliveryFault,
  type Medium,
  type OutboundMessage,
  type Templates,
  type ValidationMessage,
} from '../medium.ts'
import { pickOriginator, type Originators } from './originators.ts'
import { callFault, replyFault } from './provider-fault.ts'
import {
  createGateway,
  createTwilio,
  type GatewayOptions,
  type Provider,
  type TwilioOptions,
} from './providers.ts'

export type SmsOptions = { readonly originators: Originators } & (
  | ({ readonly provider: 'twilio' } & TwilioOptions)
  | ({ readonly provider: 'http' } & GatewayOptions)
)

export type SmsDeps = {
  readonly templates: Templates
  /** Must reach the provider; the operator chose its address, so it may be a private one. */
  readonly http: HttpClient
  readonly serverName: string
}

/** Throws MediumSetupError. */
export function createSmsMedium(options: SmsOptions, deps: SmsDeps): Medium {
  const provider = createProvider(options)
  const stopping = new AbortController()
  return {
    parallelMax: smsParallelMax,
    send: async (message, signal) => {
      if (!isSms(message)) throw new DeliveryFault('address', { isPermanent: true })
      const call = provider({
        to: `+${message.address}`,
        from: await pickOriginator(options.originators, message.address),
        text: smsText(deps, message),
      })
      const signals = [stopping.signal, ...(signal === undefined ? [] : [signal])]
      await deliver(deps.http, { ...call, signal: AbortSignal.any(signals) })
    },
    close: async () => stopping.abort(),
  }
}

function createProvider(options: SmsOptions): Provider {
  switch (options.provider) {
    case 'twilio':
      return createTwilio(options)
    case 'http':
      return createGateway(options)
  }
}

async function deliver(
  http: HttpClient,
  call: Parameters<HttpClient['call']>[0] & { readonly signal: AbortSignal },
): Promise<void> {
  let fault: DeliveryFault | null
  try {
    fault = replyFault(await http.call(call))
  } catch (error) {
    if (call.signal.aborted) throw new DeliveryFault('aborted')
    if (!(error instanceof HttpFault)) throw new DeliveryFault('unreachable')
    throw callFault(error)
  }
  if (fault !== null) throw fault
}

function isSms(message: OutboundMessage): message is ValidationMessage {
  return message.type === 'validation' && message.medium === 'msisdn'
}

function smsText({ templates, serverName }: SmsDeps, message: ValidationMessage): string {
  const { token, address, link, medium } = message
  const variables = { token, address, link, medium, server_name: serverName }
  const text = templates.render('validation-sms.txt', message, variables).text.trim()
  if (text.length > smsCharsMax) throw new DeliveryFault('setup')
  return text
}
