import { RefusalError } from '../domain/refusal.ts'
import { parametersMax } from '../domain/api-limits.ts'
import type { JsonObject } from './endpoint.ts'

/** The query parameters of a request target. Refuses with param-invalid when one stands twice. */
export function parseQuery(url: string): JsonObject {
  const start = url.indexOf('?')
  return start < 0 ? noParameters : parseParameters(url.slice(start + 1))
}

/** `a=1&b=2`, as it stands in a query or in the body of a form. Refuses with param-invalid. */
export function parseParameters(text: string): JsonObject {
  const parameters = Object.create(null) as Record<string, string>
  let count = 0
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in parameters || ++count > parametersMax) {
      throw new RefusalError('param-invalid', 'expected every parameter once')
    }
    parameters[name] = value
  }
  return parameters
}

const noParameters: JsonObject = Object.freeze(Object.create(null) as JsonObject)
