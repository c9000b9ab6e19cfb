import * as crypto from 'node:crypto';
import { formatCheckpointBody, formatVerifierKey, parseNote, parseVerifierKey, verifierKey, verifyCheckpoint, verifyCosignature, } from '../../src/domain/checkpoint.js';
import { publicKeyFromSeed } from '../../src/domain/ed25519.js';
import { createSigner } from '../../src/log/signer.js';
export class Ed25519Keys {
    make(name, seed) {
        const key = formatVerifierKey(verifierKey(name, 0x01, publicKeyFromSeed(seed)));
        return { signer: createSigner(name, seed), verifierKey: key };
    }
    isSigned(note, key) {
        const parsed = parseVerifierKey(key);
        return parsed !== null && verifyCheckpoint(note, parsed.publicKey) !== null;
    }
    cosignedAt(body, line, name, key) {
        const parsed = parseVerifierKey(key);
        if (parsed === null)
            return null;
        return verifyCosignature({ body, line, name, publicKey: parsed.publicKey })?.timeS ?? null;
    }
}
/** Whoever lacks the secret cannot make the hash: forgers of the simulation never ask for another's. */
export class HashKeys {
    #secrets = new Map();
    make(name, seed) {
        const publicKey = crypto.hash('sha256', `public ${Buffer.from(seed).toString('hex')}`, 'buffer');
        const key = formatVerifierKey(verifierKey(name, 0x01, publicKey));
        const secret = Buffer.from(seed).toString('hex');
        this.#secrets.set(key, secret);
        const signer = {
            signCheckpoint: (checkpoint) => {
                const body = formatCheckpointBody(checkpoint);
                return `${body}\n— ${checkpoint.log} ${mark(secret, body)}\n`;
            },
            cosign: (checkpoint, timeS) => `— ${name} ${mark(secret, `${timeS}\n${formatCheckpointBody(checkpoint)}`, timeS)}`,
        };
        return { signer, verifierKey: key };
    }
    isSigned(note, key) {
        const parsed = parseNote(note);
        const secret = this.#secrets.get(key);
        if (parsed === null || secret === undefined)
            return false;
        const expected = `— ${parsed.checkpoint.log} ${mark(secret, parsed.body)}`;
        return parsed.signatures.some(({ line }) => line === expected);
    }
    cosignedAt(body, line, name, key) {
        const secret = this.#secrets.get(key);
        const encoded = line.split(' ')[2];
        const bytes = Buffer.from(encoded ?? '', 'base64');
        if (secret === undefined || bytes.length !== 76)
            return null;
        const timeS = bytes.readUInt32BE(8);
        return line === `— ${name} ${mark(secret, `${timeS}\n${body}`, timeS)}` ? timeS : null;
    }
}
/** As long as a true signature line, so that chunks are cut alike: key id, time (0x04 only), 64 bytes of keyed hash. */
function mark(secret, text, timeS = null) {
    const time = Buffer.alloc(timeS === null ? 0 : 8);
    if (timeS !== null)
        time.writeUInt32BE(timeS, 4);
    const hash = crypto.hash('sha256', `${secret}\n${text}`, 'buffer');
    return Buffer.concat([Buffer.alloc(4), time, hash, hash]).toString('base64');
}
//# sourceMappingURL=keys.js.map