/** Base64 of RFC 4648: standard and padded in lines and notes, unpadded in Matrix JSON, URL-safe in lookup hashes. */
function bufferOf(bytes) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
export function toBase64(bytes) {
    return bufferOf(bytes).toString('base64');
}
export function toBase64Unpadded(bytes) {
    return toBase64(bytes).replace(/=+$/, '');
}
export function toBase64UrlUnpadded(bytes) {
    return bufferOf(bytes).toString('base64url');
}
/** Strict standard base64, padded and canonical; null when malformed or of another length in bytes. */
export function fromBase64(text, lengthBytes) {
    if (text.length % 4 !== 0)
        return null;
    if (lengthBytes !== undefined && text.length !== Math.ceil(lengthBytes / 3) * 4)
        return null;
    const bytes = Buffer.from(text, 'base64');
    if (lengthBytes !== undefined && bytes.length !== lengthBytes)
        return null;
    // Node skips what is no base64 and ignores spare bits: only what encodes to the same text was well-formed.
    return bytes.toString('base64') === text ? new Uint8Array(bytes) : null;
}
const standardText = /^[A-Za-z0-9+/]*={0,2}$/;
const urlSafeText = /^[A-Za-z0-9_-]*={0,2}$/;
/** Either alphabet (not both at once), padded or not, as Matrix software writes it; null when malformed. */
export function fromAnyBase64(text) {
    if (!standardText.test(text) && !urlSafeText.test(text))
        return null;
    const remainder = text.length % 4;
    if (remainder === 1 || (remainder !== 0 && text.endsWith('=')))
        return null;
    // Node's decoder knows both alphabets.
    return new Uint8Array(Buffer.from(text, 'base64'));
}
//# sourceMappingURL=base64.js.map