import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { LogId } from './domain/log-id.ts'
import { refusalCodes, type RefusalCode } from './domain/refusal.ts'
import type { Logger } from './platform/logger.ts'

/**
 * Owns: one function per event an operator cares about: a log line and a counter.
 * Relies on: domain, platform.
 * Never: takes an address, a token, a secret or a hash of one; labels are few and known beforehand.
 */
export type Events = MeshEvents & StorageEvents & RequestEvents & LifecycleEvents

export type MeshEvents = {
  /** Lines that became durable here: ours, or a peer's. */
  entriesCommitted(from: 'own' | 'peer', count: number): void
  chunkAccepted(told: { peer: string; log: LogId; via: 'push' | 'pull'; entries: number }): void
  chunkRefused(told: { peer: string; log: LogId | null; code: RefusalCode; message: string }): void
  /** `retryInMs` is when it is tried again. */
  pushFailed(told: { peer: string; log: LogId; reason: string; retryInMs: number }): void
  pushRefused(told: { peer: string; log: LogId; code: string; message: string }): void
  pullFailed(told: { peer: string; log: LogId; reason: string; retryInMs: number }): void
  peerReachable(peer: string): void
  peerUnreachable(peer: string, reason: string): void
  /** A caller of the mesh listener that was turned away before it was known who it is. */
  callerRefused(reason: string): void
  lifeBegun(log: LogId, reason: string): void
  logClosed(log: LogId, size: number): void
  clockAhead(told: { log: LogId; peer: string; aheadMs: number }): void
  clockJumped(driftMs: number): void
  upgradeNeeded(told: { log: LogId; index: number; kind: string }): void
  provisionalBlank(told: { log: LogId; index: number; peer: string }): void
  headsDiffer(told: { log: LogId; size: number; peer: string }): void
  keyConflict(told: { node: string; keyId: string }): void
}

export type StorageEvents = {
  storageFailed(code: RefusalCode): void
  storageRecovered(): void
}

export type RequestEvents = {
  /** `route` is a template of the product's own, never a path as sent. */
  requestServed(told: {
    route: string
    method: string
    status: number
    seconds: number
    requestId: string
  }): void
  /** A fault behind an opaque 500: the full record stands only in the log. */
  requestFaulted(told: { route: string; requestId: string; error: unknown }): void
}

export type LifecycleEvents = {
  started(told: {
    node: string
    version: string
    listeners: Readonly<Record<string, string>>
  }): void
  stopping(reason: string): void
  stopped(): void
  ready(): void
  notReady(reason: string): void
  configReloaded(told: { peers: number; skipped: number }): void
  peerRowSkipped(told: { row: string; message: string }): void
  /** A task in the background that failed: which, for whom, and whether it is tried again. */
  taskFailed(told: { task: string; peer: string | null; willRetry: boolean; error: unknown }): void
}

export type EventsDeps = { readonly logger: Logger; readonly registry: Registry }

export function createEvents(deps: EventsDeps): Events {
  return {
    ...entryEvents(deps),
    ...peerEvents(deps),
    ...alarmEvents(deps),
    ...storageEvents(deps),
    ...requestEvents(deps),
    ...lifecycleEvents(deps),
  }
}

type Labels = Readonly<Record<string, string>>
type Count = (labels: Labels, by?: number) => void

function counter(registry: Registry, name: string, help: string, labelNames: string[] = []): Count {
  const made = new Counter({ name: `mycelid_${name}`, help, labelNames, registers: [registry] })
  return (labels, by = 1) => made.inc(labels, by)
}

function gauge(registry: Registry, name: string, help: string, labelNames: string[] = []): Gauge {
  return new Gauge({ name: `mycelid_${name}`, help, labelNames, registers: [registry] })
}

type EntryEvents = Pick<
  MeshEvents,
  'entriesCommitted' | 'chunkAccepted' | 'chunkRefused' | 'lifeBegun' | 'logClosed'
>

function entryEvents({ logger, registry }: EventsDeps): EntryEvents {
  const committed = counter(registry, 'entries_committed_total', 'Log lines made durable here.', [
    'from',
  ])
  const accepted = counter(registry, 'chunks_accepted_total', 'Chunks taken to their end.', [
    'peer',
    'via',
  ])
  const refused = counter(registry, 'chunks_refused_total', 'Chunks refused, by code.', [
    'peer',
    'code',
  ])
  const lives = counter(registry, 'lives_begun_total', 'Logs this node has begun.')
  return {
    entriesCommitted: (from, count) => committed({ from }, count),
    chunkAccepted: ({ peer, log, via, entries }) => {
      accepted({ peer, via })
      logger.debug({ event: 'chunk-accepted', peer, log, via, entries }, 'chunk accepted')
    },
    chunkRefused: ({ peer, log, code, message }) => {
      refused({ peer, code })
      const fields = { event: 'chunk-refused', peer, log, code, reason: message }
      logger.warn(fields, 'a chunk was refused')
    },
    lifeBegun: (log, reason) => {
      lives({})
      logger.info({ event: 'life-begun', log, reason }, 'began a new log')
    },
    logClosed: (log, size) => logger.info({ event: 'log-closed', log, size }, 'ended a former log'),
  }
}

type PeerEvents = Pick<
  MeshEvents,
  | 'pushFailed'
  | 'pushRefused'
  | 'pullFailed'
  | 'peerReachable'
  | 'peerUnreachable'
  | 'callerRefused'
>

function peerEvents({ logger, registry }: EventsDeps): PeerEvents {
  const failed = counter(registry, 'exchanges_failed_total', 'Pushes and pulls that failed.', [
    'peer',
    'direction',
  ])
  const refused = counter(registry, 'pushes_refused_total', 'Pushes a peer refused, by code.', [
    'peer',
    'code',
  ])
  const strangers = counter(registry, 'mesh_callers_refused_total', 'Callers turned away.')
  const reachable = gauge(registry, 'peer_reachable', '1 while the peer answers.', ['peer'])
  return {
    pushFailed: ({ peer, log, reason, retryInMs }) => {
      failed({ peer, direction: 'push' })
      logger.warn({ event: 'push-failed', peer, log, reason, retryInMs }, 'a push failed')
    },
    pushRefused: ({ peer, log, code, message }) => {
      refused({ peer, code: refusalLabel(code) })
      const fields = { event: 'push-refused', peer, log, code, reason: message }
      logger.warn(fields, 'a peer refused what we pushed')
    },
    pullFailed: ({ peer, log, reason, retryInMs }) => {
      failed({ peer, direction: 'pull' })
      logger.warn({ event: 'pull-failed', peer, log, reason, retryInMs }, 'a pull failed')
    },
    peerReachable: (peer) => {
      reachable.set({ peer }, 1)
      logger.info({ event: 'peer-reachable', peer }, 'the peer answers')
    },
    peerUnreachable: (peer, reason) => {
      reachable.set({ peer }, 0)
      logger.warn({ event: 'peer-unreachable', peer, reason }, 'the peer does not answer')
    },
    callerRefused: (reason) => {
      strangers({})
      logger.warn({ event: 'caller-refused', reason }, 'turned a caller of the mesh listener away')
    },
  }
}

type AlarmEvents = Pick<
  MeshEvents,
  | 'clockAhead'
  | 'clockJumped'
  | 'upgradeNeeded'
  | 'provisionalBlank'
  | 'headsDiffer'
  | 'keyConflict'
>

/** What somebody has to look at; each counts under its own name in one metric, for one alert rule. */
function alarmEvents({ logger, registry }: EventsDeps): AlarmEvents {
  const alarms = counter(registry, 'alarms_total', 'Events an operator should look at, by kind.', [
    'kind',
  ])
  const alarm = (kind: string, fields: object, sentence: string): void => {
    alarms({ kind })
    logger.error({ event: kind, ...fields }, sentence)
  }
  return {
    clockAhead: (told) => {
      alarms({ kind: 'clock-ahead' })
      logger.warn(
        { event: 'clock-ahead', ...told },
        'a log is stamped ahead of our clock; it waits',
      )
    },
    clockJumped: (driftMs) =>
      alarm('clock-jumped', { driftMs }, 'the clock of this machine jumped; new logs are begun'),
    upgradeNeeded: (told) =>
      alarm('upgrade-needed', told, 'a log holds what only a later version understands'),
    provisionalBlank: (told) =>
      alarm('blank-unexplained', told, 'a line is missing without an explanation'),
    headsDiffer: (told) =>
      alarm('heads-differ', told, 'two signed heads of one log and size differ: it is frozen'),
    keyConflict: (told) =>
      alarm('key-conflict', told, 'a sibling names another key under a known key id; refused'),
  }
}

function storageEvents({ logger, registry }: EventsDeps): StorageEvents {
  const failures = counter(registry, 'storage_failures_total', 'Times the store began to refuse.', [
    'code',
  ])
  const writable = gauge(registry, 'storage_writable', '1 while the store takes writes.')
  writable.set(1)
  return {
    storageFailed: (code) => {
      failures({ code })
      writable.set(0)
      logger.error({ event: 'storage-failed', code }, 'the store takes no writes; reads go on')
    },
    storageRecovered: () => {
      writable.set(1)
      logger.info({ event: 'storage-recovered' }, 'the store takes writes again')
    },
  }
}

/** Seconds; lookups take far less than a millisecond, calls to homeservers may take seconds. */
const secondsBuckets = [0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 10]

function requestEvents({ logger, registry }: EventsDeps): RequestEvents {
  const served = counter(registry, 'requests_total', 'Requests served.', [
    'route',
    'method',
    'status',
  ])
  const duration = new Histogram({
    name: 'mycelid_request_seconds',
    help: 'Time from the request to the end of its answer.',
    labelNames: ['route'],
    buckets: secondsBuckets,
    registers: [registry],
  })
  return {
    requestServed: ({ route, method, status, seconds, requestId }) => {
      served({ route, method: methodLabel(method), status: String(status) })
      duration.observe({ route }, seconds)
      const fields = { event: 'request', route, method, status, seconds, requestId }
      logger.debug(fields, 'request served')
    },
    requestFaulted: ({ route, requestId, error }) =>
      logger.error(
        { event: 'request-fault', route, requestId, err: error },
        'a request met a fault',
      ),
  }
}

function lifecycleEvents({ logger, registry }: EventsDeps): LifecycleEvents {
  const isReady = gauge(registry, 'ready', '1 while this node is ready.')
  const failures = counter(registry, 'tasks_failed_total', 'Background tasks that failed.', [
    'task',
  ])
  const skipped = gauge(registry, 'peer_rows_skipped', 'Rows of peers.json that were skipped.')
  return {
    started: (told) => logger.info({ event: 'started', ...told }, 'started'),
    stopping: (reason) => {
      isReady.set(0)
      logger.info({ event: 'stopping', reason }, 'stopping')
    },
    stopped: () => logger.info({ event: 'stopped' }, 'stopped'),
    ready: () => {
      isReady.set(1)
      logger.info({ event: 'ready' }, 'ready')
    },
    notReady: (reason) => {
      isReady.set(0)
      logger.warn({ event: 'not-ready', reason }, 'not ready')
    },
    configReloaded: ({ peers, skipped: count }) => {
      skipped.set(count)
      logger.info({ event: 'peers-reloaded', peers, skipped: count }, 'read peers.json')
    },
    peerRowSkipped: ({ row, message }) =>
      logger.warn(
        { event: 'peer-row-skipped', row, reason: message },
        'skipped a row of peers.json',
      ),
    taskFailed: ({ task, peer, willRetry, error }) => {
      failures({ task })
      logger.error({ event: 'task-failed', task, peer, willRetry, err: error }, 'a task failed')
    },
  }
}

/** A peer's words do not become labels: codes it makes up count as one. */
function refusalLabel(code: string): string {
  return knownCodes.has(code) ? code : 'other'
}

function methodLabel(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other'
}

const knownCodes: ReadonlySet<string> = new Set(refusalCodes)
