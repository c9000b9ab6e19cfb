/**
 * Owns: metrics and the mesh's status for operators, on the admin listener.
 * Relies on: a registry's text and a status object made elsewhere.
 * Never: shows an address, a token or a hash of one.
 */
import { endpoint, json, type Endpoint } from '../../http/endpoint.ts'

export type AdminDeps = {
  /** Prometheus text exposition format 0.0.4. */
  readonly metrics: () => Promise<string>
  readonly status: () => Promise<object>
}

export function adminEndpoints({ metrics, status }: AdminDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/metrics',
      auth: 'none',
      handle: async () => ({
        status: 200,
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        text: await metrics(),
      }),
    }),
    endpoint({
      method: 'GET',
      path: '/status',
      auth: 'none',
      handle: async () => json(await status()),
    }),
  ]
}
