import type { Worker } from 'node:worker_threads'
import { Registry, collectDefaultMetrics } from 'prom-client'
import { dataFiles } from '../config/data-files.ts'
import type { Config } from '../config/config.ts'
import { controlConnectionsMax, controlLineBytesMax, stopMaxMs } from '../domain/limits.ts'
import { createEvents } from '../events.ts'
import { startNode, type Node, type Outside as NodeOutside } from '../node.ts'
import { deskHandlers } from '../node/desk.ts'
import { startControlSocket, type ControlServer } from '../platform/control-socket.ts'
import { takeDataLock } from '../platform/data-lock.ts'
import { createLogger } from '../platform/logger.ts'
import { onSignals } from '../platform/signals.ts'
import { productVersion } from '../platform/version.ts'
import type { ConfigOptions, Invocation } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { loadedConfigOf } from './node-config.ts'

/** Runs the node until it is told to end, or breaks. `writerThread` is loading its files already. */
export async function serve(
  options: ConfigOptions,
  invocation: Invocation,
  writerThread: Worker,
): Promise<void> {
  const { config, warnings, missing } = loadedConfigOf(options, invocation)
  if (missing.length > 0) {
    throw new CommandError(missing.map(({ message }) => message).join('\n'), exitCodes.usage)
  }
  const logger = createLogger({ level: config.log.level })
  for (const { key, message } of warnings) logger.warn({ event: 'config-warning', key }, message)
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const outside: NodeOutside = {
    clock: invocation.clock,
    random: invocation.random,
    logger,
    registry,
    events: createEvents({ logger, registry }),
    writerThread,
  }
  const files = dataFiles(config)
  const lock = takeDataLock(files.folder)
  try {
    await run(config, outside, files.controlSocket, invocation)
  } finally {
    lock.release()
  }
}

async function run(
  config: Config,
  outside: NodeOutside,
  controlPath: string,
  invocation: Invocation,
): Promise<void> {
  const { events } = outside
  const signals = onSignals()
  const node = await startNode(config, outside)
  const control = await startControl(node, outside, controlPath)
  events.started({
    node: config.node.name,
    version: productVersion(),
    listeners: node.ports,
  })
  signals.onReload(() => {
    reload(node, outside)
    node.reloadTls()
  })
  const reason = await Promise.race([
    signals.ended,
    node.broken.then((why) => `the writer stopped: ${why}`),
  ])
  const isBroken = !signals.hasEnded
  events.stopping(reason)
  // Whatever hangs: the process ends in time, and what was acknowledged is on disk already.
  const cut = outside.clock.setTimer(stopMaxMs, () => signals.exitNow(exitCodes.failed))
  await control.stop()
  await node.stop()
  cut.cancel()
  events.stopped()
  if (isBroken) invocation.finish(exitCodes.failed)
}

function startControl(node: Node, outside: NodeOutside, path: string): Promise<ControlServer> {
  return startControlSocket({
    path,
    bounds: { lineBytesMax: controlLineBytesMax, connectionsMax: controlConnectionsMax },
    onFault: (name, error) =>
      outside.events.taskFailed({ task: `control ${name}`, peer: null, willRetry: false, error }),
    handlers: {
      ...deskHandlers(node),
      ping: async () => ({}),
      status: () => node.status(),
      'peers.reload': async () => ({ problems: reload(node, outside) }),
    },
  })
}

function reload(node: Node, { events }: NodeOutside): readonly { row: string; message: string }[] {
  const { peers, problems } = node.reloadPeers()
  for (const problem of problems) events.peerRowSkipped(problem)
  events.peersRead({ peers, skipped: problems.length })
  return problems
}
