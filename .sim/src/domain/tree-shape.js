/** The shape of the tree of RFC 6962 section 2.1, which its size alone decides: numbers, no hashes. */
/** The largest size a checkpoint may state is 2^53 - 1: a subtree of more leaves than 2^52 fits into no tree. */
export const levelMax = 52;
/** Whether a number can be the size of a tree, or the index of a leaf. */
export function isSize(value) {
    return Number.isSafeInteger(value) && value >= 0;
}
/** Math.log2 rounds 2^53 - 1 up to 53: the bits are counted instead. `n` is at least 1. */
function log2Floor(n) {
    const high = Math.floor(n / 2 ** 32);
    return high === 0 ? 31 - Math.clz32(n) : 63 - Math.clz32(high);
}
/** Complete subtrees that cover [from, to) in order; `from` must be aligned to the largest of them. */
export function coverSubtrees(from, to) {
    const cover = [];
    let start = from;
    while (start < to) {
        const level = log2Floor(to - start);
        cover.push({ level, n: start / 2 ** level });
        start += 2 ** level;
    }
    return cover;
}
/** Largest power of two below n. */
export function splitOf(n) {
    return 2 ** log2Floor(n - 1);
}
/**
 * Of the hashes on the way from a node up to the root, whether each stands to the left. Nodes are numbered from 0 on
 * each level, `last` is the last one; where it is even it has no sibling and stands for its parent.
 */
export function sidesToRoot(node, last) {
    const areLeft = [];
    let at = node;
    for (let end = last; end > 0; end = Math.floor(end / 2)) {
        if (at % 2 === 1)
            areLeft.push(true);
        else if (at !== end)
            areLeft.push(false);
        at = Math.floor(at / 2);
    }
    return areLeft;
}
//# sourceMappingURL=tree-shape.js.map