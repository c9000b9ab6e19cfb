/**
 * Owns: answers about the public keys behind our signatures.
 * Relies on: http/endpoint, domain.
 * Never: holds a private key, or knows a partner's key.
 */
import { endpoint, json, v1Prefix, v2Prefix, type Endpoint } from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import { isEphemeralKeyValid, isSiteKeyValid, publicKey, type KeysDeps } from './public-keys.ts'

const keyQuery = z.object({ public_key: z.string() })

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
      handle: ({ query }) => json({ valid: isSiteKeyValid(deps, query.public_key) }),
    }),
    endpoint({
      ...shared,
      path: `${prefix}/pubkey/ephemeral/isvalid`,
      query: keyQuery,
      handle: async ({ query }) =>
        json({ valid: await isEphemeralKeyValid(deps, query.public_key) }),
    }),
    endpoint({
      ...shared,
      path: `${prefix}/pubkey/:keyId`,
      handle: ({ params }) => json({ public_key: publicKey(deps, params['keyId'] ?? '') }),
    }),
  ]
}
