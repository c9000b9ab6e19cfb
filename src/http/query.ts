import { RefusalError } from '../domain/refusal.ts'
import type { JsonObject } from './endpoint.ts'

/** The query parameters of a request target. Refuses with param-invalid when one stands twice. */
export function parseQuery(url: string): JsonObject {
  const parameters = Object.create(null) as Record<string, string>
  const start = url.indexOf('?')
  if (start < 0) return parameters
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (name in parameters) {
      throw new RefusalError('param-invalid', 'expected every query parameter once')
    }
    parameters[name] = value
  }
  return parameters
}
