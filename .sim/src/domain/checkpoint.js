import { createHash } from 'node:crypto';
import { fromBase64, toBase64 } from './base64.js';
import { sign, verify } from './ed25519.js';
import { noteBytesMax, signatureLinesMax } from './limits.js';
const keyIdBytes = 4;
const rootBytes = 32;
const signatureBytes = 64;
const timeBytes = 8;
/** signed-note, "Format": not empty, no Unicode spaces, no plus. */
function isKeyName(name) {
    return name !== '' && !/[\p{White_Space}+]/u.test(name) && isNoteText(name);
}
/** signed-note, "Format": UTF-8, so no lone surrogates, and of the characters below U+0020 the newline alone. */
function isNoteText(text) {
    for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code < 0x20 && code !== 0x0a)
            return false;
    }
    return !/\p{Surrogate}/u.test(text);
}
/** Key id: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). `publicKey` has 32 bytes. */
export function verifierKey(name, type, publicKey) {
    const hash = createHash('sha256').update(name).update(Uint8Array.of(0x0a, type)).update(publicKey);
    return { name, keyId: new Uint8Array(hash.digest().subarray(0, keyIdBytes)), type, publicKey };
}
/** `<name>+<key id in hex>+<base64 of type and key>`. */
export function formatVerifierKey({ name, keyId, type, publicKey }) {
    const encoded = toBase64(Buffer.concat([Uint8Array.of(type), publicKey]));
    return `${name}+${Buffer.from(keyId).toString('hex')}+${encoded}`;
}
/**
 * Null when malformed, of a type we do not know, or when the key id is not the key's. Whether the key itself may be
 * trusted is not looked at (isAcceptablePublicKey).
 */
export function parseVerifierKey(text) {
    const [name = '', keyIdHex = ''] = text.split('+', 2);
    const encoded = text.slice(name.length + keyIdHex.length + 2);
    const bytes = fromBase64(encoded, 1 + 32);
    const type = bytes?.[0];
    // Unlike a name in a note, one that is typed and shown must not hold any other control character either.
    if (!isKeyName(name) || /\p{Cc}/u.test(name))
        return null;
    if (bytes === null || (type !== 0x01 && type !== 0x04))
        return null;
    const key = verifierKey(name, type, bytes.slice(1));
    return formatVerifierKey(key) === text ? key : null;
}
/** The text that is signed. RangeError for a head no note can state: it must never be signed. */
export function formatCheckpointBody({ log, size, root }) {
    if (log === '' || log.includes('\n') || !isNoteText(log)) {
        throw new RangeError('expected an origin of one line');
    }
    if (!Number.isSafeInteger(size) || size < 0 || root.length !== rootBytes) {
        throw new RangeError(`expected a size and a root of ${rootBytes} bytes, got size ${size}`);
    }
    return `${log}\n${size}\n${toBase64(root)}\n`;
}
/** Reads a signed note that is a checkpoint; null when it is none. No signature is checked. */
export function parseNote(text) {
    if (text.length > noteBytesMax || Buffer.byteLength(text) > noteBytesMax)
        return null;
    if (!text.endsWith('\n') || !isNoteText(text))
        return null;
    const split = text.lastIndexOf('\n\n');
    if (split < 0)
        return null;
    const lines = text.slice(split + 2, -1).split('\n', signatureLinesMax + 1);
    if (lines.length > signatureLinesMax)
        return null;
    const body = text.slice(0, split + 1);
    const checkpoint = parseBody(body);
    if (checkpoint === null)
        return null;
    const signatures = [];
    for (const line of lines) {
        const signature = parseSignatureLine(line);
        if (signature === null)
            return null;
        signatures.push(signature);
    }
    return { body, checkpoint, signatures };
}
function parseBody(body) {
    const [log = '', sizeText = '', rootText = '', ...extensions] = body.slice(0, -1).split('\n');
    if (log === '' || !/^(0|[1-9][0-9]{0,15})$/.test(sizeText))
        return null;
    const size = Number(sizeText);
    const root = fromBase64(rootText, rootBytes);
    if (!Number.isSafeInteger(size) || root === null || extensions.includes(''))
        return null;
    return { log, size, root };
}
function parseSignatureLine(line) {
    const [dash, name = '', encoded = '', more] = line.split(' ', 4);
    if (dash !== '—' || more !== undefined || !isKeyName(name))
        return null;
    const bytes = fromBase64(encoded);
    if (bytes === null || bytes.length <= keyIdBytes)
        return null;
    const keyId = bytes.slice(0, keyIdBytes);
    return { name, keyId, signature: bytes.slice(keyIdBytes), line };
}
function signatureLine(key, signature) {
    if (!isKeyName(key.name))
        throw new RangeError('expected a key name without spaces and plus');
    return `— ${key.name} ${toBase64(Buffer.concat([key.keyId, signature]))}`;
}
function isBy(key, { name, keyId }) {
    return name === key.name && Buffer.compare(keyId, key.keyId) === 0;
}
/**
 * The note of a head, signed by the log itself: its origin line is the key's name, the type 0x01. `publicKey` is the
 * seed's, which its holder derived once. RangeError for a head no note can state.
 */
export function signCheckpoint(checkpoint, seed, publicKey) {
    const body = formatCheckpointBody(checkpoint);
    const key = verifierKey(checkpoint.log, 0x01, publicKey);
    return `${body}\n${signatureLine(key, sign(seed, Buffer.from(body)))}\n`;
}
/**
 * The checkpoint of a note that this key signed as the log it names; null when it did not, or when any signature that
 * bears the key's name and id is not by it. Lines of other keys are ignored.
 */
export function verifyCheckpoint(noteText, publicKey) {
    const note = parseNote(noteText);
    if (note === null)
        return null;
    const key = verifierKey(note.checkpoint.log, 0x01, publicKey);
    const ours = note.signatures.filter((signature) => isBy(key, signature));
    if (ours.length === 0)
        return null;
    const message = Buffer.from(note.body);
    return ours.every(({ signature }) => verify(publicKey, message, signature))
        ? note.checkpoint
        : null;
}
/** tlog-cosignature, "Ed25519 signed message". */
function cosignedMessage(body, timeS) {
    return Buffer.from(`cosignature/v1\ntime ${timeS}\n${body}`);
}
/**
 * A timestamped cosignature (0x04) by `name`, as a line without newline. `body` is a note's signed text, `timeS` are
 * seconds since the epoch. RangeError for a time or a name that cannot be stated.
 */
export function cosign(given) {
    const { body, name, seed, publicKey, timeS } = given;
    if (!Number.isSafeInteger(timeS) || timeS < 0) {
        throw new RangeError(`expected whole seconds since the epoch, got ${timeS}`);
    }
    const time = Buffer.alloc(timeBytes);
    time.writeBigUInt64BE(BigInt(timeS));
    const signature = sign(seed, cosignedMessage(body, timeS));
    return signatureLine(verifierKey(name, 0x04, publicKey), Buffer.concat([time, signature]));
}
/** When a line is the cosignature of `name`, by this key, over this body: the time it states; else null. */
export function verifyCosignature(given) {
    const { body, line, name, publicKey } = given;
    const parsed = parseSignatureLine(line);
    if (parsed === null || !isBy(verifierKey(name, 0x04, publicKey), parsed))
        return null;
    if (parsed.signature.length !== timeBytes + signatureBytes)
        return null;
    const time = Buffer.from(parsed.signature).readBigUInt64BE();
    // The specification allows 2^63 - 1; a node's clock never shows what a number cannot hold.
    if (time > BigInt(Number.MAX_SAFE_INTEGER))
        return null;
    const timeS = Number(time);
    const signature = parsed.signature.subarray(timeBytes);
    return verify(publicKey, cosignedMessage(body, timeS), signature) ? { timeS } : null;
}
/** The note with one more signature line. RangeError when it is none: it would spoil the note. */
export function appendSignature(note, line) {
    if (parseSignatureLine(line) === null)
        throw new RangeError('expected a signature line');
    return `${note}${line}\n`;
}
//# sourceMappingURL=checkpoint.js.map