import { formatBlank, formatHeader, formatSegmentEnd } from '../../src/domain/chunk.js';
import { parseNote } from '../../src/domain/checkpoint.js';
import { hashNode } from '../../src/domain/merkle-tree.js';
/** The span of log/read-chunk.ts; others are legal too and make more segments of short logs. */
export const productionSpan = 256;
/**
 * A chunk of stored lines: header, then one piece per segment. With the production span these are the very bytes
 * log/read-chunk.ts makes (test/simulation/chunk-bytes.test.ts compares); here without promises.
 */
export function chunkBytes({ lines, leaves }, range, span = productionSpan) {
    const size = parseNote(range.note)?.checkpoint.size;
    if (size === undefined)
        throw new Error(`${range.log} has no checkpoint to be proved against`);
    const { log, from, to, note } = range;
    const pieces = [Buffer.from(formatHeader({ log, from, checkpoint: note }))];
    for (let next = from; next < to;) {
        const end = Math.min(to, next - (next % span) + span);
        const parts = lines.slice(next, end).map(lineBytes);
        const proof = end === size ? [] : consistencyProof(leaves.slice(0, size), end);
        pieces.push(Buffer.concat([...parts, Buffer.from(formatSegmentEnd(end, proof))]));
        next = end;
    }
    return pieces;
}
function lineBytes(line) {
    return line instanceof Uint8Array
        ? Buffer.concat([line, Buffer.from('\n')])
        : Buffer.from(formatBlank(line.blankHash));
}
/** PROOF(m, D[n]) by the recursive definition of RFC 6962 section 2.1.2. */
export function consistencyProof(leaves, m) {
    return m === 0 || m === leaves.length ? [] : subProof(leaves, m, true);
}
function subProof(leaves, m, isWhole) {
    const n = leaves.length;
    if (m === n)
        return isWhole ? [] : [treeHash(leaves)];
    const k = splitOf(n);
    if (m <= k)
        return [...subProof(leaves.slice(0, k), m, isWhole), treeHash(leaves.slice(k))];
    return [...subProof(leaves.slice(k), m - k, false), treeHash(leaves.slice(0, k))];
}
/** MTH(D[n]) of RFC 6962 section 2.1, over leaf hashes; n > 0. */
export function treeHash(leaves) {
    if (leaves.length === 1)
        return leaves[0];
    const k = splitOf(leaves.length);
    return hashNode(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}
/** Largest power of two below n. */
function splitOf(n) {
    let k = 1;
    while (k * 2 < n)
        k *= 2;
    return k;
}
//# sourceMappingURL=chunk-bytes.js.map