import type { Command } from 'commander'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import type { Terminal } from '../platform/terminal.ts'
import { CommandError } from './failure.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'

/** Everything beyond the process a command may touch. */
export type Outside = {
  readonly terminal: Terminal
  readonly clock: Clock
  readonly random: Random
}

/** What a command is run with; `finish` sets how it ends when that is not 0. */
export type Invocation = Outside & { finish(code: ExitCode): void }

/** A command's file: it gives the command its options, help and action. */
export type CommandModule = {
  define(command: Command, invocation: Invocation): void
}

/** Options every command has that reads the configuration. */
export type ConfigOptions = { readonly config?: readonly string[]; readonly json?: true }

export function withConfig(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'configuration file; repeat for several, later ones win (or set MYCELID_CONFIG)',
      collect,
    )
    .option('--json', 'print JSON')
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  ${example}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** For options that may be repeated. */
export function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value]
}

/** A whole number within bounds; what else is wrong usage. */
export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,16}$/.test(text) && value >= from && value <= to) return value
    throw new CommandError(
      `expected a whole number from ${from} to ${to}, got "${text}"`,
      exitCodes.usage,
    )
  }
}

export function writeJson({ terminal }: Pick<Outside, 'terminal'>, value: unknown): void {
  terminal.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function writeLine({ terminal }: Pick<Outside, 'terminal'>, text: string): void {
  terminal.write(`${text}\n`)
}

/** A remark beside the answer: to stderr, so that the answer can be piped. */
export function remark({ terminal }: Pick<Outside, 'terminal'>, text: string): void {
  terminal.writeError(`${text}\n`)
}
