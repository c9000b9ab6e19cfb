import { Command, CommanderError } from 'commander'
import { productVersion } from '../platform/version.ts'
import { commandRows, groupSummaries, type CommandRow } from './commands.ts'
import type { Outside } from './command.ts'
import { exitCodeHelp, exitCodes, type ExitCode } from './exit-codes.ts'
import { failureOf, type Failure } from './failure.ts'

/** Runs one command line (without node and script) and answers how the process ends. Never throws. */
export async function run(argv: readonly string[], outside: Outside): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok
  const finish = (code: ExitCode): void => {
    exitCode = code
  }
  try {
    const program = makeProgram(outside)
    await addCommands(program, argv, { ...outside, finish })
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return endOfCommander(error)
    const failure = failureOf(error)
    report(failure, argv, outside)
    return failure.exitCode
  }
}

function makeProgram({ terminal }: Outside): Command {
  return new Command('mycelid')
    .description('A Matrix Identity Server whose nodes form a replicated, verifiable mesh')
    .version(productVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command...]', 'print help for a command')
    .showHelpAfterError('(add --help for more)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.writeError(text),
    })
    .addHelpText(
      'after',
      `
Examples:
  mycelid init --config node.yaml
  mycelid config check --config node.yaml
  mycelid mesh card --config node.yaml

${exitCodeHelp()}`,
    )
}

/** Only the module of the command that was named is loaded: a bare start stays quick. */
async function addCommands(
  program: Command,
  argv: readonly string[],
  invocation: Outside & { finish(code: ExitCode): void },
): Promise<void> {
  const words = argv.filter((word) => !word.startsWith('-'))
  const named = words[0] === 'help' ? words.slice(1) : words
  for (const row of commandRows) {
    const parent = row.words.slice(0, -1).reduce(groupIn, program)
    const command = parent.command(row.words.at(-1) ?? '').summary(row.summary)
    command.description(`${row.summary.charAt(0).toUpperCase()}${row.summary.slice(1)}.`)
    if (isNamed(row, named)) (await row.load()).define(command, invocation)
  }
  if (words[0] === 'help') explainInstead(program, named)
}

/** commander's own help command knows one level of commands; this one knows all. */
function explainInstead(program: Command, words: readonly string[]): void {
  let command = program
  for (const word of words) {
    command = command.commands.find((inner) => inner.name() === word) ?? command
  }
  command.outputHelp()
  throw new CommanderError(0, 'commander.helpDisplayed', '')
}

function groupIn(parent: Command, word: string): Command {
  const present = parent.commands.find((command) => command.name() === word)
  if (present !== undefined) return present
  const path = [...ancestors(parent), word].join(' ')
  const summary = groupSummaries[path] ?? ''
  return parent.command(word).description(summary).helpCommand(false)
}

function ancestors(command: Command): string[] {
  if (command.parent === null) return []
  return [...ancestors(command.parent), command.name()]
}

function isNamed({ words }: CommandRow, given: readonly string[]): boolean {
  return words.every((word, index) => given[index] === word)
}

/** commander has already written its message. */
function endOfCommander(error: CommanderError): ExitCode {
  const isAnswer = ['commander.helpDisplayed', 'commander.version'].includes(error.code)
  return isAnswer ? exitCodes.ok : exitCodes.usage
}

function report(
  { code, message, problems }: Failure,
  argv: readonly string[],
  outside: Outside,
): void {
  const { terminal } = outside
  if (argv.includes('--json')) {
    terminal.writeError(`${JSON.stringify({ error: { code, message, problems } })}\n`)
    return
  }
  for (const problem of problems) terminal.writeError(`mycelid: ${problem}\n`)
}
