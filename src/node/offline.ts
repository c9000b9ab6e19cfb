import type { Config } from '../config/config.ts'
import { loadKeys } from '../config/key-files.ts'
import { loadPeers } from '../config/peers.ts'
import { openCore } from './core.ts'
import type { Desk } from './desk.ts'
import type { Outside, Undo } from './outside.ts'

/**
 * Opens the store of a node that is down, to write to it: the caller holds the lock of its data folder. What is
 * written stands in a log of its own, as every run's does, and travels once the node runs.
 */
export async function openDesk(
  config: Config,
  outside: Outside,
): Promise<Desk & { close(): Promise<void> }> {
  const undo: Undo = []
  const keys = loadKeys(config)
  const arePinsNeeded = config.mesh.tls.mode === 'pinned'
  const { peers } = loadPeers(config.mesh.peersFile, config.node.name, { arePinsNeeded })
  const { writer, storage } = await openCore(config, outside, { keys, peers }, undo)
  writer.run()
  return {
    writer,
    bindDeps: {
      signer: {
        serverName: config.node.serverName,
        keyId: keys.matrix.keyId,
        seed: keys.matrix.seed,
      },
      append: (operations) => writer.append(operations),
      nowMs: outside.clock.wallMs,
      random: outside.random.bytes,
    },
    close: async () => {
      await writer.stop()
      await storage.close()
    },
  }
}
