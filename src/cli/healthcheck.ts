import { request } from 'node:http'
import type { Command } from 'commander'
import { healthcheckMaxMs } from '../domain/limits.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { configOf } from './node-config.ts'

type Options = ConfigOptions & { readonly live?: true }

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Ask the admin listener of this configuration whether the node is ready, for containers and scripts.\n' +
        'Ends with 0 when it is, with 1 when it is not, with 3 when nothing answers.',
    )
    .option('--live', 'ask only whether it runs, not whether it should get traffic')
    .action((options: Options) => check(options, invocation))
  withExamples(command, [
    'mycelid healthcheck --config node.yaml',
    'mycelid healthcheck --config node.yaml --live',
  ])
}

async function check(options: Options, invocation: Invocation): Promise<void> {
  const { host, port } = configOf(options, invocation).listen.admin
  const path = options.live === true ? '/health/live' : '/health/ready'
  const answer = await ask({ host: reachable(host), port, path })
  if (answer === null) invocation.finish(exitCodes.notRunning)
  else if (answer.status !== 200) invocation.finish(exitCodes.failed)
  if (options.json === true) return writeJson(invocation, answer ?? { status: null, text: '' })
  writeLine(invocation, answer === null ? 'nothing answers' : answer.text)
}

/** A listener on all addresses is asked on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function ask(options: {
  host: string
  port: number
  path: string
}): Promise<{ status: number; text: string } | null> {
  return new Promise((resolve) => {
    const call = request({ ...options, timeout: healthcheckMaxMs }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve(null))
    call.end()
  })
}
