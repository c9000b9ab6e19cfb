/**
 * Owns: the policies of this server, and who accepted them.
 * Relies on: http/endpoint, domain/policy, a store of acceptances through a port.
 * Never: asks a caller without token, or keeps a URL that is no policy's.
 */
import { acceptedUrlsMax } from '../../domain/api-limits.ts'
import { endpoint, json, v2Prefix, type Endpoint } from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import { acceptTerms, describePolicies, type TermsDeps } from './terms.ts'

const acceptance = z.object({ user_accepts: z.array(z.string()).max(acceptedUrlsMax) })

const policyShape = z
  .object({ version: z.string() })
  .catchall(z.object({ name: z.string(), url: z.string() }))

export function termsEndpoints(deps: TermsDeps): Endpoint[] {
  const terms = json({ policies: describePolicies(deps.policies) })
  return [
    endpoint({
      method: 'GET',
      path: `${v2Prefix}/terms`,
      auth: 'none',
      about: {
        summary: 'The policies of this server, in every language they exist in',
        answer: z.object({ policies: z.record(z.string(), policyShape) }),
      },
      handle: () => terms,
    }),
    endpoint({
      method: 'POST',
      path: `${v2Prefix}/terms`,
      auth: 'token',
      terms: 'exempt',
      body: acceptance,
      about: {
        summary:
          'Accepts policies by their URLs; one language of each is enough, and acceptances add up',
        answer: z.object({}),
        example: {
          body: { user_accepts: ['https://example.org/privacy-1.2-en.html'] },
          answer: {},
        },
      },
      handle: async ({ body, caller }) => {
        await acceptTerms(deps, { mxid: caller.mxid, urls: body.user_accepts })
        return json({})
      },
    }),
  ]
}
