import type { Peer } from '../domain/peer.ts'
import type { Effect, Now } from './events.ts'
import type { MeshState, PeerState } from './state.ts'

export function newPeer(peer: Peer, now: Now): PeerState {
  return {
    peer,
    have: new Map(),
    isReachable: null,
    failures: 0,
    callAfterMs: now.monoMs,
    headsDueMs: now.monoMs,
    isCalling: false,
    isPulling: null,
    offers: new Map(),
    logAfterMs: new Map(),
    serving: new Map(),
    clockDifferenceMs: null,
    lastHeardMs: null,
    lastFailure: null,
    refusals: [],
    wantsFull: false,
    mismatches: [],
  }
}

/** The peers file was read again: removed peers are forgotten, kept ones keep what is known of them. */
export function changePeers(state: MeshState, peers: readonly Peer[], now: Now): Effect[] {
  const before = state.peers
  state.peers = new Map()
  for (const peer of peers) {
    if (peer.name === state.self.name) continue
    const known = before.get(peer.name)
    state.peers.set(
      peer.name,
      known === undefined
        ? newPeer(peer, now)
        : { ...known, peer, callAfterMs: now.monoMs, headsDueMs: now.monoMs },
    )
  }
  return [{ type: 'notice', notice: { type: 'keys-changed' } }]
}
