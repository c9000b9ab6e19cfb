import type { Command } from 'commander'
import { resolve } from 'node:path'
import { readSiteSecret } from '../config/key-files.ts'
import { parseSiteSecret, type SiteSecret } from '../config/site-secret.ts'
import { cardInputBytesMax } from '../domain/limits.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { configOf } from './node-config.ts'
import { changeSiteSecret, describeChange } from './site-secret-change.ts'

type Options = ConfigOptions & { readonly file?: string }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      "Take over a sibling's site secret, from standard input or a file (mode 0600). The node must be stopped. " +
        'The former secret is kept beside the new one; tokens given out under it no longer count.',
    )
    .option('--file <file>', 'read the secret from this file instead of standard input')
    .action(async (options: Options) => {
      const config = configOf(options, invocation)
      const secret = await givenSecret(options, invocation)
      const changed = await changeSiteSecret(config, secret)
      if (options.json === true) writeJson(invocation, changed)
      else writeLine(invocation, describeChange(changed).join('\n'))
    })
  withExamples(command, [
    'mycelid keys site-secret export --config paris.yaml | mycelid keys site-secret import --config lyon.yaml',
    'mycelid keys site-secret import --config lyon.yaml --file /media/stick/site.secret',
  ])
}

async function givenSecret({ file }: Options, { terminal }: Invocation): Promise<SiteSecret> {
  if (file !== undefined) return readSiteSecret(resolve(terminal.folder, file))
  const secret = parseSiteSecret(await terminal.readInput(cardInputBytesMax))
  if (secret !== null) return secret
  throw new CommandError(
    'expected a line as `mycelid keys site-secret export` prints it, on standard input',
    exitCodes.usage,
  )
}
