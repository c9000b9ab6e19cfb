import { claimStamp } from '../domain/claim.js';
import { parseEntry, threepidOf } from '../domain/entry.js';
/** What the entries present say of one pair, whatever their group: is it bound, and how far do its unbinds reach. */
export function answerOfPair(entries, pair) {
    let boundAt = 0;
    let coveredTo = 0;
    for (const entry of entries.map(readStored)) {
        if (entry.kind !== 'bind' && entry.kind !== 'unbind')
            continue;
        const threepid = threepidOf(entry);
        const mxid = entry.kind === 'bind' ? entry.association.mxid : entry.mxid;
        if (threepid?.medium !== pair.medium || threepid.address !== pair.address || mxid !== pair.mxid)
            continue;
        if (entry.kind === 'bind')
            boundAt = Math.max(boundAt, claimStamp(entry));
        else
            coveredTo = Math.max(coveredTo, claimStamp(entry));
    }
    return { isBound: boundAt > coveredTo, coveredTo };
}
export function readStored({ bytes }) {
    return parseEntry(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), bytes.byteLength);
}
//# sourceMappingURL=known-pairs.js.map