/** The statement of an entry; null for kinds that say nothing about a 3PID. */
export function statementOf(entry, place) {
    const { log, index, group } = place;
    if (entry.kind === 'bind') {
        const { mxid, not_before: notBeforeMs, not_after: notAfterMs } = entry.association;
        const mark = { stamp: claimStamp(entry), log, index, notBeforeMs, notAfterMs };
        return { kind: 'bind', mxid, group, mark };
    }
    if (entry.kind === 'unbind') {
        return {
            kind: 'unbind',
            mxid: entry.mxid,
            group,
            mark: { stamp: claimStamp(entry), log, index },
        };
    }
    return null;
}
/** The stamp claims use: `at` where the proof is older than the line, `covers` where an unbind reaches further. */
export function claimStamp(entry) {
    const said = entry.at ?? entry.stamp;
    return entry.kind === 'unbind' && entry.covers !== null ? Math.max(said, entry.covers) : said;
}
/** Negative when a was said before b. Equal stamps are ordered by log id, then by index. */
export function compareMarks(a, b) {
    if (a.stamp !== b.stamp)
        return a.stamp - b.stamp;
    if (a.log !== b.log)
        return a.log < b.log ? -1 : 1;
    return a.index - b.index;
}
function later(a, b) {
    if (a === null)
        return b;
    if (b === null)
        return a;
    return compareMarks(a, b) >= 0 ? a : b;
}
/** Merges two claims of one pair and group: the maximum of each side. */
export function mergeClaims(a, b) {
    return {
        mxid: a.mxid,
        group: a.group,
        bound: later(a.bound, b.bound),
        unbound: later(a.unbound, b.unbound),
    };
}
/** Folds the statements about one 3PID, in any order and with repetitions. */
export function foldClaims(statements) {
    const claims = new Map();
    for (const statement of statements) {
        const claim = {
            mxid: statement.mxid,
            group: statement.group,
            bound: statement.kind === 'bind' ? statement.mark : null,
            unbound: statement.kind === 'unbind' ? statement.mark : null,
        };
        const key = `${statement.group}\u0000${statement.mxid}`;
        const known = claims.get(key);
        claims.set(key, known === undefined ? claim : mergeClaims(known, claim));
    }
    return [...claims.values()];
}
/** A bind ends an older bind of its 3PID in its group, whatever the Matrix ID; an unbind only binds of its pair. */
export function dominates(newer, older) {
    if (newer.group !== older.group || older.kind !== 'bind')
        return false;
    if (newer.kind === 'bind')
        return compareMarks(newer.mark, older.mark) > 0;
    return newer.mxid === older.mxid && newer.mark.stamp >= older.mark.stamp;
}
/**
 * Groups in order of rank, own operator first (0); groups of one rank in order of their names. In a group the newest
 * bind wins; it is live while valid and not withdrawn by its pair's unbind, at or above its stamp, of its own or a
 * group of higher standing (replication.md 3.7). An equal stamp hides: when in doubt do not expose.
 */
export function answerOf(claims, rankOf, nowMs) {
    const groups = [...new Set(claims.map((claim) => claim.group))];
    groups.sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));
    for (const group of groups) {
        const winner = newestBind(claims, group);
        if (winner === null)
            continue;
        const { mxid, bound } = winner;
        if (nowMs < bound.notBeforeMs || nowMs >= bound.notAfterMs)
            continue;
        const isWithdrawn = claims.some((claim) => claim.mxid === mxid &&
            claim.unbound !== null &&
            claim.unbound.stamp >= bound.stamp &&
            (claim.group === group || rankOf(claim.group) < rankOf(group)));
        if (!isWithdrawn)
            return { mxid, group, bound };
    }
    return null;
}
function newestBind(claims, group) {
    let winner = null;
    for (const { mxid, group: of, bound } of claims) {
        if (of !== group || bound === null)
            continue;
        if (winner === null || compareMarks(bound, winner.bound) > 0)
            winner = { mxid, bound };
    }
    return winner;
}
//# sourceMappingURL=claim.js.map