import { hash } from 'node:crypto';
const digestBytes = 32;
/**
 * SHA-256. Reading the digest as a string and copying it into an array inside V8's heap costs half of what a digest
 * as a Buffer does (measured), for that is an allocation outside the heap each time; a log of a million entries takes
 * two million of them.
 */
export function sha256(bytes) {
    const text = hash('sha256', bytes, 'binary');
    const digest = new Uint8Array(digestBytes);
    for (let i = 0; i < digestBytes; i++)
        digest[i] = text.charCodeAt(i);
    return digest;
}
//# sourceMappingURL=sha256.js.map