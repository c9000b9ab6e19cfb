import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { loadKeys } from '../config/key-files.ts'
import { loadPeers } from '../config/peers.ts'
import { threepidOf } from '../domain/entry.ts'
import { parseLogId } from '../domain/log-id.ts'
import { verifyLog, type LogVerdict, type VerifyOptions } from '../log/verify-log.ts'
import { createProgress } from '../platform/progress.ts'
import { paint } from '../platform/terminal.ts'
import type { Storage } from '../storage/storage.ts'
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
import { rolesOf, withStore } from './open-store.ts'

type Options = ConfigOptions & { readonly log?: string }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Recompute what this node holds from its stored lines: every tree, checkpoint and stamp, and that each entry stands\n' +
        'in the lookup index. Names the first differences and ends with 1 when there are any. The node may run meanwhile.',
    )
    .option('--log <log>', 'only logs whose id begins with this')
    .action((options: Options) => verify(options, invocation))
  withExamples(command, [
    'mycelid log verify --config node.yaml',
    'mycelid log verify --config node.yaml --log lyon.id.example.org/ --json',
  ])
}

async function verify(options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const verdicts = await withStore(config, (storage) =>
    verifyAll(config, storage, options, invocation),
  )
  const isSound = verdicts.every(({ faults }) => faults.length === 0)
  if (!isSound) invocation.finish(exitCodes.failed)
  if (options.json === true) return writeJson(invocation, { ok: isSound, logs: verdicts })
  for (const { log, size, blanks, faults } of verdicts) {
    const verdict =
      faults.length === 0
        ? paint(invocation.terminal, 'green', 'sound')
        : paint(invocation.terminal, 'red', 'BROKEN')
    writeLine(
      invocation,
      `${verdict}  ${log}  ${size} lines${blanks === 0 ? '' : `, ${blanks} blank`}`,
    )
    for (const { index, problem } of faults) {
      writeLine(invocation, `        ${index === null ? '' : `line ${index}: `}${problem}`)
    }
  }
  if (verdicts.length === 0) writeLine(invocation, 'this node holds no log yet')
}

async function verifyAll(
  config: Config,
  storage: Storage,
  options: Options,
  { terminal, clock }: Invocation,
): Promise<LogVerdict[]> {
  const logs = (await storage.readLogs()).filter(({ log }) => log.startsWith(options.log ?? ''))
  const progress = createProgress({
    label: 'verifying',
    unit: 'lines',
    total: logs.reduce((sum, { size }) => sum + size, 0),
    isTty: terminal.isErrorTty,
    write: terminal.writeError,
    monoMs: clock.monoMs,
  })
  const verdicts: LogVerdict[] = []
  const how = await verifyOptions(config, storage)
  let before = 0
  for (const stored of logs) {
    const onProgress = (done: number): void => progress.update(before + done)
    verdicts.push(await verifyLog(storage, stored, { ...how, onProgress }))
    before += stored.size
  }
  progress.end()
  return verdicts
}

async function verifyOptions(config: Config, storage: Storage): Promise<VerifyOptions> {
  const own = loadKeys(config).meshVkey
  const arePinsNeeded = config.mesh.tls.mode === 'pinned'
  const { peers } = loadPeers(config.mesh.peersFile, config.node.name, { arePinsNeeded })
  const roles = await rolesOf(config, storage)
  const halted = new Map(
    (await storage.readLogs()).map(({ log, haltedAt }) => [log, haltedAt ?? Infinity]),
  )
  return {
    keysOf: (origin) =>
      origin === config.node.name
        ? [own]
        : (peers.find(({ name }) => name === origin)?.keys ?? null),
    isIndexed: (log, index, entry) => {
      const threepid = threepidOf(entry)
      const origin = parseLogId(log)?.node ?? ''
      return (
        threepid !== null &&
        index < (halted.get(log) ?? Infinity) &&
        roles.accepts(origin, threepid)
      )
    },
  }
}
