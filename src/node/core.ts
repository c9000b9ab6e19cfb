/**
 * Owns: the stages node.ts builds a node in: store and writer, mesh, listeners.
 * Relies on: everything below; this is composition, nothing is decided here.
 * Never: is imported by anything but node.ts.
 */
import type { Config } from '../config/config.ts'
import { dataFiles } from '../config/data-files.ts'
import type { NodeKeys } from '../config/key-files.ts'
import { sitePepper } from '../config/site-secret.ts'
import type { Association } from '../domain/association.ts'
import { fromAnyBase64 } from '../domain/base64.ts'
import { lookupFilterCapacity } from '../domain/limits.ts'
import { verifySignedJson } from '../domain/matrix-json.ts'
import type { Peer } from '../domain/peer.ts'
import type { Events } from '../events.ts'
import type { AssociationReader } from '../log/association-reader.ts'
import { createAssociationReader } from '../log/associations.ts'
import { parseRoles, Roles, rolesMetaName } from '../log/roles.ts'
import { siteKeysOf, type SiteKey } from '../log/site-keys.ts'
import type { WriterStatus } from '../log/writer-messages.ts'
import type { Writer } from '../log/writer-port.ts'
import { startWriterThread } from '../log/writer-thread.ts'
import { createSharedFilter, openStorage } from '../storage/index.ts'
import type { Storage } from '../storage/storage.ts'
import { reportNotice } from './notices.ts'
import type { Outside, Undo } from './outside.ts'

export type Core = {
  readonly writer: Writer
  readonly storage: Storage
  readonly roles: Roles
  readonly associations: AssociationReader
  readonly siteKeys: () => ReadonlyMap<string, SiteKey>
  readonly pepper: () => string
}

/** Store, writer thread, and the answers made of what they hold. */
export async function openCore(
  config: Config,
  { clock, events, writerThread }: Outside,
  { keys, peers }: { keys: NodeKeys; peers: readonly Peer[] },
  undo: Undo,
): Promise<Core> {
  const { node, lookup, mesh } = config
  const file = dataFiles(config).database
  const filter = createSharedFilter({ capacity: lookupFilterCapacity })
  const wantedPepper = lookup.pepper ?? sitePepper(keys.siteSecret)
  const { writer, status } = await startWriterThread(
    {
      storage: { engine: config.storage.engine, file, filter },
      self: {
        name: node.name,
        serverName: node.serverName,
        meshSeed: keys.meshSeed,
        matrixKeys: keys.matrixKeys,
      },
      peers,
      skewMaxMs: mesh.skewMaxMs,
      pepper: wantedPepper,
      recordFile: mesh.recordFile,
    },
    writerThread,
  )
  undo.push(() => writer.stop())
  const storage = await openStorage({ engine: config.storage.engine, file, filter, access: 'read' })
  undo.push(() => storage.close())
  const roles = new Roles(node.name, parseRoles(await storage.readMeta(rolesMetaName)), peers)
  const siteKeys = watchSiteKeys({ config, keys, roles, writer, events, logs: status.logs })
  let pepper = (await storage.readPepper()) ?? wantedPepper
  writer.onPepper((changed) => {
    pepper = changed
  })
  const associations = createAssociationReader({
    storage,
    pepper: () => pepper,
    standing: () => roles,
    nowMs: clock.wallMs,
    isSigned: (association) => isSignedHere(association, node.serverName, siteKeys()),
  })
  writer.onOutward((outward) => {
    if (outward.type === 'notice') reportNotice(events, outward.notice)
  })
  return { writer, storage, roles, associations, siteKeys, pepper: () => pepper }
}

/** The Matrix keys of the own group, followed as siblings' logs arrive. */
function watchSiteKeys(given: {
  readonly config: Config
  readonly keys: NodeKeys
  readonly roles: Roles
  readonly writer: Writer
  readonly events: Events
  readonly logs: WriterStatus['logs']
}): () => ReadonlyMap<string, SiteKey> {
  const { config, keys, roles, writer, events } = given
  const read = (logs: WriterStatus['logs']): ReadonlyMap<string, SiteKey> => {
    const found = siteKeysOf({
      serverName: config.node.serverName,
      self: { node: config.node.name, keys: keys.matrixKeys },
      logs,
      isSibling: (node) => roles.isSibling(node),
    })
    for (const { node, keyId } of found.conflicts) events.keyConflict({ node, keyId })
    return found.keys
  }
  let known = read(given.logs)
  writer.onOutward((outward) => {
    if (outward.type !== 'notice' || outward.notice.type !== 'keys-changed') return
    writer.status().then(
      (status) => {
        known = read(status.logs)
      },
      (error: unknown) =>
        events.taskFailed({ task: 'read-site-keys', peer: null, willRetry: false, error }),
    )
  })
  return () => known
}

/** Shown as its signer signed it, verified first, or not at all (DESIGN 2.7). */
function isSignedHere(
  association: Association,
  serverName: string,
  keys: ReadonlyMap<string, SiteKey>,
): boolean {
  const signatures = association.signatures[serverName] ?? {}
  return Object.keys(signatures).some((keyId) => {
    const publicKey = fromAnyBase64(keys.get(keyId)?.key ?? '')
    return publicKey?.length === 32 && verifySignedJson(association, serverName, keyId, publicKey)
  })
}
