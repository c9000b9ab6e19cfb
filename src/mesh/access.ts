import { logsPerOriginMax } from '../domain/limits.ts'
import { parseLogId, type LogId } from '../domain/log-id.ts'
import type { MeshState } from './state.ts'

/**
 * Who may read, and from whom we take, which log. The writer's group decides first, whatever the names say
 * (DESIGN 2.5): siblings read everything of siblings; a partner reads its audience of our nodes and its own logs.
 */

/** Verifier keys of the node that writes a log; null when that node is none of ours or unknown. */
export function originKeys(state: MeshState, origin: string): readonly string[] | null {
  if (origin === state.self.name) return [state.self.meshKey]
  return state.peers.get(origin)?.peer.keys ?? null
}

export function isOwnGroup(state: MeshState, origin: string): boolean {
  return origin === state.self.name || state.peers.get(origin)?.peer.role.type === 'sibling'
}

export function mayRead(state: MeshState, peerName: string, log: LogId): boolean {
  const name = parseLogId(log)
  const role = state.peers.get(peerName)?.peer.role
  if (name === null || role === undefined) return false
  if (role.type === 'sibling') return isOwnGroup(state, name.node)
  if (name.node === peerName) return true
  return isOwnGroup(state, name.node) && name.audience === role.audience
}

/** Whether a peer may hand us lines of a log. A partner's log comes from the partner alone. */
export function mayGive(state: MeshState, peerName: string, log: LogId): boolean {
  const name = parseLogId(log)
  const role = state.peers.get(peerName)?.peer.role
  if (name === null || role === undefined) return false
  return role.type === 'sibling' ? isOwnGroup(state, name.node) : name.node === peerName
}

export function siblingNames(state: MeshState): string[] {
  const names: string[] = []
  for (const { peer } of state.peers.values())
    if (peer.role.type === 'sibling') names.push(peer.name)
  return names
}

/** Whether an origin has as many logs here as one may have. */
export function isOverLogQuota(state: MeshState, origin: string): boolean {
  let count = 0
  for (const log of state.logs.values()) if (log.origin === origin) count++
  return count >= logsPerOriginMax
}
