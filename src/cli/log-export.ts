import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { parseNote } from '../domain/checkpoint.ts'
import { readChunk } from '../log/read-chunk.ts'
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
import { withStore } from './open-store.ts'

type Options = ConfigOptions & { readonly from: number; readonly output?: string }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Write a log as one chunk, the bytes peers send each other: its checkpoint and lines, each part proved against it.\n' +
        'Whoever has the origin’s verifier key can check it without this node (docs/protocol.md).',
    )
    .argument('[log]', 'log id; without it the logs that can be exported are listed')
    .option('--from <index>', 'first line', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option('-o, --output <file>', 'write to this file (0600) instead of standard output')
    .action((log: string | undefined, options: Options) => exportLog(log, options, invocation))
  withExamples(command, [
    'mycelid log export --config node.yaml',
    'mycelid log export --config node.yaml paris.id.example.org/site~abcdefgh -o paris.ndjson',
  ])
}

async function exportLog(
  wanted: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const config = configOf(options, invocation)
  await withStore(config, async (storage) => {
    const logs = await storage.readLogs()
    if (wanted === undefined) return list(logs, options, invocation)
    const found = logs.find(({ log }) => log === wanted)
    if (found === undefined)
      throw new CommandError(`this node holds no log ${wanted}`, exitCodes.failed)
    const size = parseNote(found.note)?.checkpoint.size ?? 0
    const to = Math.min(size, found.blankAt ?? size)
    if (size === 0 || options.from > to) {
      throw new CommandError(`${wanted} can be exported up to line ${to}`, exitCodes.failed)
    }
    const chunk = readChunk(storage, { log: wanted, from: options.from, to, note: found.note })
    if (options.output === undefined) {
      for await (const piece of chunk)
        invocation.terminal.write(Buffer.from(piece).toString('utf8'))
      return
    }
    await pipeline(chunk, createWriteStream(options.output, { mode: 0o600 }))
    remark(invocation, `wrote lines ${options.from} to ${to - 1} of ${wanted} to ${options.output}`)
  })
}

function list(
  logs: readonly { readonly log: string; readonly size: number; readonly note: string }[],
  options: Options,
  invocation: Invocation,
): void {
  const shown = logs.map(({ log, size, note }) => ({
    log,
    size,
    checkpoint: parseNote(note)?.checkpoint.size ?? 0,
  }))
  if (options.json === true) return writeJson(invocation, shown)
  for (const { log, checkpoint } of shown) invocation.terminal.write(`${log} ${checkpoint}\n`)
}
