import { createHash } from 'node:crypto';
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
        const publicKey = createHash('sha256').update('public').update(seed).digest();
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
        if (secret === undefined || encoded === undefined)
            return null;
        const timeS = Buffer.from(encoded, 'base64').readUInt32BE(4);
        return line === `— ${name} ${mark(secret, `${timeS}\n${body}`, timeS)}` ? timeS : null;
    }
}
/** Four bytes where the key id stands, the time, then the keyed hash. */
function mark(secret, text, timeS = 0) {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(timeS, 4);
    const hash = crypto.hash('sha256', `${secret}\n${text}`, 'buffer');
    return Buffer.concat([head, hash]).toString('base64');
}
//# sourceMappingURL=keys.js.map