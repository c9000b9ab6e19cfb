/** Null while anything is staged or on its way in: what a process holds then cannot be copied. */
export function snapshotOf({ state, disk, calls, ports }) {
    const { group, committing, exchanges, nextLife } = state;
    const isStaged = group.isWanted || group.logs.size > 0 || group.sides.length > 0;
    if (isStaged || committing !== null || exchanges.size > 0 || nextLife === null)
        return null;
    const atMs = ports.agenda.nowMs;
    return { state: structuredClone(state), calls: [...calls], disk: disk.copy(), atMs };
}
/** A resumed snapshot finds its connections dead: every call it remembers fails, every stream it served ends. */
export function loseConnections(process, calls) {
    const reason = 'the connection is gone';
    for (const call of calls) {
        const { peer } = call;
        if (call.type === 'ask-heads') {
            process.handle({ type: 'heads-failed', peer, reason });
        }
        else if (call.type === 'pull') {
            process.handle({ type: 'pull-ended', peer, log: call.log, failure: reason });
        }
        else {
            const outcome = { type: 'failed', reason };
            process.handle({ type: 'push-ended', peer, log: call.log, outcome });
        }
    }
    for (const [peer, { serving }] of process.state.peers) {
        for (const [log, count] of [...serving]) {
            for (let i = 0; i < count; i++)
                process.handle({ type: 'serving', peer, log, isOn: false });
        }
    }
}
//# sourceMappingURL=snapshot.js.map