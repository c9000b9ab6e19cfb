import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import type { Command } from 'commander'
import { importBatchRows, importBadLinesShown, importLineBytesMax } from '../domain/limits.ts'
import { isMxid } from '../domain/mxid.ts'
import { isRefusal } from '../domain/refusal.ts'
import { canonicalThreepid } from '../domain/threepid.ts'
import { createProgress, type Progress } from '../platform/progress.ts'
import {
  remark,
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { parseCsvLine } from './csv.ts'
import { withDesk, type DeskCaller } from './desk.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { configOf } from './node-config.ts'
import { withStore } from './open-store.ts'

type Options = ConfigOptions & {
  readonly via?: string
  readonly dryRun?: true
  readonly fromStart?: true
}

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Bind every row of a CSV file: medium,address,mxid; a first line of these words is skipped. Rows that cannot be\n' +
        'bound are reported with their line numbers and skipped; the command then ends with 1. An import that was cut off\n' +
        'goes on where it was when it is run again with the same file.',
    )
    .argument('<file>', 'the CSV file, UTF-8')
    .option(
      '--via <name>',
      'mark the bindings as somebody else’s word of this name: they rank below our own',
    )
    .option('--dry-run', 'only check the rows')
    .option(
      '--from-start',
      'begin at the first line even if an earlier import of this file was cut off',
    )
    .action((file: string, options: Options) => importCsv(file, options, invocation))
  withExamples(command, [
    'mycelid import csv --config node.yaml people.csv --dry-run',
    'mycelid import csv --config node.yaml people.csv',
    'mycelid import csv --config node.yaml old-server.csv --via old-server --json',
  ])
}

type Row = { readonly medium: string; readonly address: string; readonly mxid: string }
type BadLine = { readonly line: number; readonly problem: string }
type Report = { bound: number; skipped: number; badLines: BadLine[]; resumedAtLine: number }

async function importCsv(file: string, options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const bytesTotal = sizeOf(file)
  const mark = `import ${await identityOf(file)} ${options.via ?? ''}`
  const kept = await withStore(config, (storage) => storage.readMeta(mark))
  const isWhole = options.fromStart === true || options.dryRun === true
  const resumed = kept === null || isWhole ? 0 : Number(kept)
  if (resumed > 0)
    remark(invocation, `going on after line ${resumed}, where an earlier import ended`)
  const { terminal, clock } = invocation
  const progress = createProgress({
    label: 'importing',
    unit: 'bytes',
    total: bytesTotal,
    isTty: terminal.isErrorTty,
    write: terminal.writeError,
    monoMs: clock.monoMs,
  })
  const report: Report = { bound: 0, skipped: 0, badLines: [], resumedAtLine: resumed }
  const read = { file, after: resumed, report, progress }
  if (options.dryRun === true) await feed(read, async () => {})
  else
    await withDesk(config, invocation, (desk) =>
      feed(read, (rows, line) => send(desk, rows, { mark, line, via: options.via ?? null })),
    )
  progress.end()
  tell(report, options, invocation)
}

function sizeOf(file: string): number {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) throw new CommandError(`${file}: no such file`, exitCodes.usage)
  if (!stat.isFile()) throw new CommandError(`${file} is not a file`, exitCodes.usage)
  return stat.size
}

/** The same file again is the same content, wherever it lies. */
async function identityOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  return hash.digest('hex').slice(0, 32)
}

async function send(
  desk: DeskCaller,
  rows: readonly Row[],
  { mark, line, via }: { mark: string; line: number; via: string | null },
): Promise<void> {
  await desk.call('import.rows', { rows, via, mark: { name: mark, value: String(line) } })
}

/** Reads rows in batches; while one batch is being made durable the next is read. */
async function feed(
  {
    file,
    after,
    report,
    progress,
  }: { file: string; after: number; report: Report; progress: Progress },
  bind: (rows: readonly Row[], line: number) => Promise<void>,
): Promise<void> {
  let rows: Row[] = []
  let under: Promise<void> = Promise.resolve()
  let lastLine = after
  const flush = async (): Promise<void> => {
    await under
    if (rows.length === 0) return
    const batch = rows
    rows = []
    under = bind(batch, lastLine).then(() => {
      report.bound += batch.length
    })
    under.catch(() => {})
  }
  for await (const { line, text, bytes } of linesOf(file)) {
    progress.update(bytes)
    if (line <= after) continue
    lastLine = line
    const row = readRow(text, line)
    if (row === null) continue
    if ('problem' in row) addBad(report, line, row.problem)
    else rows.push(row)
    if (rows.length >= importBatchRows) await flush()
  }
  await flush()
  await under
}

function addBad(report: Report, line: number, problem: string): void {
  report.skipped++
  if (report.badLines.length < importBadLinesShown) report.badLines.push({ line, problem })
}

/** Null for what is no row: an empty line, the heading. */
function readRow(text: string | null, line: number): Row | { problem: string } | null {
  if (text === null) return { problem: `longer than ${importLineBytesMax} bytes or not UTF-8` }
  const bare = text.endsWith('\r') ? text.slice(0, -1) : text
  if (bare.trim() === '') return null
  const fields = parseCsvLine(line === 1 ? bare.replace(/^\ufeff/, '') : bare)
  if (fields?.length !== 3) return { problem: 'expected three fields: medium,address,mxid' }
  const [medium = '', address = '', mxid = ''] = fields
  if (line === 1 && medium === 'medium' && address === 'address') return null
  if (!isMxid(mxid)) return { problem: 'the third field is no Matrix ID like @user:server' }
  try {
    return { ...canonicalThreepid(medium, address), mxid }
  } catch (error) {
    if (!isRefusal(error)) throw error
    return { problem: error.message }
  }
}

/** Lines with their numbers and the bytes read so far; a text that is null was too long or no UTF-8. */
async function* linesOf(
  file: string,
): AsyncGenerator<{ line: number; text: string | null; bytes: number }> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let held: Buffer = Buffer.alloc(0)
  let isTooLong = false
  let line = 0
  let bytes = 0
  const textOf = (piece: Buffer): string | null => {
    if (isTooLong || piece.length > importLineBytesMax) return null
    try {
      return decoder.decode(piece)
    } catch {
      return null
    }
  }
  for await (const piece of createReadStream(file)) {
    held = Buffer.concat([held, piece as Buffer])
    let start = 0
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10, start)) {
      bytes += end + 1 - start
      yield { line: ++line, text: textOf(held.subarray(start, end)), bytes }
      isTooLong = false
      start = end + 1
    }
    held = held.subarray(start)
    if (held.length > importLineBytesMax) {
      isTooLong = true
      bytes += held.length
      held = Buffer.alloc(0)
    }
  }
  if (held.length > 0 || isTooLong)
    yield { line: ++line, text: textOf(held), bytes: bytes + held.length }
}

function tell(report: Report, options: Options, invocation: Invocation): void {
  if (report.skipped > 0) invocation.finish(exitCodes.failed)
  const isDryRun = options.dryRun === true
  if (options.json === true) return writeJson(invocation, { dryRun: isDryRun, ...report })
  for (const { line, problem } of report.badLines)
    remark(invocation, `line ${line}: skipped: ${problem}`)
  const untold = report.skipped - report.badLines.length
  if (untold > 0) remark(invocation, `and ${untold} more lines`)
  const done = isDryRun ? 'could be bound' : 'bound'
  writeLine(invocation, `${report.bound} rows ${done}, ${report.skipped} skipped`)
}
