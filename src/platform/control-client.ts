import { existsSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { reachablePath, writeMessage } from './control-wire.ts'
import { LineReader } from './line-reader.ts'

/** The command's end of the control socket; the protocol stands in control-socket.ts. */

/** An answer that was a "no" of the node. */
export class ControlRefusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'ControlRefusal'
    this.code = code
  }
}

/** No answer: `isRunning` tells a node that is not there from one that went away or does not follow the protocol. */
export class ControlFault extends Error {
  readonly isRunning: boolean

  constructor(message: string, isRunning: boolean, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ControlFault'
    this.isRunning = isRunning
  }
}

/** Asks a running node. Items go to `onItem` in order; resolves to the end of the answer. */
export async function callControl(wanted: {
  readonly path: string
  readonly name: string
  readonly args: unknown
  readonly lineBytesMax: number
  readonly onItem?: (item: unknown) => void | Promise<void>
  readonly signal?: AbortSignal
}): Promise<unknown> {
  const connection = await connectControl(wanted.path, wanted.lineBytesMax, wanted.signal)
  try {
    return await connection.call(wanted.name, wanted.args, wanted.onItem)
  } finally {
    connection.close()
  }
}

/** One request at a time; the next one only after the answer has ended. */
export type ControlConnection = {
  call(
    name: string,
    args: unknown,
    onItem?: (item: unknown) => void | Promise<void>,
  ): Promise<unknown>
  close(): void
}

export async function connectControl(
  path: string,
  lineBytesMax: number,
  signal?: AbortSignal,
): Promise<ControlConnection> {
  if (!existsSync(path)) throw new ControlFault(`no node is running (${path})`, false)
  const socket = await open(path)
  const leave = (): void => void socket.destroy()
  signal?.addEventListener('abort', leave, { once: true })
  if (signal?.aborted === true) leave()
  const lines = new LineReader(socket, lineBytesMax)
  return {
    call: (name, args, onItem) => ask(socket, lines, { name, args, onItem }),
    close: () => {
      signal?.removeEventListener('abort', leave)
      socket.destroy()
    },
  }
}

async function ask(
  socket: Socket,
  lines: LineReader,
  request: {
    readonly name: string
    readonly args: unknown
    readonly onItem: ((item: unknown) => void | Promise<void>) | undefined
  },
): Promise<unknown> {
  const { name, args, onItem } = request
  await writeMessage(socket, { name, args })
  for (;;) {
    const answer = await readAnswer(lines)
    if ('end' in answer) return answer['end']
    if ('error' in answer) {
      const { code, message } = answer['error'] as { code: unknown; message: unknown }
      throw new ControlRefusal(String(code), String(message))
    }
    await onItem?.(answer['item'])
  }
}

async function readAnswer(lines: LineReader): Promise<Record<string, unknown>> {
  let line: string | null
  try {
    line = await lines.next()
  } catch (error) {
    throw new ControlFault('the node went away in the middle of its answer', true, { cause: error })
  }
  if (line === null) throw new ControlFault('the node ended before it had answered', true)
  return JSON.parse(line) as Record<string, unknown>
}

async function open(path: string): Promise<Socket> {
  const address = reachablePath(path)
  try {
    return await new Promise<Socket>((resolve, reject) => {
      const socket = connect(address.path)
      socket.once('connect', () => resolve(socket))
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const isAbsent = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
        const message = isAbsent
          ? `no node is running (${path})`
          : `the node's control socket ${path} cannot be opened (${error.code ?? error.message})`
        reject(new ControlFault(message, !isAbsent, { cause: error }))
      })
    })
  } finally {
    address.close()
  }
}
