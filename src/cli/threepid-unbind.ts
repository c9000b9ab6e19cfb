import type { Command } from 'commander'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { withDesk } from './desk.ts'
import { configOf } from './node-config.ts'

type Pair = { readonly medium: string; readonly address: string; readonly mxid: string }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'End a binding. Every node that holds it stops answering it once the line arrives.',
    )
    .argument('<medium>', 'email or msisdn')
    .argument('<address>', 'the address, or the number as digits with country code')
    .argument('<mxid>', 'the Matrix ID, @user:server')
    .action((medium: string, address: string, mxid: string, options: ConfigOptions) =>
      unbind({ medium, address, mxid }, options, invocation),
    )
  withExamples(command, [
    'mycelid 3pid unbind --config node.yaml email alice@example.org @alice:example.org',
    'mycelid 3pid unbind --config node.yaml msisdn 447700900123 @alice:example.org --json',
  ])
}

async function unbind(pair: Pair, options: ConfigOptions, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const { answer, isRunning } = await withDesk(config, invocation, async (desk) => ({
    answer: await desk.call('3pid.unbind', pair),
    isRunning: desk.isRunning,
  }))
  if (options.json === true) return writeJson(invocation, answer)
  const when = isRunning ? 'its peers hear of it now' : 'its peers hear of it when the node runs'
  writeLine(invocation, `unbound ${pair.medium} ${pair.address} from ${pair.mxid}; ${when}`)
}
