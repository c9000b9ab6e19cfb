import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { loadKeys } from '../config/key-files.ts'
import { loadPeers } from '../config/peers.ts'
import { threepidOf } from '../domain/entry.ts'
import { parseLogId } from '../domain/log-id.ts'
import type { Peer } from '../domain/peer.ts'
import { verifyIndependently } from '../log/verify-independent.ts'
import type { LogFault, LogVerdict } from '../log/verify-log.ts'
import { verifyStore, type StoreRules, type StoreVerdict } from '../log/verify-store.ts'
import { createProgress, type Progress } from '../platform/progress.ts'
import { paint, printable } from '../platform/terminal.ts'
import type { StorageAudit, StoredLog } from '../storage/storage.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { configOf } from './node-config.ts'
import { rolesOf, withAudit, withStore } from './open-store.ts'
import { comparePeers, isAlarming, type PeerFinding } from './verify-peers.ts'

type Options = ConfigOptions & {
  readonly log?: string
  readonly signatures?: true
  readonly peers?: true
  readonly independent?: true
  readonly forkProof?: string
}

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Recompute what this node holds from its stored lines: every tree, subtree, head and stamp, and that the lookup\n' +
        'index is what the lines make. Names the first differences and ends with 1 when there are any. The node may run\n' +
        'meanwhile: what is looked at is the moment the command was started.',
    )
    .option('--log <log>', 'only logs whose id begins with this (leaves the lookup index alone)')
    .option('--signatures', 'check the signature of every association too, on all processors')
    .option('--peers', 'ask the peers for their heads and compare')
    .option('--independent', 'do it all a second time with other means (with --signatures: slow)')
    .option('--fork-proof <file>', 'with --peers: write the proof of a fork to this file (0600)')
    .action((options: Options) => verify(options, invocation))
  withExamples(command, [
    'mycelid log verify --config node.yaml',
    'mycelid log verify --config node.yaml --signatures --peers --independent',
    'mycelid log verify --config node.yaml --log lyon.id.example.org/ --json',
  ])
}

type Findings = StoreVerdict & { readonly peers: readonly PeerFinding[] | null }

async function verify(options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const { peers } = loadPeers(config.mesh.peersFile, config.node.name, {
    arePinsNeeded: config.mesh.tls.mode === 'pinned',
  })
  const keysOf = keysByOrigin(config, peers)
  const stored = await withAudit(config, (audit) =>
    verifyStored(config, audit, { ...options, keysOf }, invocation),
  )
  const prefix = options.log ?? ''
  const compared =
    options.peers === true
      ? await withStore(config, (storage) =>
          comparePeers(
            config,
            storage,
            { peers, keysOf, prefix, forkFile: options.forkProof },
            invocation,
          ),
        )
      : null
  const findings: Findings = { ...stored, peers: compared }
  const isSound =
    findings.index.length === 0 &&
    findings.logs.every(({ faults }) => faults.length === 0) &&
    !(compared ?? []).some(isAlarming)
  if (!isSound) invocation.finish(exitCodes.failed)
  if (options.json === true) return writeJson(invocation, { ok: isSound, ...findings })
  tell(findings, invocation)
}

type KeysOf = StoreRules['keysOf']

async function verifyStored(
  config: Config,
  audit: StorageAudit,
  options: Options & { readonly keysOf: KeysOf },
  invocation: Invocation,
): Promise<StoreVerdict> {
  const { keysOf, signatures, independent } = options
  const all = await audit.readLogs()
  const logs = all.filter(({ log }) => log.startsWith(options.log ?? ''))
  const progress = progressOf('verifying', logs, invocation)
  const rules = { ...(await rulesOf(config, audit, all)), keysOf }
  const verdict = await verifyStore(audit, rules, {
    logs,
    signatureThreads: signatures === true ? availableParallelism() : null,
    onProgress: (done) => progress.update(done),
  })
  progress.end()
  if (independent !== true) return verdict
  return { ...verdict, logs: await secondOpinion(audit, logs, verdict.logs, options, invocation) }
}

async function secondOpinion(
  audit: StorageAudit,
  logs: readonly StoredLog[],
  verdicts: readonly LogVerdict[],
  { keysOf, signatures }: Options & { readonly keysOf: KeysOf },
  invocation: Invocation,
): Promise<LogVerdict[]> {
  const progress = progressOf('a second time', logs, invocation)
  const checked: LogVerdict[] = []
  let before = 0
  for (const [i, stored] of logs.entries()) {
    const found = await verifyIndependently(audit, stored, {
      verifierKeys: keysOf(stored.origin) ?? [],
      areSignaturesChecked: signatures === true,
      onProgress: (done) => progress.update(before + done),
    })
    const first = verdicts[i] as LogVerdict
    const more = found.map((finding): LogFault => {
      return { log: stored.log, index: finding.index, problem: `second check: ${finding.problem}` }
    })
    checked.push({ ...first, faults: [...first.faults, ...more] })
    before += stored.size
  }
  progress.end()
  return checked
}

function progressOf(
  label: string,
  logs: readonly StoredLog[],
  { terminal, clock }: Invocation,
): Progress {
  return createProgress({
    label,
    unit: 'lines',
    total: logs.reduce((sum, { size }) => sum + size, 0),
    isTty: terminal.isErrorTty,
    write: terminal.writeError,
    monoMs: clock.monoMs,
  })
}

function keysByOrigin(config: Config, peers: readonly Peer[]): KeysOf {
  const own = loadKeys(config).meshVkey
  return (origin) =>
    origin === config.node.name ? [own] : (peers.find(({ name }) => name === origin)?.keys ?? null)
}

async function rulesOf(
  config: Config,
  audit: StorageAudit,
  logs: readonly StoredLog[],
): Promise<Omit<StoreRules, 'keysOf'>> {
  const roles = await rolesOf(config, audit)
  const halted = new Map(logs.map(({ log, haltedAt }) => [log, haltedAt ?? Infinity]))
  const origins = new Map(logs.map(({ log }) => [log, parseLogId(log)?.node ?? '']))
  return {
    groupOf: (log, via) => roles.groupOf(log, via),
    isIndexed: (log, index, entry) => {
      const threepid = threepidOf(entry)
      return (
        threepid !== null &&
        index < (halted.get(log) ?? Infinity) &&
        roles.accepts(origins.get(log) ?? '', threepid)
      )
    },
  }
}

function tell(
  { logs, index, isIndexChecked, signatures, peers }: Findings,
  invocation: Invocation,
): void {
  const { terminal } = invocation
  const verdictOf = (isSound: boolean): string =>
    isSound ? paint(terminal, 'green', 'sound') : paint(terminal, 'red', 'BROKEN')
  for (const { log, size, blanks, faults } of logs) {
    const how = blanks === 0 ? '' : `, ${blanks} blank`
    writeLine(invocation, `${verdictOf(faults.length === 0)}  ${log}  ${size} lines${how}`)
    for (const fault of faults) writeLine(invocation, `        ${wordsOf(fault, '')}`)
  }
  if (logs.length === 0) writeLine(invocation, 'this node holds no log yet')
  if (isIndexChecked) writeLine(invocation, `${verdictOf(index.length === 0)}  the lookup index`)
  for (const fault of index) writeLine(invocation, `        ${wordsOf(fault, `${fault.log} `)}`)
  if (signatures !== null) {
    const foreign =
      signatures.foreign === 0
        ? ''
        : `; ${signatures.foreign} came from elsewhere, under keys not known here`
    writeLine(invocation, `signatures of ${signatures.checked} associations were checked${foreign}`)
  }
  for (const finding of peers ?? []) {
    const words = printable(`${finding.peer}  ${finding.log ?? ''}  ${finding.words}`)
    writeLine(invocation, isAlarming(finding) ? paint(terminal, 'red', words) : words)
  }
}

function wordsOf({ index, problem }: LogFault, where: string): string {
  return printable(`${where}${index === null ? '' : `line ${index}: `}${problem}`)
}
