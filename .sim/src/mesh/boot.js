import { emptyGroup } from './group.js';
import { newPeer } from './peers.js';
/**
 * The state a run begins with: what stands in the store, and nothing else. No own log is current: a log belongs to
 * one run, so a restored disk, a clone or a crash cannot fork one (DESIGN 1.7).
 */
export function bootState(given) {
    const { self, limits, now } = given;
    const state = {
        self,
        limits,
        peers: new Map(),
        logs: new Map(given.logs.map((log) => [log.log, log])),
        own: new Map(),
        newest: 0,
        clockOffsetMs: null,
        nextLife: null,
        exchanges: new Map(),
        group: emptyGroup(),
        committing: null,
        nextCommit: 1,
        storageProblem: null,
        readiness: { waiting: new Map(), deadlineMs: now.monoMs, isReady: false },
        aliveDueMs: now.monoMs,
        isStopping: false,
    };
    for (const peer of given.peers) {
        if (peer.name !== self.name)
            state.peers.set(peer.name, newPeer(peer, now));
    }
    for (const log of given.logs) {
        state.newest = Math.max(state.newest, log.lastStamp);
        if (log.origin === self.name && log.closedAt === null)
            keepFormer(state, log);
    }
    return state;
}
function keepFormer(state, log) {
    const own = state.own.get(log.audience) ?? { current: null, former: new Set() };
    own.former.add(log.log);
    state.own.set(log.audience, own);
}
//# sourceMappingURL=boot.js.map