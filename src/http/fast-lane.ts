import type { Endpoint } from './endpoint.ts'

export type Match = {
  readonly endpoint: Endpoint
  readonly params: Readonly<Record<string, string>>
}

const noParams: Readonly<Record<string, string>> = {}

/**
 * Finds the endpoint of a hot request without express, which costs several times what node:http does. It only finds:
 * the pipeline behind both lanes is one, and test/real/public-lanes.test.ts runs every request through both. Null
 * for whatever is not written exactly as declared; express looks at that.
 */
export function createFastLane(
  endpoints: readonly Endpoint[],
): (method: string, url: string) => Match | null {
  const fixed = new Map<string, Map<string, Match>>()
  const ending = new Map<string, { endpoint: Endpoint; name: string }>()
  for (const endpoint of endpoints.filter(({ isHot }) => isHot)) {
    const { method, path } = endpoint
    const colon = path.indexOf(':')
    if (colon < 0) {
      const methods = fixed.get(path) ?? new Map<string, Match>()
      fixed.set(path, methods.set(method, { endpoint, params: noParams }))
    } else {
      const name = path.slice(colon + 1)
      ending.set(`${method} ${path.slice(0, colon)}`, { endpoint, name })
    }
  }
  return (method, url) => {
    const end = url.indexOf('?')
    const path = end < 0 ? url : url.slice(0, end)
    const verb = method === 'HEAD' ? 'GET' : method
    const methods = fixed.get(path)
    if (methods !== undefined) return methods.get(verb) ?? null
    const slash = path.lastIndexOf('/') + 1
    const prefixed = ending.get(`${verb} ${path.slice(0, slash)}`)
    const value = path.slice(slash)
    if (prefixed === undefined || value === '' || value.includes('%')) return null
    return { endpoint: prefixed.endpoint, params: { [prefixed.name]: value } }
  }
}
