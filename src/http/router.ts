import express, { type NextFunction, type Request, type Response } from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { RefusalError } from '../domain/refusal.ts'
import { endpoint, json, type Endpoint } from './endpoint.ts'
import { serve, type PipelineDeps } from './pipeline.ts'
import { answerTo } from './refusal-responses.ts'

/** What a browser asks before it sends a token; never needs one itself (Identity Service API, "Web browser clients"). */
export const preflight: Endpoint = endpoint({
  method: 'GET',
  path: 'preflight',
  auth: 'none',
  handle: () => ({ ...json({}), headers: ['Access-Control-Max-Age', '86400'] }),
})

const unknownPath: Endpoint = endpoint({
  method: 'GET',
  path: 'unknown',
  auth: 'none',
  handle: () => {
    throw new RefusalError('path-unknown', 'this path is not known here')
  },
})

/** Express finds the endpoint; everything after that is the pipeline's. */
export function createRouter(
  deps: PipelineDeps,
  endpoints: readonly Endpoint[],
): (request: IncomingMessage, response: ServerResponse) => void {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.enable('case sensitive routing')
  const through =
    (served: Endpoint) =>
    (request: Request, response: Response): void => {
      const params = request.params as Readonly<Record<string, string>>
      serve(deps, { endpoint: served, request, response, params })
    }
  for (const [path, declared] of byPath(endpoints)) {
    for (const one of declared) {
      // Express serves HEAD by GET, and programs send HEAD to links before a person opens them.
      if (one.method === 'GET' && one.changesState)
        app.head(path, through(unknownMethod(path, declared)))
      if (one.method === 'GET') app.get(path, through(one))
      else app.post(path, through(one))
    }
    app.all(path, through(unknownMethod(path, declared)))
  }
  app.use(through(unknownPath))
  // Four parameters make this the error handler; what fails here is a path that cannot be decoded.
  app.use((_error: unknown, request: Request, response: Response, _next: NextFunction) => {
    through(unknownPath)(request, response)
  })
  return app
}

/** Fixed paths before such with parameters, which would swallow them. */
function byPath(endpoints: readonly Endpoint[]): [string, Endpoint[]][] {
  const paths = new Map<string, Endpoint[]>()
  for (const one of endpoints) paths.set(one.path, [...(paths.get(one.path) ?? []), one])
  return [...paths].sort(([a], [b]) => Number(a.includes(':')) - Number(b.includes(':')))
}

function unknownMethod(path: string, declared: readonly Endpoint[]): Endpoint {
  const methods = declared.map(({ method, changesState }) =>
    method === 'GET' && !changesState ? 'GET, HEAD' : method,
  )
  return endpoint({
    method: 'GET',
    path,
    auth: 'none',
    handle: () => ({
      ...answerTo(new RefusalError('method-unknown', 'this path does not know this method')),
      headers: ['Allow', [...methods, 'OPTIONS'].join(', ')],
    }),
  })
}
