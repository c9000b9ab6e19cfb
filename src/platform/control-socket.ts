import { chmodSync, closeSync, existsSync, openSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { LineReader } from './line-reader.ts'

/**
 * How commands talk to a running node: a unix socket only the node's user may open. Both ends send lines of JSON. A
 * request is `{"name", "args"}`; its answer is any number of `{"item"}` and then one `{"end"}` or `{"error": {"code",
 * "message"}}`. A connection carries one request after another.
 */

export type ControlBounds = {
  /** Bytes of one request or one item. */
  readonly lineBytesMax: number
  /** Commands served at once. */
  readonly connectionsMax: number
}

export type ControlRequest = {
  /** From another process of the same user: still unknown until read. */
  readonly args: unknown
  /** Sends one item of a long answer; resolves once the other end has taken it. */
  readonly send: (item: unknown) => Promise<void>
  /** Aborts when the other end has gone away. */
  readonly signal: AbortSignal
}

/** Answers a request; what it resolves to is the end of the answer. What it throws is told by its code and message. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>

export type ControlServer = { stop(): Promise<void> }

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

/**
 * Listens at the path, mode 0600. Call it only while holding the lock of the folder: a socket found there is then
 * what a crash left behind, and is removed. `onFault` hears of what a handler threw that bears no code.
 */
export async function startControlSocket(wanted: {
  readonly path: string
  readonly handlers: Readonly<Record<string, ControlHandler>>
  readonly bounds: ControlBounds
  readonly onFault: (name: string, error: unknown) => void
}): Promise<ControlServer> {
  const { path } = wanted
  if (existsSync(path)) unlinkSync(path)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    void serve(socket, wanted)
  })
  server.maxConnections = wanted.bounds.connectionsMax
  const address = reachablePath(path)
  try {
    await listen(server, address.path)
  } catch (error) {
    address.close()
    throw error
  }
  chmodSync(path, 0o600)
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    address.close()
  }
  return { stop }
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
  await write(socket, { name, args })
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

async function serve(
  socket: Socket,
  { handlers, bounds, onFault }: Parameters<typeof startControlSocket>[0],
): Promise<void> {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  const lines = new LineReader(socket, bounds.lineBytesMax)
  try {
    for (let line = await lines.next(); line !== null; line = await lines.next()) {
      await write(socket, await answerTo(line, { socket, handlers, onFault, signal: gone.signal }))
    }
    socket.end()
  } catch {
    // The other end went away, or sent a line beyond the bound: nobody is left to be told.
    socket.destroy()
  }
}

async function answerTo(
  line: string,
  {
    socket,
    handlers,
    onFault,
    signal,
  }: {
    readonly socket: Socket
    readonly handlers: Readonly<Record<string, ControlHandler>>
    readonly onFault: (name: string, error: unknown) => void
    readonly signal: AbortSignal
  },
): Promise<object> {
  const request = parseRequest(line)
  if (request === null) return refused('request-malformed', 'expected {"name", "args"} on one line')
  const handler = Object.hasOwn(handlers, request.name) ? handlers[request.name] : undefined
  if (handler === undefined) {
    return refused('request-unknown', `this node knows no request "${request.name}"`)
  }
  try {
    const send = (item: unknown): Promise<void> => write(socket, { item })
    return { end: (await handler({ args: request.args, send, signal })) ?? null }
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      return refused(error.code, error.message)
    }
    onFault(request.name, error)
    return refused('fault', 'the node met a fault; its log says more')
  }
}

function refused(code: string, message: string): object {
  return { error: { code, message } }
}

function parseRequest(line: string): { name: string; args: unknown } | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || !('name' in value)) return null
    if (typeof value.name !== 'string') return null
    return { name: value.name, args: 'args' in value ? value.args : null }
  } catch {
    return null
  }
}

async function write(socket: Socket, message: object): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(`${JSON.stringify(message)}\n`, (error) => {
      if (error === undefined || error === null) resolve()
      else reject(error)
    })
  })
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // The socket is made inside this call: with this mask nobody else can open it before chmod.
    // A worker thread may not set it; the folder's own mode and chmod stand there alone.
    const mask = isMainThread ? process.umask(0o177) : null
    try {
      server.listen(path, resolve)
    } finally {
      if (mask !== null) process.umask(mask)
    }
  })
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

/** What sockaddr_un holds on the narrowest system, less the closing zero. */
const socketPathBytesMax = 103

/** A name of the path that is short enough for a socket: a deep folder is reached through its descriptor. */
function reachablePath(path: string): { readonly path: string; close(): void } {
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
