import { mayRead } from './access.js';
const refusalsKept = 10;
/** Refusals that say "not now": nobody did anything wrong, and nobody has to hear of them. */
const ordinaryRefusals = new Set(['already-pulling', 'writer-busy', 'node-stopping']);
export function rememberRefusal(state, peerName, refusal) {
    const refusals = state.peers.get(peerName)?.refusals;
    if (refusals === undefined)
        return;
    refusals.push(refusal);
    if (refusals.length > refusalsKept)
        refusals.shift();
}
/** Ends an exchange with a named reason, which status shows; what was committed of it stays. */
export function refuseExchange(state, exchange, refusal, wallMs) {
    state.exchanges.delete(exchange.id);
    const { code, message } = refusal;
    const { log, peer } = exchange;
    // Who may not read a log is not told how long it is.
    const have = log === null || !mayRead(state, peer, log) ? null : positionOf(state, log);
    const answer = {
        type: 'exchange-refused',
        exchange: exchange.id,
        refused: { code, message, log, have },
    };
    if (ordinaryRefusals.has(code))
        return [answer];
    rememberRefusal(state, peer, { log, code, message, atMs: wallMs, direction: 'ours' });
    return [answer, { type: 'notice', notice: { type: 'chunk-refused', peer, log, code, message } }];
}
/** Where we want the next line of a log: the first unexplained blank, or its size. */
export function positionOf(state, log) {
    const stands = state.logs.get(log);
    return stands === undefined ? 0 : (stands.blankAt ?? stands.size);
}
//# sourceMappingURL=exchange.js.map