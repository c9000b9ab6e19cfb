import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { callControl, connectControl } from '../../../src/platform/control-client.ts'
import {
  startControlSocket,
  type ControlHandler,
  type ControlServer,
} from '../../../src/platform/control-socket.ts'

let folder = ''
let server: ControlServer | null = null
const faults: unknown[] = []
const lineBytesMax = 4096

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-control-'))
  faults.length = 0
})

afterEach(async () => {
  await server?.stop()
  server = null
  rmSync(folder, { recursive: true })
})

async function start(
  handlers: Record<string, ControlHandler>,
  path = join(folder, 'control.sock'),
): Promise<string> {
  const bounds = { lineBytesMax, connectionsMax: 4 }
  server = await startControlSocket({
    path,
    handlers,
    bounds,
    onFault: (_, error) => faults.push(error),
  })
  return path
}

function call(
  path: string,
  name: string,
  args: unknown = null,
  onItem?: (item: unknown) => void,
): Promise<unknown> {
  return callControl({ path, name, args, lineBytesMax, ...(onItem && { onItem }) })
}

test('a request is answered, with its items in order before its end', async () => {
  const path = await start({
    count: async ({ args, send }) => {
      for (let i = 0; i < (args as number); i++) await send({ i })
      return 'done'
    },
  })
  const items: unknown[] = []
  await expect(call(path, 'count', 3, (item) => items.push(item))).resolves.toBe('done')
  expect(items).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }])
})

test('the socket belongs to its owner alone', async () => {
  const path = await start({})
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a no of the node arrives with its code, a fault without its message', async () => {
  const path = await start({
    no: () => Promise.reject(Object.assign(new Error('not that'), { code: 'threepid-invalid' })),
    broken: () => Promise.reject(new Error('secret inside')),
  })
  await expect(call(path, 'no')).rejects.toMatchObject({
    code: 'threepid-invalid',
    message: 'not that',
  })
  await expect(call(path, 'broken')).rejects.toMatchObject({
    code: 'fault',
    message: expect.not.stringContaining('secret') as string,
  })
  expect(faults).toHaveLength(1)
  await expect(call(path, 'constructor')).rejects.toMatchObject({ code: 'request-unknown' })
})

test('one connection carries one request after another', async () => {
  const path = await start({ echo: ({ args }) => Promise.resolve(args) })
  const connection = await connectControl(path, lineBytesMax)
  for (const word of ['a', 'b', 'c']) expect(await connection.call('echo', word)).toBe(word)
  connection.close()
})

test('where no node runs the caller is told so', async () => {
  const path = join(folder, 'control.sock')
  await expect(call(path, 'echo')).rejects.toMatchObject({ name: 'ControlFault', isRunning: false })
})

test('a socket left behind by a crash does not keep a node from starting', async () => {
  const path = join(folder, 'control.sock')
  writeFileSync(path, '')
  await expect(call(path, 'echo')).rejects.toMatchObject({ isRunning: false })
  await start({ echo: ({ args }) => Promise.resolve(args) })
  await expect(call(path, 'echo', 1)).resolves.toBe(1)
})

test.runIf(process.platform === 'linux')(
  'a data folder deeper than a socket path may be works all the same',
  async () => {
    const deep = join(folder, ...Array<string>(12).fill('a-folder-name'))
    mkdirSync(deep, { recursive: true })
    const path = await start(
      { echo: ({ args }) => Promise.resolve(args) },
      join(deep, 'control.sock'),
    )
    await expect(call(path, 'echo', 1)).resolves.toBe(1)
    await server?.stop()
    await expect(call(path, 'echo', 1)).rejects.toMatchObject({ isRunning: false })
  },
)

test('a line beyond the bound closes the connection, and the node goes on', async () => {
  const path = await start({ echo: ({ args }) => Promise.resolve(args) })
  await expect(call(path, 'echo', 'x'.repeat(lineBytesMax))).rejects.toMatchObject({
    name: 'ControlFault',
  })
  await expect(call(path, 'echo', 'x')).resolves.toBe('x')
})

test('what is no request is answered as such', async () => {
  const path = await start({})
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(path)
    socket.once('data', (bytes) => resolve(bytes.toString()))
    socket.write('{"nam\n')
  })
  expect(JSON.parse(answer)).toMatchObject({ error: { code: 'request-malformed' } })
})

test('a handler hears that its caller has gone', async () => {
  let hear = (): void => {}
  const heard = new Promise<void>((resolve) => {
    hear = resolve
  })
  const path = await start({
    follow: ({ signal, send }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          hear()
          resolve(null)
        })
        void send('first')
      }),
  })
  const leaving = new AbortController()
  const calling = callControl({
    path,
    name: 'follow',
    args: null,
    lineBytesMax,
    onItem: () => leaving.abort(),
    signal: leaving.signal,
  })
  await expect(calling).rejects.toMatchObject({ name: 'ControlFault' })
  await heard
})
