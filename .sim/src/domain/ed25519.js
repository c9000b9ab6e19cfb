import { createPrivateKey, createPublicKey, sign as signBytes, verify as verifyBytes, } from 'node:crypto';
import nacl from 'tweetnacl';
import { keyObjectsMax } from './limits.js';
/**
 * Ed25519 (RFC 8032) on raw keys: 32-byte seeds and public keys, 64-byte signatures. There is one verifier,
 * node:crypto: nodes whose libraries disagree about a signature would part company (DESIGN 2.1).
 */
const seedBytes = 32;
const publicKeyBytes = 32;
const signatureBytes = 64;
/** What stands before the raw key in its DER form (RFC 8410, sections 4 and 7). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
/** Making a key object costs as much as a signature, so the ones used last are kept; oldest first. */
const publicKeys = new Map();
const privateKeys = new Map();
function kept(keys, raw, make) {
    const name = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1');
    const known = keys.get(name);
    const key = known ?? make();
    if (known !== undefined)
        keys.delete(name);
    else if (keys.size >= keyObjectsMax)
        keys.delete(keys.keys().next().value);
    keys.set(name, key);
    return key;
}
function checkSeed(seed) {
    if (seed.length !== seedBytes) {
        throw new RangeError(`expected a seed of ${seedBytes} bytes, got ${seed.length}`);
    }
}
/** Takes milliseconds, as it runs in JavaScript: keep the answer. RangeError when the seed is not of 32 bytes. */
export function publicKeyFromSeed(seed) {
    checkSeed(seed);
    // tweetnacl refuses subclasses of Uint8Array, such as Buffer.
    return nacl.sign.keyPair.fromSeed(new Uint8Array(seed)).publicKey;
}
/** RangeError when the seed is not of 32 bytes. */
export function sign(seed, message) {
    checkSeed(seed);
    const key = kept(privateKeys, seed, () => createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' }));
    return new Uint8Array(signBytes(null, message, key));
}
/**
 * False for anything malformed; never throws. Accepts what keys of small order "sign", which is anything: such keys
 * are to be refused by isAcceptablePublicKey when they are admitted.
 */
export function verify(publicKey, message, signature) {
    if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes)
        return false;
    try {
        const key = kept(publicKeys, publicKey, () => createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' }));
        return verifyBytes(null, message, key, signature);
    }
    catch {
        // node:crypto could not read the key.
        return false;
    }
}
/** The field and the curve −x² + y² = 1 + d·x²·y² (RFC 8032 section 5.1). */
const p = 2n ** 255n - 19n;
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
/** A point of order 8 doubles to one with y = 0, which makes d·y⁴ + 2·y² − 1 = 0; −y is the other solution. */
const yOfOrder8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
/** The y of the eight points whose order divides the cofactor: each but 1 and −1 belongs to two of them. */
const smallOrderYs = new Set([0n, 1n, p - 1n, yOfOrder8, p - yOfOrder8]);
/**
 * Whether a public key may be admitted: refuses what is not of 32 bytes, non-canonical encodings (y ≥ p, or a sign
 * where x = 0), what is off the curve, and the eight points of small order, under which signatures prove nothing.
 */
export function isAcceptablePublicKey(publicKey) {
    if (publicKey.length !== publicKeyBytes)
        return false;
    const y = littleEndian(publicKey) & (2n ** 255n - 1n);
    // x = 0 only where y is 1 or −1, so no sign has to be looked at.
    if (y >= p || smallOrderYs.has(y))
        return false;
    // x² = u/v is a square exactly when u·v is, as v is never 0 (−1/d is no square): Euler's criterion.
    const u = y * y - 1n;
    const v = d * y * y + 1n;
    return power((u * v) % p, (p - 1n) / 2n) === 1n;
}
function littleEndian(bytes) {
    let value = 0n;
    for (let i = bytes.length - 1; i >= 0; i--)
        value = (value << 8n) | BigInt(bytes[i]);
    return value;
}
function power(base, exponent) {
    let result = 1n;
    let square = base;
    for (let e = exponent; e > 0n; e >>= 1n) {
        if ((e & 1n) === 1n)
            result = (result * square) % p;
        square = (square * square) % p;
    }
    return result;
}
//# sourceMappingURL=ed25519.js.map