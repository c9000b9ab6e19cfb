/**
 * Owns: lookups, hashed and plain.
 * Relies on: http/endpoint, log/association-reader.
 * Never: hashes an address, asks another node, or says more than was asked for.
 */
import { addressesPerPoint, bulkLookupThreepidsMax } from '../../domain/api-limits.ts'
import {
  endpoint,
  json,
  jsonText,
  v1Prefix,
  v2Prefix,
  type Endpoint,
  type EndpointDescription,
} from '../../http/endpoint.ts'
import { z } from '../../platform/shape.ts'
import {
  formatMappings,
  hashDetails,
  lookup,
  readLookupRequest,
  type LookupDeps,
} from './lookup.ts'
import { lookupMany, lookupOne, readBulkLookupRequest } from './plain-lookup.ts'

/** Shapes for the description; what they describe is read by hand, and a test holds them against it. */
const lookupShape = z.object({
  addresses: z.array(z.string()),
  algorithm: z.string(),
  pepper: z.string(),
})
const bulkShape = z.object({
  threepids: z.array(z.array(z.string()).length(2)).max(bulkLookupThreepidsMax),
})
const associationShape = z.object({
  medium: z.string(),
  address: z.string(),
  mxid: z.string(),
  ts: z.int(),
  not_before: z.int(),
  not_after: z.int(),
  signatures: z.record(z.string(), z.record(z.string(), z.string())),
})

const lookupAbout: EndpointDescription = {
  summary: 'The Matrix IDs of addresses, sent as hashes or, with the algorithm "none", as they are',
  answer: z.object({ mappings: z.record(z.string(), z.string()) }),
  bodyShape: lookupShape,
  refusals: ['algorithm-unknown', 'pepper-stale', 'too-many-addresses'],
  example: {
    body: {
      addresses: ['4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc'],
      algorithm: 'sha256',
      pepper: 'matrixrocks',
    },
    answer: { mappings: { '4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc': '@alice:example.org' } },
  },
}

/** A long list is as many requests as it would take to ask for it in short ones. */
function costOf(count: number): number {
  return Math.max(1, Math.ceil(count / addressesPerPoint))
}

/** `isV1Served` false leaves out the lookups of API v1, which anybody may send. */
export function lookupEndpoints(deps: LookupDeps & { readonly isV1Served?: boolean }): Endpoint[] {
  return [...hashedEndpoints(deps), ...(deps.isV1Served === false ? [] : plainEndpoints(deps))]
}

function hashedEndpoints(deps: LookupDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: `${v2Prefix}/hash_details`,
      auth: 'token',
      isHot: true,
      about: {
        summary: 'How addresses are hashed for a lookup: algorithms and pepper',
        answer: z.object({ algorithms: z.array(z.string()), lookup_pepper: z.string() }),
      },
      handle: () => json(hashDetails(deps)),
    }),
    endpoint({
      method: 'POST',
      path: `${v2Prefix}/lookup`,
      auth: 'token',
      isHot: true,
      body: readLookupRequest,
      limits: { caller: 'lookup', cost: ({ addresses }) => costOf(addresses.length) },
      about: lookupAbout,
      handle: async ({ body }) => jsonText(formatMappings(await lookup(deps, body))),
    }),
  ]
}

function plainEndpoints(deps: LookupDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: `${v1Prefix}/lookup`,
      auth: 'none',
      query: z.object({ medium: z.string(), address: z.string() }),
      limits: { caller: 'lookup' },
      about: {
        summary: 'The signed association of one address, or an empty object',
        answer: z.union([associationShape, z.object({})]),
      },
      handle: async ({ query }) => json((await lookupOne(deps, query)) ?? {}),
    }),
    endpoint({
      method: 'POST',
      path: `${v1Prefix}/bulk_lookup`,
      auth: 'none',
      body: readBulkLookupRequest,
      limits: { caller: 'lookup', cost: (pairs) => costOf(pairs.length) },
      about: {
        summary: 'The Matrix IDs of many addresses',
        answer: z.object({ threepids: z.array(z.array(z.string()).length(3)) }),
        bodyShape: bulkShape,
        refusals: ['too-many-addresses'],
        example: {
          body: { threepids: [['email', 'alice@example.org']] },
          answer: { threepids: [['email', 'alice@example.org', '@alice:example.org']] },
        },
      },
      handle: async ({ body }) => json({ threepids: await lookupMany(deps, body) }),
    }),
  ]
}
