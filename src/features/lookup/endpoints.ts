/**
 * Owns: lookups, hashed and plain.
 * Relies on: http/endpoint, log/association-reader.
 * Never: hashes an address, asks another node, or says more than was asked for.
 */
import { endpoint, json, jsonText, v1Prefix, v2Prefix, type Endpoint } from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import {
  formatMappings,
  hashDetails,
  lookup,
  readLookupRequest,
  type LookupDeps,
} from './lookup.ts'
import { lookupMany, lookupOne, readBulkLookupRequest } from './plain-lookup.ts'

export function lookupEndpoints(deps: LookupDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: `${v2Prefix}/hash_details`,
      auth: 'token',
      isHot: true,
      handle: () => json(hashDetails(deps)),
    }),
    endpoint({
      method: 'POST',
      path: `${v2Prefix}/lookup`,
      auth: 'token',
      isHot: true,
      body: readLookupRequest,
      handle: async ({ body }) => jsonText(formatMappings(await lookup(deps, body))),
    }),
    endpoint({
      method: 'GET',
      path: `${v1Prefix}/lookup`,
      auth: 'none',
      query: z.object({ medium: z.string(), address: z.string() }),
      handle: async ({ query }) => json((await lookupOne(deps, query)) ?? {}),
    }),
    endpoint({
      method: 'POST',
      path: `${v1Prefix}/bulk_lookup`,
      auth: 'none',
      body: readBulkLookupRequest,
      handle: async ({ body }) => json({ threepids: await lookupMany(deps, body) }),
    }),
  ]
}
