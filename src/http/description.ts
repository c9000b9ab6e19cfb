import { endpoint, html, jsonText, type Answer, type Endpoint } from './endpoint.ts'
import { describeApi } from './openapi.ts'
import { openApiPage } from './openapi-page.ts'

/** What is served, described for programs and for people. Made when somebody first asks: starting does not wait for it. */
export function descriptionEndpoints(
  described: readonly Endpoint[],
  about: { readonly version: string; readonly baseUrl: string },
): Endpoint[] {
  const document = once(() => describeApi(described, about))
  const text = once(() => jsonText(JSON.stringify(document())))
  const page = once(() => html(openApiPage(document())))
  const shared = { method: 'GET', auth: 'none' } as const
  return [
    endpoint({
      ...shared,
      path: '/_matrix/identity/openapi.json',
      handle: (): Answer => text(),
    }),
    endpoint({ ...shared, path: '/_matrix/identity/docs', handle: (): Answer => page() }),
  ]
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null
  return () => (made ??= { value: make() }).value
}
