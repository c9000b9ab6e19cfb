import { z } from 'zod'
import { isMxid } from '../../domain/mxid.ts'
import { RefusalError } from '../../domain/refusal.ts'
import { canonicalThreepid } from '../../domain/threepid.ts'
import { endpoint, json, type Endpoint } from '../../http/endpoint.ts'
import { bind, unbind, type BindDeps, type BindRequest } from './bind.ts'

const internalBody = z.object({ medium: z.string(), address: z.string(), mxid: z.string() })

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
