import { chmodSync, existsSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { reachablePath, writeMessage } from './control-wire.ts'
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
  let stopped: Promise<void> | null = null
  const stop = (): Promise<void> => {
    stopped ??= end()
    return stopped
  }
  const end = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    address.close()
  }
  return { stop }
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
      await writeMessage(
        socket,
        await answerTo(line, { socket, handlers, onFault, signal: gone.signal }),
      )
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
    const send = (item: unknown): Promise<void> => writeMessage(socket, { item })
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
