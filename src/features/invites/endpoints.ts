import { inviteDetailCharsMax, inviteDetailsMax } from '../../domain/api-limits.ts'
import { parseMxid } from '../../domain/mxid.ts'
import { RefusalError } from '../../domain/refusal.ts'
import { readEmail } from '../../domain/threepid.ts'
import {
  endpoint,
  json,
  v1Prefix,
  v2Prefix,
  type Endpoint,
  type JsonObject,
  type RateLimits,
} from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import { signWithEphemeralKey, type SignDeps } from './sign-invite.ts'
import { storeInvite, type InviteRequest, type StoreInviteDeps } from './store-invite.ts'

export type InvitesDeps = StoreInviteDeps &
  SignDeps & {
    readonly limits: RateLimits
    /** Whether there is a way to mail invitations. */
    readonly isMailServed: boolean
  }

/** Every other member that is text is kept; what is not text is left out. */
const invitation = z.looseObject({
  medium: z.string(),
  address: z.string(),
  room_id: z.string(),
  sender: z.string(),
})

const brandQuery = z.object({ brand: z.string().nullish() })

const signing = z.object({ mxid: z.string(), token: z.string(), private_key: z.string() })

const storedShape = z.object({
  token: z.string(),
  public_keys: z.array(z.object({ public_key: z.string(), key_validity_url: z.string() })),
  public_key: z.string(),
  display_name: z.string(),
})

const signedShape = z.object({
  mxid: z.string(),
  sender: z.string(),
  token: z.string(),
  signatures: z.record(z.string(), z.record(z.string(), z.string())),
})

export function invitesEndpoints(deps: InvitesDeps): Endpoint[] {
  return [
    storeEndpoint(deps),
    storeEndpointV1(deps),
    signEndpoint(v1Prefix, deps),
    signEndpoint(v2Prefix, deps),
  ]
}

const storeAbout = {
  summary: 'Keeps an invitation for an address nobody has bound, and mails it',
  answer: storedShape,
  refusals: ['threepid-in-use', 'medium-not-served', 'email-invalid', 'invite-blocked'],
} as const

function storeEndpoint(deps: InvitesDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${v2Prefix}/store-invite`,
    auth: 'token',
    limits: { caller: 'user' },
    query: brandQuery,
    body: invitation,
    about: storeAbout,
    handle: async ({ body, query, languages, caller }) => {
      if (body.sender !== caller.mxid) {
        throw new RefusalError('mxid-not-own', 'sender: expected the user this token belongs to')
      }
      return json(await storeInvite(deps, requestOf(deps, body, { ...query, languages })))
    },
  })
}

/** Historic: whoever calls is believed about the sender. */
function storeEndpointV1(deps: InvitesDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${v1Prefix}/store-invite`,
    auth: 'none',
    sent: 'any',
    limits: { client: true },
    query: brandQuery,
    body: invitation,
    about: storeAbout,
    handle: async ({ body, query, languages }) =>
      json(await storeInvite(deps, requestOf(deps, body, { ...query, languages }))),
  })
}

function signEndpoint(prefix: typeof v1Prefix | typeof v2Prefix, deps: InvitesDeps): Endpoint {
  const shared = {
    method: 'POST',
    path: `${prefix}/sign-ed25519`,
    body: signing,
    about: {
      summary: 'Signs with the one-time key of an invitation, which the caller brings',
      answer: signedShape,
      refusals: ['invite-unknown', 'mxid-invalid'],
    },
  } as const
  const handle = async ({ body }: { body: z.output<typeof signing> }) => {
    const { mxid, token, private_key: privateKey } = body
    return json(await signWithEphemeralKey(deps, { mxid, token, privateKey }))
  }
  return prefix === v1Prefix
    ? endpoint({ ...shared, auth: 'none', sent: 'any', limits: { client: true }, handle })
    : endpoint({ ...shared, auth: 'token', limits: { caller: 'user' }, handle })
}

function requestOf(
  deps: InvitesDeps,
  body: z.output<typeof invitation>,
  { brand, languages }: { brand?: string | null | undefined; languages: readonly string[] },
): InviteRequest {
  const { medium, address, room_id: roomId, sender, ...rest } = body
  if (medium !== 'email') {
    throw new RefusalError('medium-not-served', 'medium: invitations are sent by e-mail alone')
  }
  if (!deps.isMailServed) {
    throw new RefusalError(
      'email-not-sent',
      'this server sends no e-mail: its operator has set up none',
    )
  }
  const threepid = readEmail(address)
  deps.limits.spend('threepid', `email ${threepid.address}`)
  deps.limits.spend('homeserver', parseMxid(sender)?.serverName.toLowerCase() ?? '')
  return { threepid, roomId, sender, details: detailsOf(rest), languages, brand: brand ?? null }
}

/** Texts alone, of bounded number and length; control characters are refused, for they end up in a mail. */
function detailsOf(rest: JsonObject): Record<string, string> {
  const details = Object.create(null) as Record<string, string>
  const texts = Object.entries(rest).filter(
    (member): member is [string, string] => typeof member[1] === 'string',
  )
  for (const [name, text] of texts.slice(0, inviteDetailsMax)) {
    if (unfit.test(text)) {
      throw new RefusalError(
        'param-invalid',
        `${name.slice(0, 100)}: expected no control characters`,
      )
    }
    details[name.slice(0, 100)] = text.slice(0, inviteDetailCharsMax)
  }
  return details
}

const unfit = /(?![\t\n\r])[\p{Cc}\p{Cs}]/u
