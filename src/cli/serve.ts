import type { Command } from 'commander'
import { spawnWriterThread } from '../log/writer-worker.ts'
import { withConfig, withExamples, type ConfigOptions, type Invocation } from './command.ts'

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Run the node in the foreground: the public Matrix API, the mesh and the admin listener. It logs JSON lines to ' +
        'stdout. SIGTERM and SIGINT let requests in flight finish and end it within ten seconds; SIGHUP reads peers.json ' +
        'again. It never makes a key or a database: run "mycelid init" first.',
    )
    .action(async (options: ConfigOptions) => {
      // Begun first: both threads read their files at the same time, which is most of a start.
      const thread = spawnWriterThread()
      const { serve } = await import('./serve-node.ts')
      await serve(options, invocation, thread)
    })
  withExamples(command, [
    'mycelid serve --config node.yaml',
    'mycelid serve --config common.yaml --config paris.yaml',
  ])
}
