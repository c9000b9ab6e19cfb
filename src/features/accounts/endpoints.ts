/**
 * Owns: registering with a homeserver's word, whose token it is, logging out.
 * Relies on: http/endpoint, matrix/openid through a port, the store of accounts through a port.
 * Never: believes a Matrix ID its homeserver did not vouch for, or stores a token.
 */
import { openidTokenLengthMax } from '../../domain/api-limits.ts'
import { endpoint, json, v2Prefix, type Endpoint } from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import { logout, register, type AccountsDeps } from './accounts.ts'

/** The homeserver's OpenID answer as a client passes it on; only two members are ever needed. */
const registration = z.object({
  access_token: z.string().min(1).max(openidTokenLengthMax),
  matrix_server_name: z.string(),
})

export function accountsEndpoints(deps: AccountsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: `${v2Prefix}/account/register`,
      auth: 'none',
      limits: { client: true },
      body: registration,
      about: {
        summary: "Gives an access token to the user a homeserver's OpenID token belongs to",
        answer: z.object({ token: z.string(), access_token: z.string() }),
        refusals: [
          'server-name-invalid',
          'homeserver-not-allowed',
          'homeserver-refused',
          'homeserver-unreachable',
        ],
        example: {
          body: {
            access_token: 'SGVsbG8',
            token_type: 'Bearer',
            matrix_server_name: 'example.org',
            expires_in: 3600,
          },
          answer: { token: 'abc123', access_token: 'abc123' },
        },
      },
      handle: async ({ body }) => {
        const token = await register(deps, {
          openidToken: body.access_token,
          serverName: body.matrix_server_name,
        })
        // Element Web falls back to access_token, Android reads token alone.
        return json({ token, access_token: token })
      },
    }),
    endpoint({
      method: 'GET',
      path: `${v2Prefix}/account`,
      auth: 'token',
      about: {
        summary: 'Whose access token this is',
        answer: z.object({ user_id: z.string() }),
        example: { answer: { user_id: '@alice:example.org' } },
      },
      handle: ({ caller }) => json({ user_id: caller.mxid }),
    }),
    endpoint({
      method: 'POST',
      path: `${v2Prefix}/account/logout`,
      auth: 'token',
      terms: 'exempt',
      about: { summary: 'Ends this access token', answer: z.object({}) },
      handle: async ({ caller }) => {
        await logout(deps, caller.token)
        return json({})
      },
    }),
  ]
}
