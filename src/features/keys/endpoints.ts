/**
 * Owns: answers about the public keys behind our signatures.
 * Relies on: http/endpoint, domain.
 * Never: holds a private key, or knows a partner's key.
 */
import { endpoint, json, v1Prefix, v2Prefix, type Endpoint } from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import { isEphemeralKeyValid, isSiteKeyValid, publicKey, type KeysDeps } from './public-keys.ts'

const keyQuery = z.object({ public_key: z.string() })
const validity = z.object({ valid: z.boolean() })

export function keysEndpoints(deps: KeysDeps): Endpoint[] {
  return [v1Prefix, v2Prefix].flatMap((prefix) => keysEndpointsUnder(prefix, deps))
}

function keysEndpointsUnder(prefix: string, deps: KeysDeps): Endpoint[] {
  const shared = { method: 'GET', auth: 'none', isHot: true } as const
  return [
    endpoint({
      ...shared,
      path: `${prefix}/pubkey/isvalid`,
      query: keyQuery,
      about: {
        summary: 'Whether a long-term public key is one of this server, in force now',
        answer: validity,
      },
      handle: ({ query }) => json({ valid: isSiteKeyValid(deps, query.public_key) }),
    }),
    endpoint({
      ...shared,
      path: `${prefix}/pubkey/ephemeral/isvalid`,
      query: keyQuery,
      about: {
        summary: 'Whether a public key was made here for an invitation',
        answer: validity,
      },
      handle: async ({ query }) =>
        json({ valid: await isEphemeralKeyValid(deps, query.public_key) }),
    }),
    endpoint({
      ...shared,
      path: `${prefix}/pubkey/:keyId`,
      about: {
        summary: 'A long-term public key of this server by its id, such as ed25519:0',
        answer: z.object({ public_key: z.string() }),
        refusals: ['not-found'],
      },
      handle: ({ params }) => json({ public_key: publicKey(deps, params['keyId'] ?? '') }),
    }),
  ]
}
