import type { Config } from '../config/config.ts'
import { dataFiles } from '../config/data-files.ts'
import { loadPeers } from '../config/peers.ts'
import { parseRoles, Roles, rolesMetaName } from '../log/roles.ts'
import { openAudit, openStorage } from '../storage/index.ts'
import type { Storage, StorageAudit } from '../storage/storage.ts'

/** Opens the store beside whoever writes to it; reading commands need no running node and stop none. */
export async function withStore<T>(
  config: Config,
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const { engine } = config.storage
  const storage = await openStorage({ engine, file: dataFiles(config).database, access: 'read' })
  try {
    return await work(storage)
  } finally {
    await storage.close()
  }
}

/** Opens one picture of the store beside whoever writes to it, for as long as `work` takes. */
export async function withAudit<T>(
  config: Config,
  work: (audit: StorageAudit) => Promise<T>,
): Promise<T> {
  const { engine } = config.storage
  const audit = await openAudit({ engine, file: dataFiles(config).database })
  try {
    return await work(audit)
  } finally {
    await audit.close()
  }
}

/** Whose word is whose, by peers.json and what the index was folded under. */
export async function rolesOf(config: Config, storage: Pick<Storage, 'readMeta'>): Promise<Roles> {
  const arePinsNeeded = config.mesh.tls.mode === 'pinned'
  const { peers } = loadPeers(config.mesh.peersFile, config.node.name, { arePinsNeeded })
  return new Roles(config.node.name, parseRoles(await storage.readMeta(rolesMetaName)), peers)
}
