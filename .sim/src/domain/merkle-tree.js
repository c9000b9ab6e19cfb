import { fromBase64 } from './base64.js';
import { proofHashesMax } from './limits.js';
import { sha256 } from './sha256.js';
import { coverSubtrees, isSize, levelMax, sidesToRoot, splitOf, } from './tree-shape.js';
export const emptyFrontier = { size: 0, hashes: [] };
const hashBytes = 32;
/** Subtrees of this many leaves (2^8) and more are reported as they complete, to be stored. */
const reportedLevel = 8;
export const emptyRoot = sha256(new Uint8Array(0));
const nodeBytes = Buffer.alloc(1 + 2 * hashBytes);
nodeBytes[0] = 1;
/** The leaf hash of a line's exact bytes. */
export function hashLeaf(line) {
    const prefixed = Buffer.allocUnsafe(line.length + 1);
    prefixed[0] = 0;
    prefixed.set(line, 1);
    return sha256(prefixed);
}
/** The leaf hash of bytes that begin with the 0x00 already: nothing is copied. */
export function hashLeafPrefixed(prefixed) {
    return sha256(prefixed);
}
/** Hash of an interior node. Both must be of 32 bytes: what comes from outside is measured where it is read. */
export function hashNode(left, right) {
    nodeBytes.set(left, 1);
    nodeBytes.set(right, 1 + hashBytes);
    return sha256(nodeBytes);
}
/**
 * Appends leaves to a tree of which only the frontier is known. `onSubtree` hears of every subtree of level 8 and
 * above as it completes; of those inside a subtree that was added whole it cannot hear.
 */
export class TreeBuilder {
    #size;
    #hashes;
    #onSubtree;
    constructor(frontier, onSubtree) {
        const count = frontierSubtrees(frontier.size).length;
        if (frontier.hashes.length !== count) {
            throw new RangeError(`a frontier of ${frontier.size} leaves has ${count} hashes, not ${frontier.hashes.length}`);
        }
        this.#size = frontier.size;
        this.#hashes = [...frontier.hashes];
        this.#onSubtree = onSubtree;
    }
    get size() {
        return this.#size;
    }
    add(leaf) {
        this.#push(0, leaf);
    }
    /**
     * Adds a complete subtree of 2^level leaves known by its root alone. RangeError when the size so far is no multiple
     * of that, or when there is no such level; nothing is added then.
     */
    addSubtree(level, hash) {
        if (!Number.isInteger(level) || level < 0 || level > levelMax) {
            throw new RangeError(`no tree has a subtree of level ${level}`);
        }
        if (this.#size % 2 ** level !== 0) {
            throw new RangeError(`a subtree of level ${level} does not fit at ${this.#size}`);
        }
        this.#push(level, hash);
    }
    #push(level, hash) {
        const width = 2 ** level;
        if (this.#size + width > Number.MAX_SAFE_INTEGER)
            throw new RangeError('the tree is full');
        let joined = hash;
        let joinedLevel = level;
        let n = this.#size / width;
        if (level >= reportedLevel)
            this.#onSubtree?.(level, n, hash);
        // An odd subtree completes its parent: the one before it is the last of the frontier.
        while (n % 2 === 1) {
            joined = hashNode(this.#hashes.pop(), joined);
            joinedLevel += 1;
            n = (n - 1) / 2;
            if (joinedLevel >= reportedLevel)
                this.#onSubtree?.(joinedLevel, n, joined);
        }
        this.#hashes.push(joined);
        this.#size += width;
    }
    root() {
        return joinFrontier(this.#hashes);
    }
    frontier() {
        return { size: this.#size, hashes: [...this.#hashes] };
    }
}
function joinFrontier(hashes) {
    let root = hashes[hashes.length - 1];
    if (root === undefined)
        return emptyRoot;
    for (let i = hashes.length - 2; i >= 0; i--)
        root = hashNode(hashes[i], root);
    return root;
}
export function rootOf(frontier) {
    return joinFrontier(frontier.hashes);
}
/** The complete subtrees that make up the frontier of a size, largest first. RangeError when it is no tree's size. */
export function frontierSubtrees(size) {
    if (!isSize(size))
        throw new RangeError(`expected a tree's size, got ${size}`);
    return coverSubtrees(0, size);
}
/**
 * Root of leaves [from, to), which is a node of the tree: joins the complete subtrees that cover it. Asks for one after
 * the other, so that a source may keep what it read for the neighbour.
 */
async function rangeRoot(from, to, source) {
    const hashes = [];
    for (const { level, n } of coverSubtrees(from, to)) {
        const answer = source(level, n);
        hashes.push(answer instanceof Promise ? await answer : answer);
    }
    return joinFrontier(hashes);
}
/** PATH(index, D[size]) of RFC 6962 section 2.1.1, from the leaf's sibling up. RangeError when there is no such leaf. */
export async function inclusionProof(index, size, source) {
    if (!isSize(index) || !isSize(size) || index >= size) {
        throw new RangeError(`no leaf ${index} in a tree of ${size}`);
    }
    const proof = [];
    let from = 0;
    let to = size;
    while (to - from > 1) {
        const middle = from + splitOf(to - from);
        const isLeft = index < middle;
        proof.push(await (isLeft ? rangeRoot(middle, to, source) : rangeRoot(from, middle, source)));
        if (isLeft)
            to = middle;
        else
            from = middle;
    }
    return proof.reverse();
}
/** PROOF(m, D[n]) of RFC 6962 section 2.1.2; empty for m = 0 and m = n. RangeError when m > n. */
export async function consistencyProof(m, n, source) {
    if (!isSize(m) || !isSize(n) || m > n)
        throw new RangeError(`no proof from ${m} to ${n}`);
    if (m === 0 || m === n)
        return [];
    const proof = [];
    let from = 0;
    let to = n;
    while (m < to) {
        const middle = from + splitOf(to - from);
        if (m <= middle) {
            proof.push(await rangeRoot(middle, to, source));
            to = middle;
        }
        else {
            proof.push(await rangeRoot(from, middle, source));
            from = middle;
        }
    }
    // The verifier knows [0, m) already, as the old root.
    if (from > 0)
        proof.push(await rangeRoot(from, to, source));
    return proof.reverse();
}
function isSame(a, b) {
    return a.length === hashBytes && Buffer.compare(a, b) === 0;
}
function areHashes(proof) {
    return proof.every((hash) => hash.length === hashBytes);
}
/** Checks a consistency proof (RFC 9162 section 2.1.4.2). Strict: not a hash too few or too many. */
export function verifyConsistency(given) {
    const { oldSize, oldRoot, newSize, newRoot, proof } = given;
    if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize || !areHashes(proof))
        return false;
    if (oldSize === newSize)
        return proof.length === 0 && isSame(oldRoot, newRoot);
    if (oldSize === 0)
        return proof.length === 0 && isSame(oldRoot, emptyRoot);
    // The old tree's last complete subtree is a node of both trees; of a complete old tree it is the root itself.
    let node = oldSize - 1;
    let last = newSize - 1;
    for (; node % 2 === 1; node = Math.floor(node / 2))
        last = Math.floor(last / 2);
    const [first, ...siblings] = node === 0 ? [oldRoot, ...proof] : proof;
    const sides = sidesToRoot(node, last);
    if (first === undefined || siblings.length !== sides.length)
        return false;
    let oldHash = first;
    let newHash = first;
    siblings.forEach((sibling, i) => {
        if (sides[i] === true)
            oldHash = hashNode(sibling, oldHash);
        newHash = sides[i] === true ? hashNode(sibling, newHash) : hashNode(newHash, sibling);
    });
    return isSame(oldHash, oldRoot) && isSame(newHash, newRoot);
}
/** Checks an inclusion proof (RFC 9162 section 2.1.3.2). Strict: not a hash too few or too many. */
export function verifyInclusion(given) {
    const { index, size, leaf, root, proof } = given;
    if (!isSize(index) || !isSize(size) || index >= size)
        return false;
    if (leaf.length !== hashBytes || !areHashes(proof))
        return false;
    const sides = sidesToRoot(index, size - 1);
    if (proof.length !== sides.length)
        return false;
    let hash = leaf;
    proof.forEach((sibling, i) => {
        hash = sides[i] === true ? hashNode(sibling, hash) : hashNode(hash, sibling);
    });
    return isSame(hash, root);
}
/** Reads a proof: an array of at most proofHashesMax hashes in standard base64; null when it is none. */
export function isProof(value) {
    if (!Array.isArray(value) || value.length > proofHashesMax)
        return null;
    const proof = [];
    for (const text of value) {
        const hash = typeof text === 'string' ? fromBase64(text, hashBytes) : null;
        if (hash === null)
            return null;
        proof.push(hash);
    }
    return proof;
}
//# sourceMappingURL=merkle-tree.js.map