/**
 * Owns: one function per event an operator cares about: a log line and a counter.
 * Relies on: domain, platform.
 * Never: takes an address, a token, a secret or a hash of one; labels are few and known beforehand.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { LogId } from './domain/log-id.ts'
import { refusalCodes, type RefusalCode } from './domain/refusal.ts'
import type { Logger } from './platform/logger.ts'
import { TalliedHistogram } from './platform/tallied-histogram.ts'

export type EventsDeps = { readonly logger: Logger; readonly registry: Registry }

/** Registers its metrics (prefix mycelid_): a registry takes one set of events. */
export function createEvents(deps: EventsDeps) {
  return {
    ...entryEvents(deps),
    ...peerEvents(deps),
    ...alarmEvents(deps),
    ...storageEvents(deps),
    ...requestEvents(deps),
    ...errandEvents(deps),
    ...lifecycleEvents(deps),
    /** Every metric of the registry in the text format of Prometheus. */
    metrics: (): Promise<string> => deps.registry.metrics(),
  }
}

export type Events = ReturnType<typeof createEvents>

type Refused = { readonly peer: string; readonly code: string; readonly message: string }

function entryEvents({ logger, registry }: EventsDeps) {
  const count = counting(registry)
  const refused = count('chunks_refused_total', 'Chunks refused, by code.', ['peer', 'code'])
  const lives = count('lives_begun_total', 'Logs this node has begun.')
  return {
    chunkRefused: ({ log, ...told }: Refused & { log: LogId | null; code: RefusalCode }): void => {
      const { peer, code, message: reason } = told
      refused({ peer, code })
      logger.warn({ event: 'chunk-refused', peer, log, code, reason }, 'refused a chunk')
    },
    lifeBegun: (log: LogId, reason: string): void => {
      lives({})
      logger.info({ event: 'life-begun', log, reason }, 'began a new log')
    },
    logClosed: (log: LogId, size: number): void =>
      logger.info({ event: 'log-closed', log, size }, 'ended a former log'),
  }
}

function peerEvents({ logger, registry }: EventsDeps) {
  const count = counting(registry)
  const refused = count('pushes_refused_total', 'Pushes peers refused.', ['peer', 'code'])
  const strangers = count('mesh_callers_refused_total', 'Callers turned away.')
  const reachable = gauge(registry, 'peer_reachable', '1 while the peer answers.', ['peer'])
  return {
    pushRefused: ({ peer, log, code, message: reason }: Refused & { log: LogId }): void => {
      refused({ peer, code: refusalLabel(code) })
      logger.warn({ event: 'push-refused', peer, log, code, reason }, 'a peer refused a push')
    },
    peerReachable: (peer: string): void => {
      reachable.set({ peer }, 1)
      logger.info({ event: 'peer-reachable', peer }, 'the peer answers')
    },
    peerUnreachable: (peer: string, reason: string): void => {
      reachable.set({ peer }, 0)
      logger.warn({ event: 'peer-unreachable', peer, reason }, 'the peer does not answer')
    },
    /** Peers that are no longer in peers.json leave the metrics. */
    peerRemoved: (peer: string): void => reachable.remove({ peer }),
    /** Somebody the mesh listener turned away before it knew who it is. */
    callerRefused: (reason: string): void => {
      strangers({})
      logger.warn({ event: 'caller-refused', reason }, 'turned a caller away')
    },
  }
}

/** What somebody has to look at: one metric by kind, for one alert rule. */
function alarmEvents({ logger, registry }: EventsDeps) {
  const alarms = counting(registry)('alarms_total', 'What an operator should look at.', ['kind'])
  const alarm = (kind: string, fields: object, sentence: string): void => {
    alarms({ kind })
    logger.error({ event: kind, ...fields }, sentence)
  }
  return {
    clockAhead: ({ log, peer }: { log: LogId; peer: string }): void =>
      alarm('clock-ahead', { log, peer }, 'a log is stamped ahead of our clock; it waits'),
    clockJumped: (driftMs: number): void =>
      alarm('clock-jumped', { driftMs }, 'the clock of this machine jumped; new logs are begun'),
    upgradeNeeded: ({ log, index, kind }: { log: LogId; index: number; kind: string }): void =>
      alarm('upgrade-needed', { log, index, kind }, 'a log holds what only a later version knows'),
    provisionalBlank: ({ log, index, peer }: { log: LogId; index: number; peer: string }): void =>
      alarm('blank-unexplained', { log, index, peer }, 'a line is missing without explanation'),
    headsDiffer: ({ log, size, peer }: { log: LogId; size: number; peer: string }): void =>
      alarm('heads-differ', { log, size, peer }, 'two signed heads of one size differ: log frozen'),
    keyConflict: ({ node, keyId }: { node: string; keyId: string }): void =>
      alarm('key-conflict', { node, keyId }, 'a sibling names another key under a known key id'),
  }
}

function storageEvents({ logger, registry }: EventsDeps) {
  const failures = counting(registry)('storage_failures_total', 'Times it began to refuse.', [
    'code',
  ])
  const writable = gauge(registry, 'storage_writable', '1 while the store takes writes.')
  writable.set(1)
  return {
    /** Full, read-only and what else keeps it from writing. */
    storageFailed: (code: RefusalCode): void => {
      failures({ code })
      writable.set(0)
      logger.error({ event: 'storage-failed', code }, 'the store takes no writes; reads go on')
    },
    storageRecovered: (): void => {
      writable.set(1)
      logger.info({ event: 'storage-recovered' }, 'the store takes writes again')
    },
  }
}

/** Seconds: lookups take far less than a millisecond, calls to homeservers may take several. */
const secondsBuckets = [0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 10]

type Served = { route: string; method: string; status: number; seconds: number }

function requestEvents({ registry }: EventsDeps) {
  // Requests are tallied in a map and counted when somebody scrapes: labels would cost a lookup a tenth of its time.
  const tallies = new Map<string, { labels: Record<string, string>; count: number }>()
  new Counter({
    name: 'mycelid_requests_total',
    help: 'Requests answered.',
    labelNames: ['route', 'method', 'status'],
    registers: [registry],
    collect() {
      for (const { labels, count } of tallies.values()) this.inc(labels, count)
      tallies.clear()
    },
  })
  const duration = new TalliedHistogram({
    name: 'mycelid_request_seconds',
    help: 'Seconds from the request to the end of its answer.',
    label: 'route',
    buckets: secondsBuckets,
    registry,
  })
  return {
    /** `route` is a path as declared, never as sent. The line per request is written by the pipeline. */
    requestServed: ({ route, method, status, seconds }: Served): void => {
      const key = `${method} ${status} ${route}`
      const tally = tallies.get(key)
      if (tally !== undefined) tally.count++
      else {
        const labels = { route, method: methodLabel(method), status: String(status) }
        tallies.set(key, { labels, count: 1 })
      }
      duration.observe(route, seconds)
    },
  }
}

type Tried = {
  readonly queue: 'mail' | 'sms' | 'onbind'
  readonly tries: number
  readonly verdict: { readonly type: 'done' | 'retry' | 'give-up'; readonly reason?: string }
}

/** What was sent, or not: never to whom. Reasons come from closed lists. */
function errandEvents({ logger, registry }: EventsDeps) {
  const tried = counting(registry)('errands_tried_total', 'Tries to send, by how they ended.', [
    'queue',
    'outcome',
    'reason',
  ])
  return {
    errandTried: ({ queue, tries, verdict: { type, reason = '' } }: Tried): void => {
      tried({ queue, outcome: type, reason })
      const fields = { event: `errand-${type}`, queue, tries, reason }
      if (type === 'done') logger.debug(fields, 'sent')
      else if (type === 'retry') logger.warn(fields, 'could not send; will try again')
      else logger.error(fields, 'could not send, and will not try again')
    },
  }
}

type FailedTask = { task: string; peer: string | null; willRetry: boolean; error: unknown }
type Started = { node: string; version: string; listeners: Readonly<Record<string, number>> }

function lifecycleEvents({ logger, registry }: EventsDeps) {
  const isReady = gauge(registry, 'ready', '1 while this node is ready.')
  const failures = counting(registry)('tasks_failed_total', 'Tasks that failed.', ['task'])
  const skipped = gauge(registry, 'peer_rows_skipped', 'Rows of peers.json that are skipped.')
  return {
    started: (told: Started): void => logger.info({ event: 'started', ...told }, 'started'),
    stopping: (reason: string): void => {
      isReady.set(0)
      logger.info({ event: 'stopping', reason }, 'stopping')
    },
    stopped: (): void => logger.info({ event: 'stopped' }, 'stopped'),
    ready: (): void => {
      isReady.set(1)
      logger.info({ event: 'ready' }, 'ready')
    },
    notReady: (reason: string): void => {
      isReady.set(0)
      logger.warn({ event: 'not-ready', reason }, 'not ready')
    },
    peersRead: (told: { peers: number; skipped: number }): void => {
      skipped.set(told.skipped)
      logger.info({ event: 'peers-read', ...told }, 'read peers.json')
    },
    peerRowSkipped: ({ row, message: reason }: { row: string; message: string }): void =>
      logger.warn({ event: 'peer-row-skipped', row, reason }, 'skipped a row of peers.json'),
    /** A task in the background that failed. `task` is a fixed name: it becomes a label. */
    taskFailed: ({ error, ...told }: FailedTask): void => {
      failures({ task: told.task })
      const sentence = told.willRetry ? 'a task failed and will be tried again' : 'a task failed'
      logger.error({ event: 'task-failed', ...told, err: error }, sentence)
    },
  }
}

type Count = (labels: Readonly<Record<string, string>>, by?: number) => void

function counting(registry: Registry) {
  return (name: string, help: string, labelNames: string[] = []): Count => {
    const made = new Counter({ name: `mycelid_${name}`, help, labelNames, registers: [registry] })
    return (labels, by = 1) => made.inc(labels, by)
  }
}

function gauge(registry: Registry, name: string, help: string, labelNames: string[] = []): Gauge {
  return new Gauge({ name: `mycelid_${name}`, help, labelNames, registers: [registry] })
}

/** A peer's words do not become labels: codes it makes up count as one. */
function refusalLabel(code: string): string {
  return knownCodes.has(code) ? code : 'other'
}

const knownCodes: ReadonlySet<string> = new Set(refusalCodes)
const knownMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
])

function methodLabel(method: string): string {
  return knownMethods.has(method) ? method : 'other'
}
