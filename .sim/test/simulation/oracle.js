/** What a line says about an address; null when it says nothing about any. */
export function readFact(text, log, index) {
    const line = JSON.parse(text);
    if (line['k'] !== 'bind' && line['k'] !== 'unbind')
        return null;
    const fact = {
        kind: line['k'],
        medium: line.a['medium'] ?? '',
        address: line.a['address'] ?? '',
        mxid: line.a['mxid'] ?? '',
        t: line.t,
        at: line['at'] ?? null,
        covers: line['covers'] ?? null,
        log,
        index,
    };
    const stamp = String(claimStampOf(fact)).padStart(17, '0');
    return { ...fact, mark: `${stamp} ${log} ${String(index).padStart(9, '0')}` };
}
/** An unbind reaches as far as it says it covers; a copied line counts from the time of its proof. */
export function claimStampOf({ kind, t, at, covers }) {
    const said = at ?? t;
    return kind === 'unbind' ? Math.max(said, covers ?? 0) : said;
}
/**
 * The newest bind of an address answers, whoever made it, unless an unbind of just that pair is as new or newer. Where
 * it is withdrawn nothing answers: no older binding comes back. All facts here are of one group of siblings.
 */
export function rightAnswer(facts, medium, address) {
    const about = facts.filter((fact) => fact.medium === medium && fact.address === address);
    const binds = about.filter(({ kind }) => kind === 'bind');
    const newest = binds.sort((a, b) => (a.mark < b.mark ? 1 : -1))[0];
    if (newest === undefined)
        return null;
    const isWithdrawn = about.some((fact) => fact.kind === 'unbind' &&
        fact.mxid === newest.mxid &&
        claimStampOf(fact) >= claimStampOf(newest));
    return isWithdrawn ? null : newest.mxid;
}
//# sourceMappingURL=oracle.js.map