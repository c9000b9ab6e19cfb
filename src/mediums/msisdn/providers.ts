import { Buffer } from 'node:buffer'
import { smsAnswerBytesMax, smsTimeoutMs } from '../../domain/message-limits.ts'
import type { HttpCall } from '../../platform/http-client.ts'
import { MediumSetupError } from '../medium.ts'

export type TwilioOptions = {
  readonly accountSid: string
  readonly authToken: string
  /** Sender where no originator is configured: a number, a name, or a messaging service `MG…`. */
  readonly from: string
  /** Null: the provider's own. */
  readonly baseUrl: string | null
}

/** A gateway of the operator's own: one POST per message. */
export type GatewayOptions = {
  readonly url: string
  /** Sent as `Authorization: Bearer …`. */
  readonly token: string | null
}

export type Sms = {
  /** E.164 with plus. */
  readonly to: string
  /** Null: no originator is configured for the number. */
  readonly from: string | null
  readonly text: string
}

/** Makes of a message the call that sends it. */
export type Provider = (sms: Sms) => HttpCall

const twilioBaseUrl = 'https://api.twilio.com'
const messagingServicePattern = /^MG[0-9a-fA-F]{32}$/

/** Twilio's REST API, "Create a Message resource" (2010-04-01): a form, with basic authentication. */
export function createTwilio({ accountSid, authToken, from, baseUrl }: TwilioOptions): Provider {
  const path = `/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`
  const base = (baseUrl ?? twilioBaseUrl).replace(/\/+$/, '')
  const url = readUrl(`${base}${path}`, 'sms.twilio.base_url')
  const login = Buffer.from(`${accountSid}:${authToken}`).toString('base64')
  const headers = {
    authorization: `Basic ${login}`,
    'content-type': 'application/x-www-form-urlencoded',
  }
  return ({ to, from: originator, text }) => {
    const sender = originator ?? from
    const field = messagingServicePattern.test(sender) ? 'MessagingServiceSid' : 'From'
    const form = new URLSearchParams({ To: to, [field]: sender, Body: text })
    return post(url, headers, form.toString())
  }
}

/** POSTs `{"to": "+44…", "text": "…"}`, and `from` where an originator is configured. */
export function createGateway(options: GatewayOptions): Provider {
  const url = readUrl(options.url, 'sms.http.url')
  const { token } = options
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  return ({ to, from, text }) =>
    post(url, headers, JSON.stringify({ to, text, ...(from === null ? {} : { from }) }))
}

function post(url: URL, headers: Readonly<Record<string, string>>, body: string): HttpCall {
  return {
    method: 'POST',
    url,
    headers: { ...headers, accept: 'application/json' },
    body,
    answerBytesMax: smsAnswerBytesMax,
    timeoutMs: smsTimeoutMs,
    // The certificate must bear the name that was configured.
    tlsName: url.hostname.replace(/^\[|\]$/g, ''),
  }
}

function readUrl(text: string, setting: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '') {
    throw new MediumSetupError([`${setting}: expected a URL of http or https, without user name`])
  }
  return url
}
