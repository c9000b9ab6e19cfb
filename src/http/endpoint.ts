import { RefusalError, type RefusalCode } from '../domain/refusal.ts'
import { formatPath, readShape, type Shape } from '../platform/shape.ts'

/** Where the operations of the Identity Service API stand; v1 ended with r0.3.0 and can be switched off as a whole. */
export const v1Prefix = '/_matrix/identity/api/v1'
export const v2Prefix = '/_matrix/identity/v2'

/** A JSON object from outside: own members only, a member named `__proto__` among them if one was sent. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whose token a request bears. */
export type Caller = {
  readonly mxid: string
  readonly token: string
  /** Whether every policy was accepted; true where there are none. */
  readonly hasAcceptedTerms: boolean
}

export type Answer = {
  readonly status: number
  readonly contentType: string
  readonly text: string
  /** Further headers, name and value in turn. */
  readonly headers?: readonly string[]
}

/** Reads what was sent and refuses with param-missing or param-invalid. */
export type Reader<T> = (sent: JsonObject) => T

/** Whose bucket: a client's address, a user, who looks up, a 3PID, a homeserver, a country that gets SMS. */
export type RateScope = 'client' | 'user' | 'lookup' | 'threepid' | 'homeserver' | 'country'

/**
 * Spends `cost` (1 unless said otherwise) of what `key` may do. Refuses with limit-exceeded and `retry_after_ms`, and
 * then nothing was spent.
 */
export type RateLimits = { spend(scope: RateScope, key: string, cost?: number): void }

/** What the pipeline hands to `handle` once all it declares is fulfilled. */
export type Served<Auth extends 'none' | 'token', Query, Body> = {
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** The object `body` was read from, as it was sent: what a homeserver's signature is about. */
  readonly bodyJson: JsonObject
  readonly caller: Auth extends 'token' ? Caller : null
  readonly requestId: string
  /** Every Authorization header, in order. */
  readonly authorizations: readonly string[]
  /** What Accept-Language asks for, best first. */
  readonly languages: readonly string[]
  /** IP address, as far as proxies are trusted. */
  readonly clientAddress: string
}

/** What an endpoint spends before it is handled, by one scope each. */
export type EndpointLimits<Body> = {
  /** Of the client's address, before anything else of the request is looked at. */
  readonly client?: boolean
  /** Of the caller, or of the client's address where nobody has a token; after the body was read. */
  readonly caller?: 'user' | 'lookup'
  /** What `caller` costs; 1 when absent. */
  readonly cost?: (body: Body) => number
}

export type RenderRefusal = (refusal: RefusalError, languages: readonly string[]) => string

type Declaration<Auth extends 'none' | 'token', Query, Body> = {
  readonly method: 'GET' | 'POST'
  /** Exact, with `:name` for a parameter; a trailing slash in the request is tolerated. */
  readonly path: string
  /** `token`: a bearer token known here, looked at before anything else of the request is. */
  readonly auth: Auth
  /** `exempt`: served before its caller has accepted the terms. Without a token nobody is asked. */
  readonly terms?: 'exempt'
  readonly limits?: EndpointLimits<NoInfer<Body>>
  /** Query parameters, each at most once. Absent: the query is not read. */
  readonly query?: Shape<Query> | Reader<Query>
  /** Absent: the body is not read. */
  readonly body?: Shape<Body> | Reader<Body>
  /** `json`, the default: a JSON object. `any`: as v1 has it, a JSON object, a form or the query, all read as `body`. */
  readonly sent?: 'json' | 'any'
  /** A GET that does something: HEAD, which programs send ahead of people, is refused. */
  readonly changesState?: boolean
  /** Served in front of express, by the same pipeline. At most one parameter, and that at the end of the path. */
  readonly isHot?: boolean
  readonly about?: EndpointDescription
  /** For people: a page that says no, in place of JSON; status and headers stay those of the refusal. */
  readonly renderRefusal?: RenderRefusal
  handle(served: Served<Auth, Query, Body>): Answer | Promise<Answer>
}

/** What the published description of the API says beyond what requests are checked by. */
export type EndpointDescription = {
  readonly summary: string
  /** Of the answer with status 200; absent for pages. */
  readonly answer?: Shape<unknown>
  /** Where `query` or `body` is read by hand: a shape that takes the same. */
  readonly queryShape?: Shape<unknown>
  readonly bodyShape?: Shape<unknown>
  readonly refusals?: readonly RefusalCode[]
  /** A body that is taken, and the answer to it. */
  readonly example?: { readonly body?: JsonObject; readonly answer: JsonObject }
}

/** A declared endpoint, its types checked and forgotten. */
export type Endpoint = {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly auth: 'none' | 'token'
  readonly needsTerms: boolean
  readonly limits: EndpointLimits<unknown>
  readonly readQuery: Reader<unknown> | null
  readonly readBody: Reader<unknown> | null
  readonly sent: 'json' | 'any'
  readonly changesState: boolean
  readonly isHot: boolean
  readonly about: EndpointDescription | null
  /** Null where nothing is read, or by hand and not described. */
  readonly queryShape: Shape<unknown> | null
  readonly bodyShape: Shape<unknown> | null
  readonly renderRefusal: RenderRefusal | null
  handle(served: Served<'none' | 'token', unknown, unknown>): Answer | Promise<Answer>
}

/** Declares an endpoint. All steps around `handle` are the pipeline's; it cannot forget one. */
export function endpoint<Auth extends 'none' | 'token', Query = undefined, Body = undefined>(
  declaration: Declaration<Auth, Query, Body>,
): Endpoint {
  const { method, path, auth, query, body, about } = declaration
  return {
    method,
    path,
    auth,
    needsTerms: auth === 'token' && declaration.terms !== 'exempt',
    limits: (declaration.limits ?? {}) as EndpointLimits<unknown>,
    readQuery: query === undefined ? null : readerOf(query),
    readBody: body === undefined ? null : readerOf(body),
    sent: declaration.sent ?? 'json',
    changesState: method === 'POST' || (declaration.changesState ?? false),
    isHot: declaration.isHot ?? false,
    about: about ?? null,
    queryShape: shapeOf(query) ?? about?.queryShape ?? null,
    bodyShape: shapeOf(body) ?? about?.bodyShape ?? null,
    renderRefusal: declaration.renderRefusal ?? null,
    handle: (served) => declaration.handle(served as Served<Auth, Query, Body>),
  }
}

/** Without v1 its paths are as unknown as any other: 404 M_UNRECOGNIZED (MSC2140). */
export function withoutV1(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints.filter(({ path }) => path !== v1Prefix && !path.startsWith(`${v1Prefix}/`))
}

/** A JSON answer. */
export function json(value: object, status = 200): Answer {
  return { status, contentType: 'application/json', text: JSON.stringify(value) }
}

/** The same of text that is JSON already. */
export function jsonText(text: string): Answer {
  return { status: 200, contentType: 'application/json', text }
}

/** Pages bring their styles and nothing else; nothing is loaded, run, sent or framed. */
const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** A page's address holds what proves an address: it goes to nobody as a referrer. */
const pageHeaders = ['Content-Security-Policy', pagePolicy, 'Referrer-Policy', 'no-referrer']

/** A page for people. */
export function html(text: string, status = 200): Answer {
  return { status, contentType: 'text/html; charset=utf-8', text, headers: pageHeaders }
}

/** 302 to an absolute URL that was checked before; what no header can hold is percent-encoded. */
export function redirect(url: string): Answer {
  const { href } = new URL(url)
  return {
    status: 302,
    contentType: 'text/plain; charset=utf-8',
    text: '',
    headers: [...pageHeaders, 'Location', href],
  }
}

function readerOf<T>(shape: Shape<T> | Reader<T>): Reader<T> {
  return typeof shape === 'function' ? shape : (sent) => requireShape(shape, sent)
}

function shapeOf<T>(shape: Shape<T> | Reader<T> | undefined): Shape<T> | undefined {
  return typeof shape === 'function' ? undefined : shape
}

function requireShape<T>(shape: Shape<T>, sent: JsonObject): T {
  const reading = readShape(shape, sent)
  if (reading.ok) return reading.value
  const missing = reading.problems.filter(({ kind }) => kind === 'missing')
  if (missing.length > 0) {
    const names = missing.map(({ path }) => formatPath(path))
    throw new RefusalError('param-missing', `missing: ${names.join(', ')}`)
  }
  const wrong = reading.problems.map(({ path, message }) => `${formatPath(path)}: ${message}`)
  throw new RefusalError('param-invalid', wrong.join('; '))
}
