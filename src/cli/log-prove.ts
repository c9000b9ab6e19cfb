import { writeFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import type { Config } from '../config/config.ts'
import { loadKeys } from '../config/key-files.ts'
import { loadPeers } from '../config/peers.ts'
import { parseVerifierKey, type VerifierKey } from '../domain/checkpoint.ts'
import { formatEntryProof } from '../domain/entry-proof.ts'
import type { Peer } from '../domain/peer.ts'
import { cosignersOf } from '../domain/proof-keys.ts'
import { canonicalThreepid } from '../domain/threepid.ts'
import { cosignedNote } from '../log/cosigned-note.ts'
import { decidingEntry } from '../log/deciding-entry.ts'
import { proveEntry } from '../log/prove-entry.ts'
import { withPeerHeads, type PeerHeads } from '../node/peer-heads.ts'
import type { Storage, StoredLog } from '../storage/storage.ts'
import {
  remark,
  wholeNumber,
  withConfig,
  withExamples,
  writeJson,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { configOf } from './node-config.ts'
import { rolesOf, withStore } from './open-store.ts'

type Options = ConfigOptions & {
  readonly log?: string
  readonly index?: number
  readonly medium: string
  readonly address?: string
  readonly out?: string
  readonly peers: boolean
}

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Write a proof that a log holds one entry: the entry, its place, and a head its origin signed, with the signatures\n' +
        'of the peers that hold the log too. Anybody can check it with the origin’s key and no node (log check-proof).\n' +
        'The proof names the person the entry names.',
    )
    .option('--log <log>', 'log id, with --index')
    .option('--index <index>', 'place of the line', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option('--medium <medium>', 'of the address')
        .choices(['email', 'msisdn'])
        .default('email'),
    )
    .option('--address <address>', 'prove the entry that decides what this address is bound to')
    .option('--no-peers', 'do not ask the peers for their signatures')
    .option('-o, --out <file>', 'write to this file (0600) instead of standard output')
    .action((options: Options) => prove(options, invocation))
  withExamples(command, [
    'mycelid log prove --config node.yaml --address alice@example.org -o alice.tlog-proof',
    'mycelid log prove --config node.yaml --log paris.id.example.org/site~abcdefgh --index 41507',
  ])
}

async function prove(options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const { peers } = loadPeers(config.mesh.peersFile, config.node.name, {
    arePinsNeeded: config.mesh.tls.mode === 'pinned',
  })
  const asked = options.peers ? peers : []
  await withStore(config, (storage) =>
    withPeerHeads(config, invocation.clock, asked, async (answers) => {
      const place = await placeOf(config, storage, options, invocation)
      const stored = await logNamed(storage, place.log)
      const keys = keysOf(config, peers)
      const note = await cosignedNote(storage, stored, place.index, {
        offered: answers.flatMap((answer) => notesOf(answer, place.log)),
        keys,
      })
      const text = formatEntryProof(await proveEntry(storage, { ...stored, note }, place.index))
      for (const answer of answers) {
        if ('failure' in answer)
          remark(invocation, `${answer.peer} was not asked: ${answer.failure}`)
      }
      tell({ text, note, keys, stored, index: place.index }, options, invocation)
    }),
  )
}

async function placeOf(
  config: Config,
  storage: Storage,
  { log, index, medium, address }: Options,
  { clock }: Invocation,
): Promise<{ log: string; index: number }> {
  if (address !== undefined && log === undefined && index === undefined) {
    const threepid = canonicalThreepid(medium, address)
    const roles = await rolesOf(config, storage)
    const history = await storage.historyOf(threepid)
    const found = decidingEntry(history, threepid, roles, clock.wallMs())
    if (found !== null) return found
    throw new CommandError('no log here holds an entry about this address', exitCodes.failed)
  }
  if (log !== undefined && index !== undefined && address === undefined) return { log, index }
  throw new CommandError('give either --log and --index, or --address', exitCodes.usage)
}

async function logNamed(storage: Storage, wanted: string): Promise<StoredLog> {
  const found = (await storage.readLogs()).find(({ log }) => log === wanted)
  if (found === undefined)
    throw new CommandError(`this node holds no log ${wanted}`, exitCodes.failed)
  return found
}

/** Verifier keys of this node and its peers: whose signatures are worth adding. */
function keysOf(config: Config, peers: readonly Peer[]): VerifierKey[] {
  return [loadKeys(config).meshVkey, ...peers.flatMap(({ keys }) => keys)].flatMap((text) => {
    const key = parseVerifierKey(text)
    return key === null ? [] : [key]
  })
}

function notesOf(answer: PeerHeads, wanted: string): string[] {
  if (!('offers' in answer)) return []
  return answer.offers.flatMap(({ log, checkpoint }) =>
    log === wanted && checkpoint !== null ? [checkpoint] : [],
  )
}

type Proved = {
  readonly text: string
  readonly note: string
  readonly keys: readonly VerifierKey[]
  readonly stored: StoredLog
  readonly index: number
}

function tell(proved: Proved, { out, json }: Options, invocation: Invocation): void {
  const { text, note, keys, stored, index } = proved
  const { cosigners } = cosignersOf(note, keys)
  if (out !== undefined) writeFileSync(out, text, { mode: 0o600 })
  if (json === true) {
    const names = cosigners.map(({ name }) => name)
    return writeJson(invocation, { log: stored.log, index, cosigners: names, proof: text })
  }
  if (out === undefined) return invocation.terminal.write(text)
  remark(
    invocation,
    `wrote the proof of line ${index} of ${stored.log} to ${out}: ${Buffer.byteLength(text)} bytes, ` +
      `signed by its origin and ${cosigners.length} other nodes`,
  )
}
