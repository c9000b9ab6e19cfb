import { delimiter } from 'node:path'
import type { Config } from '../config/config.ts'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import type { ConfigOptions, Outside } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'

/** The configuration a command was given, by `--config` or MYCELID_CONFIG. */
export function configOf(options: ConfigOptions, outside: Pick<Outside, 'terminal'>): Config {
  return loadedConfigOf(options, outside).config
}

export function loadedConfigOf(
  { config }: ConfigOptions,
  { terminal }: Pick<Outside, 'terminal'>,
): LoadedConfig {
  const fallback = terminal.environment['MYCELID_CONFIG'] ?? ''
  const files = config ?? fallback.split(delimiter).filter((file) => file !== '')
  if (files.length === 0) {
    throw new CommandError(
      'which node? give its configuration with --config node.yaml, or set MYCELID_CONFIG',
      exitCodes.usage,
    )
  }
  return loadConfig({ files, environment: terminal.environment, folder: terminal.folder })
}
