import { matchesAny } from '../domain/peer-rules.js';
/** Whether what an origin says about a 3PID counts here: siblings' words always, a partner's inside its accept rules. */
export function isAccepted(state, origin, threepid) {
    if (origin === state.self.name)
        return true;
    const role = state.peers.get(origin)?.peer.role;
    if (role === undefined)
        return false;
    return role.type === 'sibling' || matchesAny(role.accept, threepid);
}
//# sourceMappingURL=accept.js.map