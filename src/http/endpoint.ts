import { RefusalError } from '../domain/refusal.ts'
import { formatPath, readShape, type Shape } from '../platform/shape.ts'

/** Where the operations of the Identity Service API stand; v1 ended with r0.3.0 and can be switched off as a whole. */
export const v1Prefix = '/_matrix/identity/api/v1'
export const v2Prefix = '/_matrix/identity/v2'

/** A JSON object from outside: own members only, a member named `__proto__` among them if one was sent. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whose token a request bears. */
export type Caller = { readonly mxid: string; readonly token: string }

export type Answer = {
  readonly status: number
  readonly contentType: string
  readonly text: string
  /** Further headers, name and value in turn. */
  readonly headers?: readonly string[]
}

/** Reads what was sent and refuses with param-missing or param-invalid. */
export type Reader<T> = (sent: JsonObject) => T

/** What the pipeline hands to `handle` once all it declares is fulfilled. */
export type Served<Auth extends 'none' | 'token', Query, Body> = {
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  readonly caller: Auth extends 'token' ? Caller : null
  readonly requestId: string
}

type Declaration<Auth extends 'none' | 'token', Query, Body> = {
  readonly method: 'GET' | 'POST'
  /** Exact, with `:name` for a parameter; a trailing slash in the request is tolerated. */
  readonly path: string
  /** `token`: a bearer token known here, looked at before anything else of the request is. */
  readonly auth: Auth
  /** Query parameters, each at most once. Absent: the query is not read. */
  readonly query?: Shape<Query> | Reader<Query>
  /** The body must be a JSON object. Absent: the body is not read. */
  readonly body?: Shape<Body> | Reader<Body>
  /** Served in front of express, by the same pipeline. At most one parameter, and that at the end of the path. */
  readonly isHot?: boolean
  handle(served: Served<Auth, Query, Body>): Answer | Promise<Answer>
}

/** A declared endpoint, its types checked and forgotten. */
export type Endpoint = {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly auth: 'none' | 'token'
  readonly readQuery: Reader<unknown> | null
  readonly readBody: Reader<unknown> | null
  readonly isHot: boolean
  handle(served: Served<'none' | 'token', unknown, unknown>): Answer | Promise<Answer>
}

/** Declares an endpoint. All steps around `handle` are the pipeline's; it cannot forget one. */
export function endpoint<Auth extends 'none' | 'token', Query = undefined, Body = undefined>(
  declaration: Declaration<Auth, Query, Body>,
): Endpoint {
  const { method, path, auth, query, body, isHot } = declaration
  return {
    method,
    path,
    auth,
    readQuery: query === undefined ? null : readerOf(query),
    readBody: body === undefined ? null : readerOf(body),
    isHot: isHot ?? false,
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

function readerOf<T>(shape: Shape<T> | Reader<T>): Reader<T> {
  return typeof shape === 'function' ? shape : (sent) => requireShape(shape, sent)
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
