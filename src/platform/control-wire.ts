import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { basename, dirname } from 'node:path'

/** One line of JSON; resolves once it has left, so that a slow reader holds up the writer. */
export async function writeMessage(socket: Socket, message: object): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(`${JSON.stringify(message)}\n`, (error) => {
      if (error === undefined || error === null) resolve()
      else reject(error)
    })
  })
}

/** What sockaddr_un holds on the narrowest system, less the closing zero. */
const socketPathBytesMax = 103

/** A name of the path that is short enough for a socket: a deep folder is reached through its descriptor. */
export function reachablePath(path: string): { readonly path: string; close(): void } {
  if (Buffer.byteLength(path) <= socketPathBytesMax) return { path, close: () => {} }
  if (process.platform !== 'linux') {
    throw new Error(
      `${path} is too long for a socket: ${socketPathBytesMax} bytes at most on this system`,
    )
  }
  const folder = openSync(dirname(path), 'r')
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    close: () => closeSync(folder),
  }
}
