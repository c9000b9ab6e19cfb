import { spawn } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { push } from './hand-made-log.ts'
import { bind, eventually, eventuallyFinds, find, mxidOf, statusOf } from './node-calls.ts'
import {
  mustDo,
  mycelid,
  siblingRow,
  TestMesh,
  writePeers,
  type TestNode,
} from './node-processes.ts'

const mesh = new TestMesh()
const main = join(import.meta.dirname, '../../dist/main.js')
afterAll(async () => expect(await mesh.end()).toEqual([]))

type Row = { kind: string; mxid: string; stamped: string; log: string; index: number }

async function lookup(node: TestNode, address: string): Promise<string | null> {
  const words = ['3pid', 'lookup', '--config', node.config, 'email', address, '--json']
  const { code, out } = await mycelid(...words)
  const { mxid } = JSON.parse(out) as { mxid: string | null }
  expect(code).toBe(mxid === null ? 1 : 0)
  return mxid
}

function bindWords(node: TestNode, what: 'bind' | 'unbind', address: string): string[] {
  return ['3pid', what, '--config', node.config, 'email', address, mxidOf(address)]
}

function rowsOf(label: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => mesh.address(`${label}${from + i}`))
}

describe('of a node that is down', () => {
  let paris: TestNode
  beforeAll(async () => {
    paris = await mesh.make('paris-down')
  })

  test('3pid bind and unbind write to its store, each in a log of its own run', async () => {
    const address = mesh.address('offline')
    const told = await mustDo(...bindWords(paris, 'bind', address))
    expect(told).toContain('when the node runs')
    expect(await lookup(paris, address)).toBe(mxidOf(address))
    await mustDo(...bindWords(paris, 'unbind', address))
    expect(await lookup(paris, address)).toBeNull()
    const words = ['3pid', 'lookup', '--config', paris.config, 'email', address]
    const { out } = await mycelid(...words, '--history', '--json')
    const { entries } = JSON.parse(out) as { entries: Row[] }
    expect(entries.map(({ kind }) => kind)).toEqual(['bind', 'unbind'])
    expect(new Set(entries.map(({ log }) => log)).size).toBe(2)
    const table = await mycelid(...words, '--history')
    expect(table.out).toMatch(/^not bound\nstamped +kind +mxid +log +index\n/)
    expect(table.out).toMatch(/ bind +@offline:example\.org +paris-down\S+ +1\n/)
  })

  test('what is no address, and what is no Matrix ID, is refused and nothing is written', async () => {
    const before = await mustDo('log', 'tail', '--config', paris.config)
    const words = ['3pid', 'bind', '--config', paris.config]
    const noAddress = await mycelid(...words, 'email', 'nobody', '@a:example.org')
    expect(noAddress).toMatchObject({ code: 1, out: '' })
    const noMxid = await mycelid(...words, 'email', mesh.address('x'), 'alice')
    expect(noMxid).toMatchObject({ code: 1, out: '' })
    expect(noMxid.err).toContain('mxid must be a Matrix user ID like @user:server')
    expect(await mustDo('log', 'tail', '--config', paris.config)).toBe(before)
  })

  test('healthcheck says 3, and mesh status 3', async () => {
    const check = await mycelid('healthcheck', '--config', paris.config)
    expect(check).toMatchObject({ code: 3, out: 'nothing answers\n' })
    const status = await mycelid('mesh', 'status', '--config', paris.config)
    expect(status.code).toBe(3)
  })
})

describe('of a node that runs', () => {
  let paris: TestNode
  let lyon: TestNode
  let log = ''
  const address = mesh.address('online')

  beforeAll(async () => {
    paris = await mesh.make('paris')
    lyon = await mesh.make('lyon', { secretOf: paris })
    writePeers(paris, [siblingRow(lyon.card)])
    writePeers(lyon, [{ ...siblingRow(paris.card), url: null }])
    await mesh.start(paris)
    await mustDo(...bindWords(paris, 'bind', address))
    log = (await statusOf(paris)).logs[0]?.log ?? ''
  })

  test('3pid bind and unbind go through it', async () => {
    const other = mesh.address('through')
    expect(await mustDo(...bindWords(paris, 'bind', other))).toContain('its peers hear of it now')
    expect((await find(paris, [other])).get(other)).toBe(mxidOf(other))
    expect(await lookup(paris, other.toUpperCase())).toBe(mxidOf(other))
    const told = await mustDo(...bindWords(paris, 'unbind', other), '--json')
    expect(JSON.parse(told)).toEqual({})
    expect((await find(paris, [other])).size).toBe(0)
    expect((await statusOf(paris)).logs).toHaveLength(1)
  })

  test('log tail shows lines as text and as JSON, and follows', async () => {
    const text = await mustDo('log', 'tail', '--config', paris.config, '--log', 'paris.id')
    expect(text).toMatch(/^\d{4}-\S+Z paris\.id\S+ 0 begin paris\.id\.example\.org for /)
    expect(text).toContain(` 1 bind email ${address} ${mxidOf(address)}\n`)
    const words = ['log', 'tail', '--config', paris.config]
    const json = await mustDo(...words, '--json', '-n', '1000')
    const lines = json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { log: string; index: number; entry: { k: string } })
    expect(lines.slice(0, 2)).toMatchObject([
      { log, index: 0, entry: { k: 'begin' } },
      { log, index: 1, entry: { k: 'bind' } },
    ])
    const child = spawn(process.execPath, [main, ...words, '--follow', '-n', '0'])
    let seen = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (seen += piece))
    try {
      const late = mesh.address('late')
      await eventually('the follower seeing what comes', async () => {
        await bind(paris, late)
        return seen.includes(` bind email ${late} `)
      })
      expect(seen).not.toContain(address)
    } finally {
      child.kill('SIGTERM')
    }
  })

  test('a reader that has seen enough ends a command without a word', async () => {
    const tail = `'${process.execPath}' '${main}' log tail --config '${paris.config}' -n 1000`
    await Promise.all(rowsOf('piped', 0, 300).map((each) => bind(paris, each)))
    const child = spawn('bash', ['-o', 'pipefail', '-c', `${tail} | true`])
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (err += piece))
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })

  test('log verify finds the logs sound, and a changed line at once', async () => {
    const sound = await mycelid('log', 'verify', '--config', paris.config)
    expect(sound.code).toBe(0)
    expect(sound.out).toMatch(new RegExp(`^sound +${log} +\\d+ lines\n`))
    const down = await mesh.make('spoilt')
    await mustDo(...bindWords(down, 'bind', mesh.address('spoilt')))
    const bytes = readFileSync(down.database)
    const place = bytes.indexOf('"k":"bind"')
    expect(place).toBeGreaterThan(0)
    bytes.write('"k":"bjnd"', place)
    writeFileSync(down.database, bytes)
    const broken = await mycelid('log', 'verify', '--config', down.config, '--json')
    expect(broken.code).toBe(1)
    expect(JSON.parse(broken.out)).toMatchObject({ ok: false })
    expect(broken.out).toContain('the lines do not make the stored root')
  })

  test('log export lists logs, and writes one as a chunk a peer takes', async () => {
    const listed = await mustDo('log', 'export', '--config', paris.config)
    expect(listed).toMatch(new RegExp(`^${log} \\d+\n$`))
    const file = join(mesh.folder, 'paris.ndjson')
    const words = ['log', 'export', '--config', paris.config, log]
    const told = await mycelid(...words, '-o', file)
    expect(told).toMatchObject({ code: 0, out: '' })
    expect(told.err).toMatch(/^wrote lines 0 to \d+ of /)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const chunk = readFileSync(file)
    expect(await mustDo(...words)).toBe(chunk.toString())
    await mesh.start(lyon)
    // Paris itself could have sent it: so it does, over its own connection.
    const reply = await push(paris, lyon, chunk)
    expect(reply?.status).toBe(200)
    await eventuallyFinds(lyon, [address])
    const unknown = await mycelid(
      'log',
      'export',
      '--config',
      paris.config,
      'x.example/site~aaaaaaaa',
    )
    expect(unknown).toMatchObject({ code: 1, out: '' })
    rmSync(file)
  })

  test('mesh status tells logs, peers and promises, as text and as JSON', async () => {
    await eventually('lyon having promised', async () =>
      (await mustDo('mesh', 'status', '--config', paris.config)).includes(
        'lyon.id.example.org: all',
      ),
    )
    const text = await mustDo('mesh', 'status', '--config', paris.config)
    expect(text).toMatch(/^paris\.id\.example\.org: ready; \d+ entries in the lookup index, /)
    expect(text).toMatch(/written now/)
    expect(text).toMatch(/lyon\.id\.example\.org +sibling +yes +0 +0 /)
    const json = JSON.parse(await mustDo('mesh', 'status', '--config', paris.config, '--json')) as {
      peers: { name: string; isReachable: boolean }[]
    }
    expect(json.peers).toMatchObject([{ name: lyon.name, isReachable: true }])
  })

  test('healthcheck says 0', async () => {
    const check = await mycelid('healthcheck', '--config', paris.config)
    expect(check.code).toBe(0)
    const json = await mycelid('healthcheck', '--config', paris.config, '--live', '--json')
    expect(json.code).toBe(0)
    expect(JSON.parse(json.out)).toMatchObject({ status: 200 })
  })
})
