import { Gauge, type Registry } from 'prom-client'
import type { NodeStatus } from './outside.ts'

/** Gauges that are read off the node's status whenever somebody scrapes; names as replication.md 3.12 has them. */
export function createStatusMetrics(
  registry: Registry,
  wallMs: () => number,
): (status: NodeStatus) => Promise<string> {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name: `mycelid_${name}`, help, labelNames, registers: [registry] })
  const entries = gauge('mesh_log_entries', 'Entries held, by origin and audience, all lives.', [
    'origin',
    'audience',
  ])
  const itLacks = gauge('mesh_peer_lag_entries', 'Entries the peer has not said it holds.', [
    'peer',
  ])
  const weLack = gauge('mesh_own_lag_entries', 'Entries the peer offered that this node lacks.', [
    'peer',
  ])
  const heard = gauge(
    'mesh_peer_heard_age_seconds',
    'Seconds since the peer last told its heads.',
    ['peer'],
  )
  const clock = gauge('mesh_clock_difference_seconds', "The peer's clock less ours.", ['peer'])
  const expiry = gauge('mesh_certificate_expiry_seconds', 'Seconds left of a TLS certificate.', [
    'node',
  ])
  const ahead = gauge(
    'mesh_clock_ahead_seconds',
    'How far our next stamp lies ahead of the clocks heard.',
  )
  const blanks = gauge('mesh_unexplained_blanks', 'Logs with a line missing without explanation.')
  const halted = gauge('mesh_upgrade_needed_logs', 'Logs that only a later version can apply.')
  const lookups = gauge('lookup_entries', 'Entries in the lookup index.')
  const bytes = gauge('store_bytes', 'Bytes of the store on disk.')
  return async (status) => {
    for (const each of [entries, itLacks, weLack, heard, clock, expiry]) each.reset()
    for (const { origin, audience, size } of status.logs) entries.inc({ origin, audience }, size)
    for (const peer of status.peers) {
      itLacks.set({ peer: peer.name }, peer.entriesItLacks)
      weLack.set({ peer: peer.name }, peer.entriesWeLack)
      if (peer.lastHeardMs !== null)
        heard.set({ peer: peer.name }, (wallMs() - peer.lastHeardMs) / 1000)
      if (peer.clockDifferenceMs !== null)
        clock.set({ peer: peer.name }, peer.clockDifferenceMs / 1000)
    }
    for (const [node, expiresMs] of Object.entries(status.certificateExpiriesMs)) {
      expiry.set({ node }, (expiresMs - wallMs()) / 1000)
    }
    ahead.set(status.clockAheadMs / 1000)
    blanks.set(status.logs.filter(({ blankAt }) => blankAt !== null).length)
    halted.set(status.logs.filter(({ haltedAt }) => haltedAt !== null).length)
    lookups.set(status.lookupEntries)
    bytes.set(status.storeBytes)
    return registry.metrics()
  }
}
