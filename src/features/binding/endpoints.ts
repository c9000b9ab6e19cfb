import { isMxid } from '../../domain/mxid.ts'
import { RefusalError } from '../../domain/refusal.ts'
import { canonicalThreepid } from '../../domain/threepid.ts'
import { isOpaqueId } from '../../domain/validation-session.ts'
import {
  endpoint,
  json,
  jsonText,
  v1Prefix,
  v2Prefix,
  type Answer,
  type Endpoint,
} from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import { bind, unbind, type BindDeps, type BindRequest } from './bind.ts'
import {
  bindProven,
  unbindProven,
  type Bound,
  type ProvenBindDeps,
  type ProvenUnbindDeps,
} from './proven-binding.ts'

export type BindingDeps = ProvenBindDeps &
  ProvenUnbindDeps & {
    /** Whether API v1 binds: for anybody who proves an address, to any Matrix ID. */
    readonly isV1BindServed: boolean
  }

const opaqueId = z.string().refine(isOpaqueId, 'expected 1 to 255 letters, digits, or . = _ -')
const sessionShape = z.object({ sid: opaqueId, client_secret: opaqueId })
const bindBody = sessionShape.extend({ mxid: z.string() })
const unbindBody = z.object({
  mxid: z.string(),
  threepid: z.object({ medium: z.string(), address: z.string() }),
  sid: opaqueId.optional(),
  client_secret: opaqueId.optional(),
})
const internalBody = z.object({ medium: z.string(), address: z.string(), mxid: z.string() })

const threepidAnswer = z.object({
  medium: z.string(),
  address: z.string(),
  /** Milliseconds since the epoch. */
  validated_at: z.int(),
})
const boundAnswer = z.object({
  address: z.string(),
  medium: z.string(),
  mxid: z.string(),
  not_before: z.int(),
  not_after: z.int(),
  ts: z.int(),
  signatures: z.record(z.string(), z.record(z.string(), z.string())),
  invites: z.array(z.looseObject({ sender: z.string(), token: z.string() })).optional(),
})

type Prefix = typeof v1Prefix | typeof v2Prefix

/** Looking at a session, binding and unbinding, as clients and homeservers call them. */
export function bindingEndpoints(deps: BindingDeps): Endpoint[] {
  return [
    ...([v1Prefix, v2Prefix] as const).flatMap((prefix) => [
      validatedEndpoint(prefix, deps),
      unbindEndpoint(prefix, deps),
    ]),
    bindEndpoint(deps),
    ...(deps.isV1BindServed ? [historicBindEndpoint(deps)] : []),
  ]
}

function validatedEndpoint(prefix: Prefix, { sessions }: BindingDeps): Endpoint {
  return endpoint({
    method: 'GET',
    path: `${prefix}/3pid/getValidated3pid`,
    auth: prefix === v1Prefix ? 'none' : 'token',
    query: sessionShape,
    about: {
      summary: 'Tells which address a session validated, and when',
      answer: threepidAnswer,
      refusals: ['session-unknown', 'session-not-validated', 'session-expired'],
    },
    handle: async ({ query }) => {
      const { threepid, validatedAtMs } = await sessions.findProven(query.sid, query.client_secret)
      const { medium, address } = threepid
      return json({ medium, address, validated_at: validatedAtMs })
    },
  })
}

const bindDescription = {
  summary: 'Binds a validated address to a Matrix ID',
  answer: boundAnswer,
  refusals: [
    'mxid-invalid',
    'mxid-not-own',
    'session-unknown',
    'session-not-validated',
    'session-expired',
  ],
} as const

function bindEndpoint(deps: BindingDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${v2Prefix}/3pid/bind`,
    auth: 'token',
    isHot: true,
    body: bindBody,
    about: bindDescription,
    handle: async ({ body: { sid, client_secret: clientSecret, mxid }, caller }) =>
      boundText(await bindProven(deps, { sid, clientSecret, mxid, ownMxid: caller.mxid })),
  })
}

/** Without a token there is no caller to compare the Matrix ID with. */
function historicBindEndpoint(deps: BindingDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: `${v1Prefix}/3pid/bind`,
    auth: 'none',
    sent: 'any',
    body: bindBody,
    about: bindDescription,
    handle: async ({ body: { sid, client_secret: clientSecret, mxid } }) =>
      boundText(await bindProven(deps, { sid, clientSecret, mxid, ownMxid: null })),
  })
}

/** The association is text already; invites, which are rare, are put in before its end. */
function boundText({ json: text, invites }: Bound): Answer {
  if (invites.length === 0) return jsonText(text)
  return jsonText(`${text.slice(0, -1)},"invites":${JSON.stringify(invites)}}`)
}

/**
 * No token: the specification lets a homeserver's signature, or the session of the address, prove the right to unbind,
 * and the caller may be a homeserver whose user is gone. So nobody's terms are asked for either. JSON in v1 too: a
 * form cannot hold `threepid`, and only JSON can be signed.
 */
function unbindEndpoint(prefix: Prefix, deps: BindingDeps): Endpoint {
  const uri = `${prefix}/3pid/unbind`
  return endpoint({
    method: 'POST',
    path: uri,
    auth: 'none',
    body: unbindBody,
    about: {
      summary: 'Ends the association of an address with a Matrix ID',
      answer: z.object({}),
      refusals: [
        'mxid-invalid',
        'threepid-invalid',
        'credentials-invalid',
        'signature-invalid',
        'homeserver-not-allowed',
        'homeserver-unreachable',
      ],
    },
    handle: async ({ body, bodyJson, authorizations }) => {
      await unbindProven(deps, {
        ...readRequest({ ...body.threepid, mxid: body.mxid }),
        sid: body.sid ?? null,
        clientSecret: body.client_secret ?? null,
        signed: { uri, content: bodyJson, authorizations },
      })
      return json({})
    },
  })
}

/**
 * The internal bind API, as homeserver modules call it on a private port: whoever reaches it is believed. With an admin
 * token the caller must bear it.
 */
export function internalBindingEndpoints(deps: BindDeps, auth: 'none' | 'token'): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/_matrix/identity/internal/bind',
      auth,
      body: internalBody,
      handle: async ({ body }) => json(await bind(deps, readRequest(body))),
    }),
    endpoint({
      method: 'POST',
      path: '/_matrix/identity/internal/unbind',
      auth,
      body: internalBody,
      handle: async ({ body }) => {
        await unbind(deps, readRequest(body))
        return json({})
      },
    }),
  ]
}

/** Reads medium, address and mxid as they come from a person or another program; refuses what is malformed. */
export function readRequest({ medium, address, mxid }: z.infer<typeof internalBody>): BindRequest {
  const threepid = canonicalThreepid(medium, address)
  if (!isMxid(mxid))
    throw new RefusalError('mxid-invalid', 'mxid must be a Matrix user ID like @user:server')
  return { threepid, mxid }
}
