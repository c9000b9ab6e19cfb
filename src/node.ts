import type { Config } from './config/config.ts'
import { loadKeys, type NodeKeys } from './config/key-files.ts'
import { loadPeers } from './config/peers.ts'
import { stopMaxMs, warmUpAfterMs } from './domain/limits.ts'
import type { Peer } from './domain/peer.ts'
import type { Events } from './events.ts'
import type { BindDeps } from './features/binding/bind.ts'
import type { HealthReport } from './features/health/endpoints.ts'
import type { AssociationReader } from './log/association-reader.ts'
import type { WriterStatus } from './log/writer-messages.ts'
import type { Writer } from './log/writer-port.ts'
import { openCore, type Core } from './node/core.ts'
import type { Mesh } from './node/mesh.ts'
import { createStatusMetrics } from './node/metrics.ts'
import type { NodeStatus, Outside, Undo } from './node/outside.ts'
import type { Storage } from './storage/storage.ts'

export type { NodeStatus, Outside }

export type NodePorts = { readonly public: number; readonly mesh: number; readonly admin: number }

export type Node = {
  readonly ports: NodePorts
  readonly bindDeps: BindDeps
  readonly associations: AssociationReader
  readonly storage: Storage
  readonly writer: Writer
  status(): Promise<NodeStatus>
  health(): Promise<HealthReport>
  /** Reads the peers file again; answers how many peers there are, and the rows that were skipped. */
  reloadPeers(): {
    readonly peers: number
    readonly problems: readonly { readonly row: string; readonly message: string }[]
  }
  /** Reads the certificate of the public listener again; a problem is an event, and the former one stays. */
  reloadTls(): void
  /** Resolves when the writer has met a broken invariant: nothing is left but to stop. */
  readonly broken: Promise<string>
  stop(): Promise<void>
}

/** Builds a node and starts it. Throws when it cannot do what its configuration says; nothing is left running then. */
export async function startNode(config: Config, outside: Outside): Promise<Node> {
  const undo: Undo = []
  try {
    return await build(config, outside, undo)
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
}

async function build(config: Config, outside: Outside, undo: Undo): Promise<Node> {
  const keys = loadKeys(config)
  const peers = { list: readPeers(config, outside.events) }
  // The writer thread loads what it needs while this one does: reading all these files takes half of a start.
  const [core, { startMesh }, { startServers }] = await Promise.all([
    openCore(config, outside, { keys, peers: peers.list }, undo),
    import('./node/mesh.ts'),
    import('./node/listeners.ts'),
  ])
  const { writer, storage, associations } = core
  const mesh = await startMesh(config, outside, { keys, peers, ...core }, undo)
  const bindDeps = bindDepsOf(config, outside, keys, writer)
  const condition: Condition = { isStopping: false, broken: null }
  const broken = watchWriter(writer, condition)
  const status = async (): Promise<NodeStatus> => {
    const { lookupEntries, bytes } = await storage.readFigures()
    const certificateExpiriesMs = Object.fromEntries(mesh.transport.certificateExpiriesMs())
    return { ...(await writer.status()), certificateExpiriesMs, lookupEntries, storeBytes: bytes }
  }
  const health = async (): Promise<HealthReport> =>
    condition.broken === null
      ? healthOf(await writer.status(), condition)
      : brokenHealth(condition.broken)
  const format = createStatusMetrics(outside.registry, outside.clock.wallMs)
  const metrics = async (): Promise<string> => format(await status())
  const servers = await startServers(
    config,
    outside,
    { keys, core, bindDeps, status, health, metrics },
    undo,
  )
  writer.run()
  servers.api.start()
  warmUp(outside, undo)
  return {
    ports: { public: servers.public.port, mesh: mesh.listener.port, admin: servers.admin.port },
    bindDeps,
    associations,
    storage,
    writer,
    status,
    health,
    broken,
    reloadPeers: () => reloadPeers(config, outside, { peers, core, mesh }),
    reloadTls: () => {
      try {
        servers.reloadTls()
      } catch (error) {
        const told = { task: 'reload-certificate', peer: null, willRetry: false, error }
        outside.events.taskFailed(told)
      }
    },
    stop: async () => {
      condition.isStopping = true
      mesh.stopRenewing()
      await Promise.all([servers.public.stop(), servers.admin.stop(), mesh.sender.stop()])
      await servers.api.stop()
      const cut = new AbortController()
      const timer = outside.clock.setTimer(stopMaxMs / 5, () => cut.abort())
      await mesh.listener.stop(cut.signal)
      timer.cancel()
      await mesh.transport.close()
      await writer.stop()
      await storage.close()
    },
  }
}

function bindDepsOf(
  config: Config,
  { clock, random }: Outside,
  { matrix }: NodeKeys,
  writer: Writer,
): BindDeps {
  return {
    signer: { serverName: config.node.serverName, keyId: matrix.keyId, seed: matrix.seed },
    append: (operations) => writer.append(operations),
    nowMs: clock.wallMs,
    random: random.bytes,
  }
}

/** What the first call to a peer or homeserver needs is read before it is made, once the start is over. */
function warmUp({ clock }: Outside, undo: Undo): void {
  const timer = clock.setTimer(warmUpAfterMs, () => void import('undici'))
  undo.push(() => timer.cancel())
}

type PeerList = { list: readonly Peer[] }

function reloadPeers(
  config: Config,
  { events }: Outside,
  { peers, core, mesh }: { peers: PeerList; core: Core; mesh: Mesh },
): ReturnType<Node['reloadPeers']> {
  const file = config.mesh.peersFile
  const reading = loadPeers(file, config.node.name, pinsNeeded(config))
  // A file that cannot be read as a whole, saved by half perhaps, takes no peer away.
  if (reading.problems.some(({ row }) => row === file))
    return { peers: peers.list.length, problems: reading.problems }
  for (const { name } of peers.list) {
    if (!reading.peers.some((peer) => peer.name === name)) events.peerRemoved(name)
  }
  peers.list = reading.peers
  core.roles.update(reading.peers)
  core.writer.send({ type: 'peers-changed', peers: reading.peers })
  mesh.listener.reload()
  return { peers: reading.peers.length, problems: reading.problems }
}

type Condition = { isStopping: boolean; broken: string | null }

function watchWriter(writer: Writer, condition: Condition): Promise<string> {
  return new Promise((resolve) => {
    writer.onFailed((message) => {
      if (condition.isStopping) return
      condition.broken = message
      resolve(message)
    })
  })
}

function pinsNeeded(config: Config): { arePinsNeeded: boolean } {
  return { arePinsNeeded: config.mesh.tls.mode === 'pinned' }
}

function readPeers(config: Config, events: Events): readonly Peer[] {
  const { peers, problems } = loadPeers(config.mesh.peersFile, config.node.name, pinsNeeded(config))
  for (const problem of problems) events.peerRowSkipped(problem)
  return peers
}

function brokenHealth(message: string): HealthReport {
  const reasons = [`the writer has stopped: ${message}`]
  return { isLive: false, isReady: false, isStarted: true, reasons }
}

function healthOf(
  { isReady, waitingFor, storageProblem }: WriterStatus,
  { isStopping }: Condition,
): HealthReport {
  const reasons: string[] = []
  if (isStopping) reasons.push('it is stopping')
  if (!isReady)
    reasons.push(`it has yet to catch up with ${waitingFor.join(', ') || 'its siblings'}`)
  if (storageProblem !== null) reasons.push(`its store takes no writes: ${storageProblem.code}`)
  return { isLive: true, isReady: reasons.length === 0, isStarted: true, reasons }
}
