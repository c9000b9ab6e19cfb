import type { Command } from 'commander'
import { resolve } from 'node:path'
import { loadKeys, readSiteSecret } from '../config/key-files.ts'
import { formatCard } from '../domain/card.ts'
import {
  remark,
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { makeNode } from './make-node.ts'
import { configOf } from './node-config.ts'
import { ownCard } from './own-card.ts'

type Options = ConfigOptions & { readonly siteSecretFile?: string }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Make what the node needs before it can serve: data folder, keys, TLS certificate, site secret, pepper and ' +
        'database. What is there is left alone, so it may be run again; nothing is ever overwritten.',
    )
    .option(
      '--site-secret-file <file>',
      "start with a sibling's site secret (0600) instead of a new one",
    )
    .action((options: Options) => init(options, invocation))
  withExamples(command, [
    'mycelid init --config paris.yaml',
    'mycelid init --config lyon.yaml --site-secret-file ../paris/data/site.secret',
  ])
}

async function init(options: Options, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const { terminal } = invocation
  const given = options.siteSecretFile
  const siteSecret = given === undefined ? null : readSiteSecret(resolve(terminal.folder, given))
  const { made, kept, warnings } = await makeNode({ config, siteSecret, ...invocation })
  const line = formatCard(ownCard(config, loadKeys(config)))
  if (options.json === true) {
    writeJson(invocation, { node: config.node.name, made, kept, warnings, card: line })
    return
  }
  for (const warning of warnings) remark(invocation, `warning: ${warning}`)
  for (const thing of made) writeLine(invocation, `made  ${thing.what}: ${thing.path}`)
  for (const thing of kept) writeLine(invocation, `kept  ${thing.what}: ${thing.path}`)
  writeLine(invocation, `\nThe card of ${config.node.name}, for its peers:\n  ${line}`)
}
