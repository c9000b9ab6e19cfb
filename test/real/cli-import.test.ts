import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { eventually, find, mxidOf, statusOf } from './node-calls.ts'
import { mustDo, mycelid, TestMesh, type TestNode } from './node-processes.ts'

const mesh = new TestMesh()
const main = join(import.meta.dirname, '../../dist/main.js')
afterAll(async () => expect(await mesh.end()).toEqual([]))

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

describe('import csv', () => {
  const csvOf = (addresses: readonly string[]): string =>
    addresses.map((address) => `email,${address},${mxidOf(address)}\n`).join('')

  test('binds good lines, skips bad ones and says which', async () => {
    const paris = await mesh.make('importer')
    const file = join(mesh.folder, 'people.csv')
    const good = rowsOf('csv', 0, 3)
    const [first = '', second = '', third = ''] = good
    const bad = mesh.address('bad')
    const text = [
      '\ufeffmedium,address,mxid',
      `email,${first},${mxidOf(first)}`,
      `email,${bad}`,
      '',
      `"email","${second}","${mxidOf(second)}"\r`,
      `email,${bad},nobody`,
      `pigeon,${bad},@a:example.org`,
      `email,${'x'.repeat(5_000)}@people.example,@a:example.org`,
      `email,nobody,@a:example.org`,
      `"email,${bad},@a:example.org`,
      `email,${third.toUpperCase()},${mxidOf(third)}`,
    ].join('\n')
    const bytes = Buffer.concat([
      Buffer.from(text),
      Buffer.from('\nemail,\xff@x.example,@a:b.c', 'latin1'),
    ])
    writeFileSync(file, bytes)
    const dry = await mycelid(
      'import',
      'csv',
      '--config',
      paris.config,
      file,
      '--dry-run',
      '--json',
    )
    expect(dry.code).toBe(1)
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, bound: 3, skipped: 7 })
    expect(await lookup(paris, first)).toBeNull()
    const { code, out } = await mycelid('import', 'csv', '--config', paris.config, file, '--json')
    expect(code).toBe(1)
    const report = JSON.parse(out) as {
      bound: number
      skipped: number
      badLines: { line: number }[]
    }
    expect(report.bound).toBe(3)
    expect(report.skipped).toBe(7)
    expect(report.badLines.map(({ line }) => line)).toEqual([3, 6, 7, 8, 9, 10, 12])
    for (const address of good) expect(await lookup(paris, address)).toBe(mxidOf(address))
    const text2 = await mycelid('import', 'csv', '--config', paris.config, file, '--from-start')
    expect(text2.out).toBe('3 rows bound, 7 skipped\n')
    expect(text2.err).toContain(
      'line 6: skipped: the third field is no Matrix ID like @user:server',
    )
  })

  test('killed in the middle it goes on where it was, and every row is bound in the end', async () => {
    const paris = await mesh.make('resumer')
    await mesh.start(paris)
    const addresses = rowsOf('many', 0, 30_000)
    const file = join(mesh.folder, 'many.csv')
    writeFileSync(file, csvOf(addresses))
    const words = ['import', 'csv', '--config', paris.config, file]
    const child = spawn(process.execPath, [main, ...words], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await eventually('some of it being bound', async () => {
      const { logs } = await statusOf(paris)
      return logs.some(({ size }) => size > 3_000) || child.exitCode !== null
    })
    child.kill('SIGKILL')
    await ended
    expect(child.signalCode).toBe('SIGKILL')
    const { code, out, err } = await mycelid(...words, '--json')
    expect(code).toBe(0)
    const report = JSON.parse(out) as { bound: number; resumedAtLine: number }
    expect(report.resumedAtLine).toBeGreaterThanOrEqual(1_000)
    expect(report.bound).toBe(30_000 - report.resumedAtLine)
    expect(err).toContain(`going on after line ${report.resumedAtLine}`)
    expect((await find(paris, addresses)).size).toBe(30_000)
    const dry = await mycelid(...words, '--dry-run')
    expect(dry.out).toBe('30000 rows could be bound, 0 skipped\n')
    const again = await mycelid(...words, '--json')
    expect(JSON.parse(again.out)).toMatchObject({ bound: 0, skipped: 0, resumedAtLine: 30_000 })
  })

  test('rows marked as somebody else’s word rank below our own', async () => {
    const paris = await mesh.make('marker')
    const [ours = '', theirs = ''] = rowsOf('via', 0, 2)
    await mustDo(...bindWords(paris, 'bind', ours))
    const file = join(mesh.folder, 'via.csv')
    writeFileSync(file, [ours, theirs].map((a) => `email,${a},@old:example.org\n`).join(''))
    await mustDo('import', 'csv', '--config', paris.config, file, '--via', 'old-server')
    expect(await lookup(paris, ours)).toBe(mxidOf(ours))
    expect(await lookup(paris, theirs)).toBe('@old:example.org')
  })

  test('a file that is not there is wrong usage', async () => {
    const paris = await mesh.make('nofile')
    const missing = await mycelid('import', 'csv', '--config', paris.config, '/nowhere.csv')
    expect(missing).toMatchObject({ code: 2, out: '' })
    expect(missing.err).toContain('/nowhere.csv: no such file')
  })
})
