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
      'Bind an address or phone number to a Matrix ID: signed by this node, durable when the command ends, sent to its\n' +
        'peers at once. The proof that the person owns it is yours.',
    )
    .argument('<medium>', 'email or msisdn')
    .argument('<address>', 'the address, or the number as digits with country code')
    .argument('<mxid>', 'the Matrix ID, @user:server')
    .action((medium: string, address: string, mxid: string, options: ConfigOptions) =>
      bind({ medium, address, mxid }, options, invocation),
    )
  withExamples(command, [
    'mycelid 3pid bind --config node.yaml email alice@example.org @alice:example.org',
    'mycelid 3pid bind --config node.yaml msisdn 447700900123 @alice:example.org --json',
  ])
}

async function bind(pair: Pair, options: ConfigOptions, invocation: Invocation): Promise<void> {
  const config = configOf(options, invocation)
  const { answer, isRunning } = await withDesk(config, invocation, async (desk) => ({
    answer: await desk.call('3pid.bind', pair),
    isRunning: desk.isRunning,
  }))
  if (options.json === true) return writeJson(invocation, answer)
  const when = isRunning ? 'its peers hear of it now' : 'its peers hear of it when the node runs'
  writeLine(invocation, `bound ${pair.medium} ${pair.address} to ${pair.mxid}; ${when}`)
}
