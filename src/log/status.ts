import { toBase64 } from '../domain/base64.ts'
import { aheadMs, msOfStamp, nextStamp } from '../domain/stamp.ts'
import { mayRead } from '../mesh/access.ts'
import { medianClockDifferenceMs } from '../mesh/append.ts'
import type { Now } from '../mesh/events.ts'
import { servableSize } from '../mesh/heads.ts'
import { positionOf } from '../mesh/exchange.ts'
import type { LogState, MeshState, PeerState } from '../mesh/state.ts'
import type { LogStatus, PeerStatus, WriterStatus } from './writer-messages.ts'

/** A picture of the machine's state, for status pages, metrics and `mesh status`. Holds no personal data. */
export function statusOf(state: MeshState, now: Now, refold: WriterStatus['refold']): WriterStatus {
  const stamp = nextStamp({ lastOwn: 0, newestSeen: state.newest, wallMs: now.wallMs })
  return {
    node: state.self.name,
    isReady: state.readiness.isReady,
    waitingFor: [...state.readiness.waiting.keys()],
    storageProblem: state.storageProblem,
    clockAheadMs: aheadMs(stamp, now.wallMs + medianClockDifferenceMs(state)),
    refold,
    logs: [...state.logs.values()].map((log) => logStatus(state, log)),
    peers: [...state.peers.values()].map((peer) => peerStatus(state, peer, now)),
  }
}

function logStatus(state: MeshState, log: LogState): LogStatus {
  return {
    log: log.log,
    origin: log.origin,
    audience: log.audience,
    size: log.size,
    rootBase64: toBase64(log.root),
    checkpoint: log.note,
    checkpointSize: log.noteSize,
    lastStampMs: msOfStamp(log.lastStamp),
    isCurrent: state.own.get(log.audience)?.current === log.log,
    closedAt: log.closedAt,
    haltedAt: log.haltedAt,
    blankAt: log.blankAt,
    serverName: log.begin?.serverName ?? null,
    matrixKeys: log.begin?.matrixKeys ?? [],
    cosigned: Object.fromEntries(
      [...log.cosigned].map(([node, { size, timeS }]) => [node, { size, timeS }]),
    ),
  }
}

function peerStatus(state: MeshState, peer: PeerState, now: Now): PeerStatus {
  let entriesItLacks = 0
  for (const log of state.logs.values()) {
    const isAccounted = log.closedAt === null || peer.have.has(log.log)
    if (!isAccounted || !mayRead(state, peer.peer.name, log.log)) continue
    entriesItLacks += Math.max(0, servableSize(log) - (peer.have.get(log.log) ?? 0))
  }
  let entriesWeLack = 0
  for (const [log, offered] of peer.offers)
    entriesWeLack += Math.max(0, offered - positionOf(state, log))
  return {
    name: peer.peer.name,
    role: peer.peer.role.type,
    url: peer.peer.url,
    isReachable: peer.isReachable,
    lastHeardMs: peer.lastHeardMs,
    clockDifferenceMs: peer.clockDifferenceMs,
    entriesItLacks,
    entriesWeLack,
    pulling: peer.isPulling,
    failures: peer.failures,
    nextTryInMs: Math.max(0, Math.round(peer.callAfterMs - now.monoMs)),
    lastFailure: peer.lastFailure,
    refusals: peer.refusals,
    mismatches: peer.mismatches,
  }
}
