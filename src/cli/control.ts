import { controlLineBytesMax } from '../domain/limits.ts'
import { callControl, ControlFault } from '../platform/control-client.ts'
import { dataFiles } from '../config/data-files.ts'
import type { Config } from '../config/config.ts'

/** Asks the running node of this configuration. Throws ControlFault when there is none, ControlRefusal on its "no". */
export async function askNode(
  config: Pick<Config, 'node' | 'mesh' | 'site'>,
  name: string,
  args: unknown,
  onItem?: (item: unknown) => void | Promise<void>,
): Promise<unknown> {
  const path = dataFiles(config).controlSocket
  const lineBytesMax = controlLineBytesMax
  return await callControl({ path, name, args, lineBytesMax, ...(onItem && { onItem }) })
}

/** The same, null when no node is running. */
export async function askNodeIfRunning(
  config: Pick<Config, 'node' | 'mesh' | 'site'>,
  name: string,
  args: unknown,
): Promise<{ readonly answer: unknown } | null> {
  try {
    return { answer: await askNode(config, name, args) }
  } catch (error) {
    if (error instanceof ControlFault && !error.isRunning) return null
    throw error
  }
}
