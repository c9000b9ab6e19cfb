import type { Command } from 'commander'
import { loadKeys } from '../config/key-files.ts'
import { formatCard } from '../domain/card.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { configOf } from './node-config.ts'
import { ownCard } from './own-card.ts'

type Options = ConfigOptions & { readonly url?: string }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Print the card of this node: one line with its name, URL, mesh key and TLS pin. It holds nothing secret, but ' +
        'must reach the peer unaltered: whoever exchanges it can pose as this node.',
    )
    .option('--url <url>', 'URL peers reach it by, instead of mesh.url; - for none')
    .action((options: Options) => {
      const config = configOf(options, invocation)
      const card = ownCard(config, loadKeys(config), options.url)
      if (options.json === true) writeJson(invocation, { ...card, line: formatCard(card) })
      else writeLine(invocation, formatCard(card))
    })
  withExamples(command, [
    'mycelid mesh card --config paris.yaml',
    'mycelid mesh pair --config lyon.yaml --sibling "$(mycelid mesh card --config paris.yaml)"',
  ])
}
