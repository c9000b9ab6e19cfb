import type { RefusalCode } from '../domain/refusal.ts'
import { z, type Shape } from '../platform/shape.ts'
import { v1Prefix, v2Prefix, type Endpoint } from './endpoint.ts'
import { refusalResponses } from './refusal-responses.ts'

type Json = Readonly<Record<string, unknown>>

export type Operation = {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security: readonly Json[]
  readonly parameters?: readonly Json[]
  readonly requestBody?: Json
  readonly responses: Readonly<Record<string, Json>>
}

export type OpenApiDocument = {
  readonly openapi: string
  readonly info: Json
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly Json[]
  readonly components: Json
  /** Path to method in lower case to operation. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const tags = [
  { name: 'v2', description: 'The Identity Service API in force.' },
  {
    name: 'v1',
    description: 'Its forerunner: no access token, parameters as JSON, form or query.',
  },
  { name: 'server', description: 'About this server.' },
] as const

const errorSchema = {
  type: 'object',
  required: ['errcode', 'error'],
  properties: {
    errcode: { type: 'string', description: 'What went wrong, for programs.' },
    error: { type: 'string', description: 'The same for people.' },
    retry_after_ms: { type: 'integer', description: 'With M_LIMIT_EXCEEDED: when to ask again.' },
  },
} as const

/** The description of what these endpoints serve: OpenAPI 3.1, its schemas those that requests are read by. */
export function describeApi(
  endpoints: readonly Endpoint[],
  about: { readonly version: string; readonly baseUrl: string },
): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, '{$1}')
    const methods = (paths[path] ??= {})
    methods[endpoint.method.toLowerCase()] = operationOf(endpoint, path)
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Matrix Identity Service API', version: about.version },
    servers: [{ url: about.baseUrl }],
    tags,
    components: {
      securitySchemes: { accessToken: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: errorSchema },
    },
    paths,
  }
}

function operationOf(endpoint: Endpoint, path: string): Operation {
  const parameters = [...pathParameters(path), ...queryParameters(endpoint)]
  return {
    operationId: `${endpoint.method.toLowerCase()} ${path}`.replaceAll(/[^A-Za-z0-9]+/g, '_'),
    summary: endpoint.about?.summary ?? '',
    tags: [tagOf(endpoint.path)],
    security: endpoint.auth === 'token' ? [{ accessToken: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(endpoint.readBody === null ? {} : { requestBody: requestBodyOf(endpoint) }),
    responses: { ...answerOf(endpoint), ...errorsOf(endpoint) },
  }
}

function tagOf(path: string): (typeof tags)[number]['name'] {
  if (path.startsWith(v1Prefix)) return 'v1'
  return path.startsWith(v2Prefix) ? 'v2' : 'server'
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ queryShape }: Endpoint): Json[] {
  if (queryShape === null) return []
  const { properties, required } = objectSchema(queryShape)
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

function requestBodyOf({ bodyShape, sent, about }: Endpoint): Json {
  const schema = bodyShape === null ? { type: 'object' } : schemaOf(bodyShape)
  const example = about?.example?.body
  const content = { schema, ...(example === undefined ? {} : { example }) }
  return {
    required: sent === 'json',
    content: {
      'application/json': content,
      ...(sent === 'any' ? { 'application/x-www-form-urlencoded': { schema } } : {}),
    },
  }
}

function answerOf({ about }: Endpoint): Record<string, Json> {
  const isPage = about !== null && about.answer === undefined
  if (isPage) {
    const schema = { type: 'string' }
    return { '200': { description: 'A page for people', content: { 'text/html': { schema } } } }
  }
  const schema = about?.answer === undefined ? { type: 'object' } : schemaOf(about.answer)
  const example = about?.example?.answer
  const content = { schema, ...(example === undefined ? {} : { example }) }
  return { '200': { description: 'Done', content: { 'application/json': content } } }
}

/** Errors by status, each with the errcodes that may stand in it. */
function errorsOf(endpoint: Endpoint): Record<string, Json> {
  const codes = new Map<number, Set<string>>()
  for (const code of refusalsOf(endpoint)) {
    const { status, errcode } = refusalResponses[code]
    codes.set(status, (codes.get(status) ?? new Set()).add(errcode))
  }
  const rows = [...codes].sort(([a], [b]) => a - b)
  return Object.fromEntries(
    rows.map(([status, errcodes]): [string, Json] => {
      const named = { properties: { errcode: { enum: [...errcodes] } } }
      const schema = { allOf: [{ $ref: '#/components/schemas/Error' }, named] }
      const description = [...errcodes].join(', ')
      return [String(status), { description, content: { 'application/json': { schema } } }]
    }),
  )
}

/** What the pipeline may refuse by what is declared, and what the endpoint says of itself. */
function refusalsOf({
  auth,
  needsTerms,
  limits,
  readBody,
  readQuery,
  about,
}: Endpoint): RefusalCode[] {
  const isLimited = limits.client === true || limits.caller !== undefined
  return [
    ...(auth === 'token' ? (['token-missing', 'token-unknown'] as const) : []),
    ...(needsTerms ? (['terms-not-signed'] as const) : []),
    ...(readBody === null ? [] : (['body-not-json', 'body-not-object', 'body-too-large'] as const)),
    ...(readBody === null && readQuery === null
      ? []
      : (['param-missing', 'param-invalid'] as const)),
    ...(isLimited ? (['limit-exceeded'] as const) : []),
    ...(about?.refusals ?? []),
  ]
}

/** As input, answers too: who reads them has to bear members it does not know. */
function schemaOf(shape: Shape<unknown>): Json {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(shape, {
    io: 'input',
    unrepresentable: 'any',
  })
  return schema
}

function objectSchema(shape: Shape<unknown>): { properties: Json; required: readonly string[] } {
  const { properties = {}, required = [] } = schemaOf(shape) as {
    properties?: Json
    required?: readonly string[]
  }
  return { properties, required }
}
