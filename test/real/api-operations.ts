/** The operations of the Identity Service API as a client calls them, with a request that is well-formed each. */

export type Sent = Readonly<Record<string, unknown>>

export type Operation = {
  readonly method: 'GET' | 'POST'
  /** Below `/_matrix/identity`. */
  readonly path: string
  readonly auth: 'none' | 'token'
  /** Body of a POST, query of a GET; every member is required. */
  readonly good?: Sent
  /** What the well-formed request comes to: a status, and the errcode unless it is 200. */
  readonly answer: readonly [number, string?]
  /** v1 takes forms and queries too. */
  readonly isDialect?: boolean
  /** Served before the terms are accepted. */
  readonly isExempt?: boolean
}

export const v1 = '/api/v1'
export const v2 = '/v2'

const session = { sid: 'no-such-session', client_secret: 'nobodys-client-secret' }
const noSession = [404, 'M_NO_VALID_SESSION'] as const

/** `mxid` is the caller's, `server` its homeserver. */
export function operationsOf({ mxid, server }: { mxid: string; server: string }): Operation[] {
  return [...served(server), ...people(v1, mxid), ...people(v2, mxid), ...historic]
}

const key = { public_key: 'A'.repeat(43) }

function served(server: string): Operation[] {
  const vouched = { access_token: 'open-alice', matrix_server_name: server }
  return [
    { method: 'GET', path: '/versions', auth: 'none', answer: [200] },
    { method: 'GET', path: v2, auth: 'none', answer: [200] },
    { method: 'GET', path: v1, auth: 'none', answer: [200] },
    { method: 'GET', path: `${v2}/terms`, auth: 'none', answer: [200] },
    { method: 'GET', path: `${v2}/account`, auth: 'token', answer: [200] },
    { method: 'GET', path: `${v2}/hash_details`, auth: 'token', answer: [200] },
    {
      method: 'POST',
      path: `${v2}/account/register`,
      auth: 'none',
      good: vouched,
      answer: [200],
    },
    {
      method: 'POST',
      path: `${v2}/terms`,
      auth: 'token',
      good: { user_accepts: ['https://terms.example/other'] },
      answer: [200],
      isExempt: true,
    },
    {
      method: 'POST',
      path: `${v2}/lookup`,
      auth: 'token',
      good: { addresses: ['x'], algorithm: 'sha256', pepper: 'matrixrocks' },
      answer: [200],
    },
    ...[v1, v2].flatMap((prefix): Operation[] => [
      {
        method: 'GET',
        path: `${prefix}/pubkey/ed25519:none`,
        auth: 'none',
        answer: [404, 'M_NOT_FOUND'],
      },
      {
        method: 'GET',
        path: `${prefix}/pubkey/isvalid`,
        auth: 'none',
        good: key,
        answer: [200],
      },
      {
        method: 'GET',
        path: `${prefix}/pubkey/ephemeral/isvalid`,
        auth: 'none',
        good: key,
        answer: [200],
      },
    ]),
  ]
}

function people(prefix: string, mxid: string): Operation[] {
  const auth = prefix === v2 ? 'token' : 'none'
  const isDialect = prefix === v1
  const post = { method: 'POST', auth, isDialect } as const
  const threepid = { medium: 'email', address: 'nobody-there@people.example' }
  const asked = { client_secret: 'somebodys-client-secret', send_attempt: 1 }
  return [
    {
      ...post,
      path: `${prefix}/validate/email/requestToken`,
      good: { ...asked, email: 'operations@people.example' },
      answer: [200],
    },
    {
      ...post,
      path: `${prefix}/validate/msisdn/requestToken`,
      good: { ...asked, country: 'GB', phone_number: '07700900750' },
      answer: [200],
    },
    ...['email', 'msisdn'].map((medium): Operation => ({
      ...post,
      path: `${prefix}/validate/${medium}/submitToken`,
      good: { ...session, token: 'no-such-code' },
      answer: noSession,
    })),
    {
      method: 'GET',
      path: `${prefix}/3pid/getValidated3pid`,
      auth,
      good: session,
      answer: noSession,
    },
    { ...post, path: `${prefix}/3pid/bind`, good: { ...session, mxid }, answer: noSession },
    {
      method: 'POST',
      path: `${prefix}/3pid/unbind`,
      auth: 'none',
      good: { mxid, threepid },
      answer: [403, 'M_FORBIDDEN'],
    },
    {
      ...post,
      path: `${prefix}/store-invite`,
      good: { ...threepid, room_id: '!room:hs.example', sender: mxid },
      answer: [200],
    },
    {
      ...post,
      path: `${prefix}/sign-ed25519`,
      good: { mxid, token: 'no-such-token', private_key: 'A'.repeat(43) },
      answer: [404, 'M_UNRECOGNIZED'],
    },
  ]
}

const historic: Operation[] = [
  {
    method: 'GET',
    path: `${v1}/lookup`,
    auth: 'none',
    good: { medium: 'email', address: 'nobody-there@people.example' },
    answer: [200],
  },
  {
    method: 'POST',
    path: `${v1}/bulk_lookup`,
    auth: 'none',
    good: { threepids: [['email', 'nobody-there@people.example']] },
    answer: [200],
  },
]

export function nameOf({ method, path }: Operation): string {
  return `${method} ${path}`
}

export function queryOf(sent: Sent): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(sent)) query.set(name, textOf(value))
  return query.toString()
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
