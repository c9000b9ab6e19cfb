import { cosign, formatCheckpointBody, signCheckpoint, } from '../domain/checkpoint.js';
import { publicKeyFromSeed } from '../domain/ed25519.js';
export function createSigner(nodeName, seed) {
    const publicKey = publicKeyFromSeed(seed);
    return {
        signCheckpoint: (checkpoint) => signCheckpoint(checkpoint, seed, publicKey),
        cosign: (checkpoint, timeS) => cosign({ body: formatCheckpointBody(checkpoint), name: nodeName, seed, publicKey, timeS }),
    };
}
//# sourceMappingURL=signer.js.map