import type { Command } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import { loadPeers } from '../config/peers.ts'
import { ConfigError, formatOrigin, formatProblem, type ConfigProblem } from '../config/problem.ts'
import {
  remark,
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { loadedConfigOf } from './node-config.ts'

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Check the configuration: every problem with its place, and what has no effect. ' +
        'Exit code 0 when it can be used (warnings allowed), 2 when it cannot.',
    )
    .action((options: ConfigOptions) => check(options, invocation))
  withExamples(command, [
    'mycelid config check --config node.yaml',
    'mycelid config check --config base.yaml --config paris.yaml --json',
  ])
}

function check(options: ConfigOptions, invocation: Invocation): void {
  const { problems, warnings } = findings(options, invocation)
  if (problems.length > 0) invocation.finish(exitCodes.usage)
  if (options.json === true) {
    const ok = problems.length === 0
    writeJson(invocation, { ok, problems: problems.map(shown), warnings: warnings.map(shown) })
    return
  }
  for (const problem of problems) remark(invocation, `problem: ${formatProblem(problem)}`)
  for (const warning of warnings) remark(invocation, `warning: ${formatProblem(warning)}`)
  writeLine(invocation, verdict(problems.length, warnings.length))
}

type Findings = {
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
}

function findings(options: ConfigOptions, invocation: Invocation): Findings {
  try {
    const loaded = loadedConfigOf(options, invocation)
    return { problems: loaded.missing, warnings: [...loaded.warnings, ...peerWarnings(loaded)] }
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, warnings: [] }
    throw error
  }
}

function peerWarnings({ config }: LoadedConfig): ConfigProblem[] {
  const arePinsNeeded = config.mesh.tls.mode === 'pinned'
  const read = loadPeers(config.mesh.peersFile, config.node.name, { arePinsNeeded })
  const skipped = read.problems.map(({ row, message }) => `${row}: skipped: ${message}`)
  const idle = read.warnings.map(({ row, message }) => `${row}: ${message}`)
  return [...skipped, ...idle].map((message) => ({
    origin: { type: 'default' },
    key: 'mesh.peers_file',
    message,
    suggestion: null,
  }))
}

function shown(problem: ConfigProblem): object {
  const { origin, key, message, suggestion } = problem
  return { key, message, suggestion, place: formatOrigin(origin) }
}

function verdict(problems: number, warnings: number): string {
  const noted = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`
  return problems === 0
    ? `the configuration is good${noted}`
    : `${counted(problems, 'problem')}${noted}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
