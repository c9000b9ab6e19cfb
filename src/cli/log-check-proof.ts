import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { VerifierKey } from '../domain/checkpoint.ts'
import {
  checkEntryProof,
  parseEntryProof,
  type EntryProof,
  type EntryVerdict,
} from '../domain/entry-proof.ts'
import { parseEntry, type Entry } from '../domain/entry.ts'
import {
  checkForkProof,
  forkProofMagic,
  parseForkProof,
  type ForkVerdict,
} from '../domain/fork-proof.ts'
import { entryProofBytesMax } from '../domain/limits.ts'
import { parseProofKey, type Cosigner } from '../domain/proof-keys.ts'
import { isRefusal } from '../domain/refusal.ts'
import { msOfStamp } from '../domain/stamp.ts'
import { isoTime } from '../platform/clock.ts'
import { paint, printable } from '../platform/terminal.ts'
import {
  collect,
  wholeNumber,
  withExamples,
  writeJson,
  writeLine,
  type Invocation,
} from './command.ts'
import { sentenceOf } from './entry-sentence.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError, failureOf } from './failure.ts'

type Options = {
  readonly key?: readonly string[]
  readonly atLeast: number
  readonly json?: true
}

export function define(command: Command, invocation: Invocation): void {
  command
    .description(
      'Say what a proof proves: that a log holds an entry, or that its origin told two histories. Needs no node and no\n' +
        'configuration, only the verifier keys you trust: the origin’s, and those of nodes that should hold the log too\n' +
        '(the fourth part of their cards). Ends with 0 when it is proved, 1 when it is not, 2 when it is no proof at all.',
    )
    .argument('<file>', 'the proof, or - for standard input')
    .option('-k, --key <vkey>', 'a verifier key; repeat for several', collect)
    .option(
      '--at-least <number>',
      'not proved unless this many other nodes, whose keys you gave, signed the same head',
      wholeNumber(0, 1_000),
      0,
    )
    .option('--json', 'print JSON')
    .action((file: string, options: Options) => check(file, options, invocation))
  withExamples(command, [
    'mycelid log check-proof alice.tlog-proof --key paris.id.example.org+5e0c…+AVb…',
    'mycelid log check-proof alice.tlog-proof -k paris… -k lyon… -k oslo… --at-least 2 --json',
  ])
}

async function check(file: string, options: Options, invocation: Invocation): Promise<void> {
  const keys = (options.key ?? []).map(keyOf)
  const text = await read(file, invocation)
  const told = text.startsWith(forkProofMagic)
    ? tellFork(checkForkProof(readable(text, parseForkProof), keys))
    : tellEntry(readable(text, parseEntryProof), keys, options.atLeast)
  if (!told.isProved) invocation.finish(exitCodes.failed)
  if (options.json === true) {
    return writeJson(invocation, { proved: told.isProved, ...told.facts, why: told.doubts })
  }
  const verdict = told.isProved
    ? paint(invocation.terminal, 'green', 'PROVED')
    : paint(invocation.terminal, 'red', 'NOT PROVED')
  writeLine(invocation, `${verdict}  ${printable(told.claim)}`)
  for (const line of [...told.doubts, ...told.remarks])
    writeLine(invocation, `  ${printable(line)}`)
}

/** What is said of a proof. `claim` is what it would prove, `doubts` why it does not. */
type Told = {
  readonly isProved: boolean
  readonly claim: string
  readonly doubts: readonly string[]
  readonly remarks: readonly string[]
  readonly facts: object
}

function keyOf(text: string): VerifierKey {
  const key = parseProofKey(text)
  if (key !== null) return key
  throw new CommandError(
    `expected a verifier key, <name>+<8 hex digits>+<base64>, got "${printable(text)}"`,
    exitCodes.usage,
  )
}

async function read(file: string, { terminal }: Invocation): Promise<string> {
  try {
    if (file === '-') return await terminal.readInput(entryProofBytesMax)
    const bytes = readFileSync(file)
    if (bytes.length <= entryProofBytesMax) return bytes.toString('utf8')
  } catch (error) {
    const { message } = failureOf(error)
    throw new CommandError(`no proof could be read: ${message}`, exitCodes.usage, { cause: error })
  }
  throw new CommandError(
    `${file}: no proof is longer than ${entryProofBytesMax} bytes`,
    exitCodes.usage,
  )
}

function readable<T>(text: string, parse: (text: string) => T): T {
  try {
    return parse(text)
  } catch (error) {
    if (isRefusal(error)) throw new CommandError(error.message, exitCodes.usage, { cause: error })
    throw error
  }
}

function tellEntry(proof: EntryProof, keys: readonly VerifierKey[], atLeast: number): Told {
  const verdict = checkEntryProof(proof, keys)
  const { checkpoint, cosigners, unknown } = verdict
  const { log, size } = checkpoint
  const doubts = doubtsOfEntry(proof, verdict, atLeast)
  const isProved = doubts.length === 0
  const entry = proof.entry === null ? null : entryOf(proof.entry)
  const facts = {
    type: 'entry',
    log,
    index: proof.index,
    size,
    root: Buffer.from(checkpoint.root).toString('base64'),
    included: verdict.isIncluded,
    signed: verdict.isSigned,
    cosigners: cosigners.map(({ name, timeS }) => ({ name, at: isoTime(timeS * 1_000) })),
    unknownSigners: unknown,
    entry: proof.entry === null ? null : Buffer.from(proof.entry).toString('utf8'),
  }
  const claim = `line ${proof.index} of ${log}, at ${size} lines, is: ${wordsOf(proof, entry)}`
  return { isProved, claim, doubts, remarks: remarksOf(verdict, entry), facts }
}

function doubtsOfEntry(
  { entry }: EntryProof,
  { checkpoint, isIncluded, isSigned, cosigners }: EntryVerdict,
  atLeast: number,
): string[] {
  const doubts: string[] = []
  if (entry === null)
    doubts.push('the proof does not bring the entry, so there is nothing to look for')
  else if (!isIncluded) doubts.push('the entry does not lead to the root the checkpoint states')
  if (isSigned === null)
    doubts.push(`nobody’s signature was checked: give the key of ${checkpoint.log} with --key`)
  if (isSigned === false) doubts.push('the checkpoint is not signed by the key given for this log')
  if (cosigners.length < atLeast)
    doubts.push(`${cosigners.length} other nodes signed this head, ${atLeast} were asked for`)
  return doubts
}

function wordsOf({ entry: bytes }: EntryProof, entry: Entry | null): string {
  if (bytes === null) return 'not told'
  return entry === null ? Buffer.from(bytes).toString('utf8') : sentenceOf(entry)
}

/** Null for what is no entry of ours: the log may be another kind of log. */
function entryOf(bytes: Uint8Array): Entry | null {
  try {
    return parseEntry(Buffer.from(bytes).toString('utf8'), bytes.length)
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

function remarksOf(verdict: EntryVerdict, entry: Entry | null): string[] {
  const remarks: string[] = []
  if (entry !== null) remarks.push(`its log stamped it ${isoTime(msOfStamp(entry.stamp))}`)
  if (verdict.cosigners.length > 0)
    remarks.push(`held too, and signed, by ${verdict.cosigners.map(cosignerWords).join(', ')}`)
  if (verdict.unknown.length > 0)
    remarks.push(`signatures that no key given confirms: ${verdict.unknown.join(', ')}`)
  if (entry?.kind === 'bind' || entry?.kind === 'unbind')
    remarks.push('whether a later entry says otherwise is not for a proof of this one to say')
  return remarks
}

function cosignerWords({ name, timeS }: Cosigner): string {
  return `${name} (${isoTime(timeS * 1_000)})`
}

function tellFork({ log, first, second, isContradiction, isSigned }: ForkVerdict): Told {
  const doubts: string[] = []
  if (!isContradiction) doubts.push('both heads may be of one history')
  if (isSigned === null)
    doubts.push(`nobody’s signature was checked: give the key of ${log} with --key`)
  if (isSigned === false) doubts.push('the key given for this log did not sign both heads')
  const heads = [first, second].map(({ size, root }) => ({
    size,
    root: Buffer.from(root).toString('base64'),
  }))
  const [one, other] = [`${first.size} lines`, `${second.size} lines`]
  return {
    isProved: doubts.length === 0,
    claim: `${log} has two histories: whoever holds its key signed a head of ${one} and one of ${other} that cannot both be true`,
    doubts,
    remarks:
      doubts.length > 0
        ? []
        : [
            'believe neither further than both agree; a copied data folder or a stolen key is the usual cause',
          ],
    facts: { type: 'fork', log, heads, contradiction: isContradiction, signed: isSigned },
  }
}
