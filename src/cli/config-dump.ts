import type { Command } from 'commander'
import { dumpConfig, formatDump } from '../config/dump.ts'
import { formatOrigin } from '../config/problem.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { loadedConfigOf } from './node-config.ts'

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Print the effective configuration as YAML, each value with its origin: default, file:line:column, or the ' +
        'variable of the environment. Secrets are masked.',
    )
    .action((options: ConfigOptions) => {
      const { tree, origins } = loadedConfigOf(options, invocation)
      const values = dumpConfig(tree, origins)
      if (options.json !== true) {
        writeLine(invocation, formatDump(values))
        return
      }
      writeJson(
        invocation,
        values.map(({ key, value, origin }) => ({ key, value, origin: formatOrigin(origin) })),
      )
    })
  withExamples(command, [
    'mycelid config dump --config node.yaml',
    'MYCELID_LOG__LEVEL=debug mycelid config dump --config node.yaml --json',
  ])
}
