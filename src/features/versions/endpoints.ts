/**
 * Owns: what a client asks before anything else: which API versions are met, and whether anybody is there.
 * Relies on: http/endpoint.
 * Never: needs a token or looks at anything stored.
 */
import { endpoint, json, v1Prefix, v2Prefix, type Endpoint } from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'

/** Numbered on their own until r0.3.0, the last with v1 paths. */
const v1Versions = ['r0.1.0', 'r0.2.0', 'r0.2.1', 'r0.3.0']
const newestMinor = 19
const v2Versions = Array.from({ length: newestMinor }, (_, i) => `v1.${i + 1}`)

const here = { summary: 'Whether an identity server is here', answer: z.object({}) }

export function versionsEndpoints({ isV1Served }: { isV1Served: boolean }): Endpoint[] {
  const versions = json({ versions: isV1Served ? [...v1Versions, ...v2Versions] : v2Versions })
  const pong = json({})
  const shared = { method: 'GET', auth: 'none', isHot: true } as const
  return [
    endpoint({
      ...shared,
      path: '/_matrix/identity/versions',
      about: {
        summary: 'The versions of the specification this server meets',
        answer: z.object({ versions: z.array(z.string()) }),
      },
      handle: () => versions,
    }),
    endpoint({ ...shared, path: v2Prefix, about: here, handle: () => pong }),
    endpoint({ ...shared, path: v1Prefix, about: here, handle: () => pong }),
  ]
}
