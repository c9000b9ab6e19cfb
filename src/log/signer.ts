import {
  cosign,
  formatCheckpointBody,
  signCheckpoint,
  type Checkpoint,
} from '../domain/checkpoint.ts'
import { publicKeyFromSeed } from '../domain/ed25519.ts'

/** Signs with the mesh key; the key itself stays here. */
export type Signer = {
  /** The signed note of a head of ours, type 0x01. */
  signCheckpoint(checkpoint: Checkpoint): string
  /** A timestamped cosignature line (0x04) over any head this node holds durably. */
  cosign(checkpoint: Checkpoint, timeS: number): string
}

export function createSigner(nodeName: string, seed: Uint8Array): Signer {
  const publicKey = publicKeyFromSeed(seed)
  return {
    signCheckpoint: (checkpoint) => signCheckpoint(checkpoint, seed, publicKey),
    cosign: (checkpoint, timeS) =>
      cosign({ body: formatCheckpointBody(checkpoint), name: nodeName, seed, publicKey, timeS }),
  }
}
