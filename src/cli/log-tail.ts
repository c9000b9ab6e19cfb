import type { Command } from 'commander'
import { parseEntry } from '../domain/entry.ts'
import { segmentBytesMax } from '../domain/limits.ts'
import { msOfStamp } from '../domain/stamp.ts'
import { isoTime } from '../platform/clock.ts'
import { printable } from '../platform/terminal.ts'
import type { Storage, StoredLine, StoredLog } from '../storage/storage.ts'
import {
  wholeNumber,
  withConfig,
  withExamples,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { sentenceOf } from './entry-sentence.ts'
import { configOf } from './node-config.ts'
import { withStore } from './open-store.ts'

type Options = ConfigOptions & {
  readonly log?: string
  readonly lines: number
  readonly follow?: true
}

const followEveryMs = 250

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Print the newest lines of the logs this node holds: one line of text per entry, with --json the exact lines.\n' +
        'They name people: mind who reads over your shoulder.',
    )
    .option('--log <log>', 'only logs whose id begins with this')
    .option(
      '-n, --lines <number>',
      'newest lines of each log to begin with',
      wholeNumber(0, 1_000_000),
      10,
    )
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .action((options: Options) => tail(options, invocation))
  withExamples(command, [
    'mycelid log tail --config node.yaml',
    'mycelid log tail --config node.yaml --log paris.id.example.org/ --follow',
    'mycelid log tail --config node.yaml -n 1000 --json',
  ])
}

async function tail(options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  await withStore(config, async (storage) => {
    const next = new Map<string, number>()
    for (;;) {
      for (const log of await storage.readLogs()) {
        if (options.log !== undefined && !log.log.startsWith(options.log)) continue
        const from = next.get(log.log) ?? Math.max(0, log.size - options.lines)
        await print(storage, log, from, (line) =>
          writeLine(invocation, describe(log.log, line, options.json === true)),
        )
        next.set(log.log, log.size)
      }
      if (options.follow !== true) return
      await invocation.clock.sleep(followEveryMs)
    }
  })
}

async function print(
  storage: Storage,
  { log, size }: StoredLog,
  from: number,
  write: (line: StoredLine) => void,
): Promise<void> {
  for (let next = from; next < size;) {
    const lines = await storage.readLines({
      log,
      from: next,
      countMax: size - next,
      bytesMax: segmentBytesMax,
    })
    if (lines.length === 0) return
    lines.forEach(write)
    next += lines.length
  }
}

function describe(log: string, line: StoredLine, isJson: boolean): string {
  if (!('bytes' in line)) {
    const hash = Buffer.from(line.blankHash).toString('base64')
    return isJson
      ? JSON.stringify({ log, index: line.index, blank: hash })
      : `${log} ${line.index} blank`
  }
  const text = Buffer.from(line.bytes).toString('utf8')
  if (isJson) return JSON.stringify({ log, index: line.index, entry: JSON.parse(text) as unknown })
  const entry = parseEntry(text, line.bytes.length)
  return printable(`${isoTime(msOfStamp(entry.stamp))} ${log} ${line.index} ${sentenceOf(entry)}`)
}
