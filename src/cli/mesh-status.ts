import type { Command } from 'commander'
import type { NodeStatus } from '../node.ts'
import type { LogStatus, PeerStatus } from '../log/writer-messages.ts'
import { isoTime } from '../platform/clock.ts'
import { formatTable, paint, printable } from '../platform/terminal.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { askNode } from './control.ts'
import { exitCodes } from './exit-codes.ts'
import { configOf } from './node-config.ts'

type Options = ConfigOptions & { readonly watch?: true }

const watchEveryMs = 2_000

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Show how the running node stands in the mesh: what it holds of each log, who has promised to hold it too, how far\n' +
        'each peer is behind, and what was refused and why. Ends with 1 when the node is not ready.',
    )
    .option('--watch', 'show it again every two seconds, until Ctrl-C')
    .action((options: Options) => show(options, invocation))
  withExamples(command, [
    'mycelid mesh status --config node.yaml',
    'mycelid mesh status --config node.yaml --watch',
    'mycelid mesh status --config node.yaml --json',
  ])
}

async function show(options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  for (;;) {
    const status = (await askNode(config, 'status', null)) as NodeStatus
    if (options.json === true) writeJson(invocation, status)
    else writeLine(invocation, describe(status, invocation))
    if (options.watch !== true) {
      if (!status.isReady) invocation.finish(exitCodes.failed)
      return
    }
    await invocation.clock.sleep(watchEveryMs)
  }
}

function describe(status: NodeStatus, { terminal, clock }: Invocation): string {
  const now = clock.wallMs()
  const readiness = status.isReady
    ? paint(terminal, 'green', 'ready')
    : paint(
        terminal,
        'yellow',
        `not ready, waiting for ${status.waitingFor.join(', ') || 'siblings'}`,
      )
  const alarms = alarmsOf(status).map((alarm) => paint(terminal, 'red', `! ${alarm}`))
  const logs = status.logs.map((log) => logRow(log))
  const peers = status.peers.map((peer) => peerRow(peer, status, now))
  const refusals = status.peers.flatMap((peer) => refusalLines(peer))
  return [
    `${status.node}: ${readiness}; ${status.lookupEntries} entries in the lookup index, ${megabytes(status.storeBytes)} MB on disk`,
    ...alarms,
    '',
    formatTable(['log', 'lines', 'state', 'promised by'], logs),
    '',
    status.peers.length === 0
      ? 'no peers; add one with: mycelid mesh pair'
      : formatTable(
          ['peer', 'role', 'answers', 'it lacks', 'we lack', 'heard', 'clock', 'certificate'],
          peers,
        ),
    ...(refusals.length === 0 ? [] : ['', 'refused lately:', ...refusals]),
    '',
  ].join('\n')
}

function alarmsOf(status: NodeStatus): string[] {
  const alarms: string[] = []
  if (status.storageProblem !== null) {
    alarms.push(
      `the store takes no writes (${status.storageProblem.code}) since ${isoTime(status.storageProblem.sinceMs)}`,
    )
  }
  if (status.clockAheadMs > 1_000)
    alarms.push(
      `the next stamp lies ${Math.round(status.clockAheadMs / 1000)} s ahead of the clocks heard`,
    )
  if (status.refold !== null) {
    alarms.push(
      `the lookup index is being recomputed: ${status.refold.linesDone} of ${status.refold.linesTotal} lines`,
    )
  }
  for (const log of status.logs) {
    if (log.haltedAt !== null)
      alarms.push(`${log.log} needs an upgrade of this node from line ${log.haltedAt} on`)
    if (log.blankAt !== null)
      alarms.push(`${log.log} lacks line ${log.blankAt}, and nothing explains it`)
  }
  for (const { name, mismatches } of status.peers) {
    for (const what of mismatches)
      alarms.push(`${name} has another ${what} than this node; siblings must share it`)
  }
  return alarms
}

function logRow(log: LogStatus): string[] {
  const state = log.closedAt !== null ? 'closed' : log.isCurrent ? 'written now' : 'open'
  const promised = Object.entries(log.cosigned).map(
    ([node, { size }]) => `${node}: ${size === log.size ? 'all' : size}`,
  )
  return [
    log.log,
    String(log.size),
    log.haltedAt === null ? state : 'upgrade needed',
    promised.join(', ') || '-',
  ]
}

function peerRow(peer: PeerStatus, status: NodeStatus, now: number): string[] {
  const answers =
    peer.isReachable === null
      ? 'not asked yet'
      : peer.isReachable
        ? 'yes'
        : `no: ${peer.lastFailure?.reason ?? ''}`
  const expiresMs = status.certificateExpiriesMs[peer.name]
  return [
    peer.name,
    peer.role,
    peer.url === null ? 'calls us' : answers,
    String(peer.entriesItLacks),
    peer.pulling === null ? String(peer.entriesWeLack) : `${peer.entriesWeLack}, pulling`,
    peer.lastHeardMs === null
      ? '-'
      : `${Math.max(0, Math.round((now - peer.lastHeardMs) / 1000))} s ago`,
    peer.clockDifferenceMs === null ? '-' : `${(peer.clockDifferenceMs / 1000).toFixed(1)} s`,
    expiresMs === undefined ? '-' : `${Math.floor((expiresMs - now) / 86_400_000)} days`,
  ]
}

function refusalLines({ name, refusals }: PeerStatus): string[] {
  return refusals.map(({ atMs, direction, log, code, message }) => {
    const who = direction === 'ours' ? `refused from ${name}` : `refused by ${name}`
    return printable(
      `  ${isoTime(atMs)}  ${who}: ${code}: ${message}${log === null ? '' : ` (${log})`}`,
    )
  })
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
