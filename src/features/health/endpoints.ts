/**
 * Owns: the health endpoints of the admin listener, for orchestrators and load balancers.
 * Relies on: a report of the node's condition.
 * Never: waits for anything, or tells more than an operator may see.
 */
import { endpoint, json, type Answer, type Endpoint } from '../../http/endpoint.ts'

export type HealthReport = {
  /** The process runs and its writer works. */
  readonly isLive: boolean
  /** It should get traffic: it has caught up, its store takes writes, it is not stopping. */
  readonly isReady: boolean
  readonly isStarted: boolean
  /** Why not, in words; empty when all is well. */
  readonly reasons: readonly string[]
}

export function healthEndpoints(report: () => Promise<HealthReport>): Endpoint[] {
  const probe = (path: string, isWell: (health: HealthReport) => boolean): Endpoint =>
    endpoint({
      method: 'GET',
      path: `/health/${path}`,
      auth: 'none',
      handle: async () => answer(await report(), isWell),
    })
  return [
    probe('live', ({ isLive }) => isLive),
    probe('ready', ({ isReady }) => isReady),
    probe('started', ({ isStarted }) => isStarted),
  ]
}

function answer(health: HealthReport, isWell: (health: HealthReport) => boolean): Answer {
  const isFine = isWell(health)
  return json(
    { status: isFine ? 'up' : 'down', reasons: isFine ? [] : health.reasons },
    isFine ? 200 : 503,
  )
}
