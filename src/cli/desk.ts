import { Registry } from 'prom-client'
import type { Config } from '../config/config.ts'
import { dataFiles } from '../config/data-files.ts'
import { createEvents } from '../events.ts'
import { deskHandlers } from '../node/desk.ts'
import { openDesk } from '../node/offline.ts'
import { takeDataLock } from '../platform/data-lock.ts'
import { createLogger } from '../platform/logger.ts'
import type { Invocation } from './command.ts'
import { askNodeIfRunning } from './control.ts'

/** Performs one writing request after another: by the running node, or on its store when the node is down. */
export type DeskCaller = {
  readonly isRunning: boolean
  call(name: string, args: unknown): Promise<unknown>
}

/**
 * Every writing command goes through the running node's control socket, or takes the folder's lock itself when the
 * node is down: there is never a second writer (DESIGN 2.8).
 */
export async function withDesk<T>(
  config: Config,
  { clock, random }: Invocation,
  work: (desk: DeskCaller) => Promise<T>,
): Promise<T> {
  const running = await askNodeIfRunning(config, 'ping', null)
  if (running !== null) {
    const call = async (name: string, args: unknown): Promise<unknown> => {
      const answered = await askNodeIfRunning(config, name, args)
      if (answered === null) throw new Error('the node ended while it was being asked')
      return answered.answer
    }
    return work({ isRunning: true, call })
  }
  const lock = takeDataLock(dataFiles(config).folder)
  try {
    const logger = createLogger({ level: 'silent' })
    const registry = new Registry()
    const events = createEvents({ logger, registry })
    const desk = await openDesk(config, { clock, random, logger, registry, events })
    try {
      const handlers = deskHandlers(desk)
      const ports = { send: async () => {}, signal: new AbortController().signal }
      return await work({
        isRunning: false,
        call: async (name, args) => {
          const handler = handlers[name]
          if (handler === undefined) throw new Error(`no request ${name}`)
          return handler({ args, ...ports })
        },
      })
    } finally {
      await desk.close()
    }
  } finally {
    lock.release()
  }
}
