import { RefusalError, type RefusalCode } from '../../domain/refusal.ts'
import { readNextLink } from '../../domain/next-link.ts'
import { canonicalThreepid, readEmail, type Medium, type Threepid } from '../../domain/threepid.ts'
import {
  endpoint,
  html,
  json,
  redirect,
  v1Prefix,
  v2Prefix,
  type Caller,
  type Endpoint,
  type RateLimits,
} from '../../http/endpoint.ts'
import type { Pages, PhoneNumbers, ValidationFailure } from '../../mediums/medium.ts'
import { z } from '../../platform/shape.ts'
import { requestToken, type CodeRequest, type RequestCodeDeps } from './request-code.ts'
import { submitToken, type SubmitCodeDeps } from './submit-code.ts'

export type ValidationDeps = RequestCodeDeps &
  SubmitCodeDeps & {
    readonly limits: RateLimits
    readonly pages: Pages
    readonly phoneNumbers: PhoneNumbers
    /** Whether there is a way to send codes there. */
    readonly isServed: (medium: Medium) => boolean
    /** URL prefixes, host names and `*.host` people may be sent to; empty for everywhere. */
    readonly nextLinkAllow: readonly string[]
  }

/** A whole number, or one in digits: web clients send text. */
const sendAttempt = z
  .union([z.int().min(0), z.string().regex(/^[0-9]{1,15}$/, 'expected a whole number')])
  .transform(Number)

const optionalText = z.string().nullish()

const codeRequest = {
  client_secret: z.string(),
  send_attempt: sendAttempt,
  next_link: optionalText,
  brand: optionalText,
}

const emailRequest = z.object({ ...codeRequest, email: z.string() })
const phoneRequest = z.object({ ...codeRequest, country: z.string(), phone_number: z.string() })
const submission = z.object({ sid: z.string(), client_secret: z.string(), token: z.string() })

/** What a link brings; whatever is missing ends in a page, not in JSON. */
const linkQuery = z.object({
  sid: z.string().default(''),
  client_secret: z.string().default(''),
  token: z.string().default(''),
})

const brandQuery = z.object({ brand: optionalText })

const sid = z.object({ sid: z.string() })
const success = z.object({ success: z.boolean() })

export function validationEndpoints(deps: ValidationDeps): Endpoint[] {
  return ([v1Prefix, v2Prefix] as const).flatMap((prefix) => [
    emailRequestEndpoint(prefix, deps),
    phoneRequestEndpoint(prefix, deps),
    ...(['email', 'msisdn'] as const).flatMap((medium) => [
      submitEndpoint(prefix, medium, deps),
      linkEndpoint(prefix, medium, deps),
    ]),
  ])
}

type Prefix = typeof v1Prefix | typeof v2Prefix

/** v1 asks for no token and takes forms and queries (r0.3.0); v2 is JSON alone. */
function dialectOf(prefix: Prefix) {
  return prefix === v1Prefix
    ? ({ auth: 'none', sent: 'any', limits: { client: true } } as const)
    : ({ auth: 'token', sent: 'json', limits: { caller: 'user' } } as const)
}

const requestRefusals: readonly RefusalCode[] = [
  'email-invalid',
  'phone-number-invalid',
  'destination-rejected',
  'email-not-sent',
  'sms-not-sent',
]

function emailRequestEndpoint(prefix: Prefix, deps: ValidationDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${prefix}/validate/email/requestToken`,
    isHot: true,
    ...dialectOf(prefix),
    query: brandQuery,
    body: emailRequest,
    about: {
      summary: 'Mails a code and a link to an address',
      answer: sid,
      refusals: requestRefusals,
    },
    handle: async ({ body, query, languages, caller }) => {
      requireServed(deps, 'email')
      const threepid = readEmail(body.email)
      const owner = ownerOf(caller)
      const from = { prefix, deps, threepid, languages, owner }
      const request = requestOf(from, { ...query, ...body })
      deps.limits.spend('threepid', `email ${threepid.address}`)
      return json({ sid: await requestToken(deps, request) })
    },
  })
}

function phoneRequestEndpoint(prefix: Prefix, deps: ValidationDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${prefix}/validate/msisdn/requestToken`,
    ...dialectOf(prefix),
    query: brandQuery,
    body: phoneRequest,
    about: {
      summary: 'Sends a code to a phone number',
      answer: sid.extend({ success: z.boolean(), msisdn: z.string(), intl_fmt: z.string() }),
      refusals: requestRefusals,
    },
    handle: async ({ body, query, languages, caller }) => {
      requireServed(deps, 'msisdn')
      const number = await deps.phoneNumbers.read(body.country, body.phone_number)
      const threepid = canonicalThreepid('msisdn', number.address)
      const owner = ownerOf(caller)
      const from = { prefix, deps, threepid, languages, owner }
      const request = requestOf(from, { ...query, ...body })
      deps.limits.spend('threepid', `msisdn ${threepid.address}`)
      deps.limits.spend('country', number.country ?? number.callingCode)
      const answer = { success: true, msisdn: number.address, intl_fmt: number.intlFormat }
      return json({ sid: await requestToken(deps, request), ...answer })
    },
  })
}

function submitEndpoint(prefix: Prefix, medium: Medium, deps: ValidationDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${prefix}/validate/${medium}/submitToken`,
    ...dialectOf(prefix),
    body: submission,
    about: {
      summary: 'Validates a session by the code that was sent',
      answer: success,
      refusals: ['code-incorrect', 'session-expired', 'session-unknown'],
    },
    handle: async ({ body }) => {
      const { sid, client_secret: clientSecret, token: code } = body
      await submitToken(deps, { medium, sid, clientSecret, code })
      return json({ success: true })
    },
  })
}

/** What a mailed link opens, in any browser: nobody there has a token. */
function linkEndpoint(prefix: Prefix, medium: Medium, deps: ValidationDeps): Endpoint {
  return endpoint({
    method: 'GET',
    path: `${prefix}/validate/${medium}/submitToken`,
    auth: 'none',
    changesState: true,
    limits: { client: true },
    query: linkQuery,
    about: { summary: 'What the link in a message opens: validates the session, answers a page' },
    renderRefusal: ({ code }, languages) => {
      const reason = failures[code] ?? 'unknown'
      return deps.pages.validationFailed({ medium, languages, brand: null, reason })
    },
    handle: async ({ query, languages }) => {
      const { sid, client_secret: clientSecret, token: code } = query
      const { nextLink, brand } = await submitToken(deps, { medium, sid, clientSecret, code })
      if (nextLink !== null) return redirect(nextLink)
      return html(deps.pages.validated({ medium, languages, brand, nextLink }))
    },
  })
}

const failures: Partial<Record<RefusalCode, ValidationFailure>> = {
  'code-incorrect': 'incorrect',
  'session-expired': 'expired',
  'limit-exceeded': 'busy',
}

function requireServed({ isServed }: ValidationDeps, medium: Medium): void {
  if (isServed(medium)) return
  throw medium === 'email'
    ? new RefusalError(
        'email-not-sent',
        'this server sends no e-mail: its operator has set up none',
      )
    : new RefusalError('sms-not-sent', 'this server sends no SMS: its operator has set up none')
}

function requestOf(
  given: {
    readonly prefix: Prefix
    readonly deps: ValidationDeps
    readonly threepid: Threepid
    readonly languages: readonly string[]
    readonly owner: string | null
  },
  sent: z.output<typeof emailRequest> | z.output<typeof phoneRequest>,
): CodeRequest {
  const { prefix, deps, threepid, languages, owner } = given
  return {
    threepid,
    owner,
    clientSecret: sent.client_secret,
    sendAttempt: sent.send_attempt,
    nextLink: nextLinkOf(sent.next_link, deps.nextLinkAllow),
    languages,
    brand: sent.brand ?? null,
    isV1: prefix === v1Prefix,
  }
}

function ownerOf(caller: Caller | null): string | null {
  return caller?.mxid ?? null
}

function nextLinkOf(sent: string | null | undefined, allowed: readonly string[]): string | null {
  if (sent === undefined || sent === null || sent === '') return null
  const link = readNextLink(sent, allowed)
  if (link !== null) return link
  throw new RefusalError(
    'param-invalid',
    'next_link: expected an http(s) URL this server may lead to',
  )
}
