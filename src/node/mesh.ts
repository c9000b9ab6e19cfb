import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { NodeKeys } from '../config/key-files.ts'
import { certificateCheckIntervalMs, tlsDaysValid } from '../domain/limits.ts'
import type { Peer } from '../domain/peer.ts'
import { ChunkAcceptor } from '../log/accept.ts'
import { renewedWhenDue } from '../platform/certificate.ts'
import { startEvery, type Clock } from '../platform/clock.ts'
import { sharedMarks, type SharedMarks } from '../replication/heads-shape.ts'
import { startMeshListener, type MeshListener } from '../replication/mesh-listener.ts'
import { createMtlsTransport, type MtlsTransport } from '../replication/mtls-transport.ts'
import { Receiver } from '../replication/receiver.ts'
import { Sender } from '../replication/sender.ts'
import type { MeshTls } from '../replication/tls-identity.ts'
import type { Core } from './core.ts'
import type { Outside, Undo } from './outside.ts'

export type Mesh = {
  readonly listener: MeshListener
  readonly transport: MtlsTransport
  readonly sender: Sender
  readonly stopRenewing: () => void
}

export async function startMesh(
  config: Config,
  { clock, events }: Outside,
  {
    keys,
    peers,
    writer,
    storage,
    pepper,
  }: Core & { keys: NodeKeys; peers: { list: readonly Peer[] } },
  undo: Undo,
): Promise<Mesh> {
  const tls = await meshTls(config, keys, clock)
  const nowMs = clock.wallMs
  const transport = createMtlsTransport({
    name: config.node.name,
    tls,
    nowMs,
    packing: config.mesh.gzip ? 'auto' : 'never',
  })
  undo.push(() => transport.close())
  const acceptor = new ChunkAcceptor(writer)
  const shared = (): SharedMarks => sharedMarks(pepper(), keys.siteSecret)
  const parts = { writer, acceptor, storage, shared }
  const sender = new Sender({
    ...parts,
    transport,
    peerNamed: (name) => peers.list.find((peer) => peer.name === name) ?? null,
    deadline: (ms) => {
      const ending = new AbortController()
      const timer = clock.setTimer(ms, () =>
        ending.abort(new Error(`no answer within ${ms / 1000} s`)),
      )
      return { signal: ending.signal, done: () => timer.cancel() }
    },
  })
  const listener = await startMeshListener({
    ...config.listen.mesh,
    tls,
    livePeers: () => peers.list,
    handlers: new Receiver({ ...parts, node: config.node.name, nowMs }),
    nowMs,
    onRefused: (refusal) => events.callerRefused(`${refusal.cause}: ${refusal.problem}`),
    onFault: (error) =>
      events.taskFailed({ task: 'answer-peer', peer: null, willRetry: false, error }),
  })
  undo.push(() => listener.stop())
  const stopRenewing = startEvery(certificateCheckIntervalMs, () => {
    meshTls(config, keys, clock).then(
      (renewed) => {
        transport.changeTls(renewed)
        listener.reload(renewed)
      },
      (error: unknown) =>
        events.taskFailed({ task: 'renew-certificate', peer: null, willRetry: true, error }),
    )
  })
  return { listener, transport, sender, stopRenewing }
}

/** Our TLS identity; a self-signed certificate near its end is made anew under the same key, which peers pin. */
export async function meshTls(
  config: Config,
  keys: Pick<NodeKeys, 'tls'>,
  clock: Clock,
): Promise<MeshTls> {
  const { keyPem, certPem } = keys.tls
  const { tls } = config.mesh
  if (tls.mode === 'pki')
    return { keyPem, certPem, mode: 'pki', caPem: readFileSync(tls.caFile, 'utf8') }
  const due = {
    keyPem,
    certPem,
    name: config.node.name,
    nowMs: clock.wallMs(),
    daysValid: tlsDaysValid,
  }
  return { keyPem, certPem: (await renewedWhenDue(due)) ?? certPem, mode: 'pinned' }
}
