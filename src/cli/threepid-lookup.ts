import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { claimStamp } from '../domain/claim.ts'
import { canonicalThreepid, type Threepid } from '../domain/threepid.ts'
import { msOfStamp } from '../domain/stamp.ts'
import { createAssociationReader } from '../log/associations.ts'
import { readStored } from '../log/known-pairs.ts'
import { isoTime } from '../platform/clock.ts'
import { formatTable } from '../platform/terminal.ts'
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

type Options = ConfigOptions & { readonly history?: true }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Say which Matrix ID an address or phone number is bound to on this node, and with --history every entry about it.\n' +
        'Ends with 1 when it is not bound.',
    )
    .argument('<medium>', 'email or msisdn')
    .argument('<address>', 'the address, or the number as digits with country code')
    .option('--history', 'list every entry that names it')
    .action((medium: string, address: string, options: Options) =>
      lookup(canonicalThreepid(medium, address), options, invocation),
    )
  withExamples(command, [
    'mycelid 3pid lookup --config node.yaml email alice@example.org',
    'mycelid 3pid lookup --config node.yaml email alice@example.org --history --json',
  ])
}

async function lookup(threepid: Threepid, options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const found = await withStore(config, async (storage) => ({
    mxid: await answerOf(config, storage, threepid, invocation.clock.wallMs),
    entries: options.history === true ? await historyOf(storage, threepid) : null,
  }))
  if (found.mxid === null) invocation.finish(exitCodes.failed)
  if (options.json === true) return writeJson(invocation, { ...threepid, ...found })
  writeLine(invocation, found.mxid ?? 'not bound')
  if (found.entries === null) return
  const rows = found.entries.map(({ kind, mxid, stamped, log, index }) => [
    stamped,
    kind,
    mxid,
    log,
    String(index),
  ])
  writeLine(invocation, formatTable(['stamped', 'kind', 'mxid', 'log', 'index'], rows))
}

async function answerOf(
  config: Config,
  storage: Storage,
  threepid: Threepid,
  nowMs: () => number,
): Promise<string | null> {
  const roles = await rolesOf(config, storage)
  const reader = createAssociationReader({
    storage,
    pepper: () => '',
    standing: () => roles,
    nowMs,
    isSigned: () => true,
  })
  const [mxid = null] = await reader.mxidsByThreepid([threepid])
  return mxid
}

type HistoryRow = {
  kind: string
  mxid: string
  stamp: number
  stamped: string
  log: string
  index: number
}

async function historyOf(storage: Storage, threepid: Threepid): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = []
  for (const stored of await storage.historyOf(threepid)) {
    const entry = readStored(stored)
    if (entry.kind !== 'bind' && entry.kind !== 'unbind') continue
    const named = entry.kind === 'bind' ? entry.association : entry.threepid
    if (named.medium !== threepid.medium || named.address !== threepid.address) continue
    const mxid = entry.kind === 'bind' ? entry.association.mxid : entry.mxid
    const stamp = claimStamp(entry)
    const { log, index } = stored
    rows.push({ kind: entry.kind, mxid, stamp, stamped: isoTime(msOfStamp(stamp)), log, index })
  }
  return rows.sort((a, b) => a.stamp - b.stamp)
}
