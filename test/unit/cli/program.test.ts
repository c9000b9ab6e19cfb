import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandRows } from '../../../src/cli/commands.ts'
import { run } from '../../../src/cli/program.ts'
import type { Terminal } from '../../../src/platform/terminal.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-cli-'))
  writeFileSync(join(folder, 'good.yaml'), 'node: { name: paris.id.example.org }\n')
  writeFileSync(join(folder, 'bad.yaml'), 'node: { name: paris.id.example.org, nmae: x }\n')
})

afterAll(() => rmSync(folder, { recursive: true }))

async function type(line: string, environment: Record<string, string> = {}) {
  const told = { out: '', err: '' }
  const terminal: Terminal = {
    write: (text) => void (told.out += text),
    writeError: (text) => void (told.err += text),
    isTty: false,
    isErrorTty: false,
    columns: 80,
    readInput: () => Promise.resolve(''),
    environment,
    folder,
  }
  const clock = {
    wallMs: () => 0,
    monoMs: () => 0,
    setTimer: () => ({ cancel: () => {} }),
    sleep: () => Promise.resolve(),
  }
  const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 }
  const words = line === '' ? [] : line.split(' ')
  const code = await run(words, { terminal, clock, random })
  return { code, ...told }
}

test('every command explains itself with an example, and none twice', async () => {
  const names = commandRows.map(({ words }) => words.join(' '))
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) {
    const { code, out } = await type(`${name} --help`)
    expect(code, name).toBe(0)
    expect(out, name).toMatch(/Examples:\n {2}\S/)
    expect(out, name).toContain('--json')
    expect((await type(`help ${name}`)).out, name).toBe(out)
  }
})

test('the help names the exit codes', async () => {
  const { code, out } = await type('--help')
  expect(code).toBe(0)
  expect(out).toMatch(/Exit codes:\n {2}0 {2}done\n/)
})

test('wrong usage ends with 2 and a suggestion', async () => {
  expect(await type('mesh piar')).toMatchObject({
    code: 2,
    err: expect.stringContaining('pair') as string,
  })
  expect((await type('mesh card --jsn')).code).toBe(2)
  expect((await type('mesh')).code).toBe(2)
  expect((await type('')).code).toBe(2)
})

test('without a configuration a command says how to give one', async () => {
  const { code, err } = await type('config check')
  expect(code).toBe(2)
  expect(err).toMatch(/--config node\.yaml, or set MYCELID_CONFIG/)
  expect((await type('config check', { MYCELID_CONFIG: 'good.yaml' })).code).toBe(0)
})

test('config check ends with 0 on a good configuration and with 2 on a bad one', async () => {
  expect(await type('config check --config good.yaml')).toEqual({
    code: 0,
    out: 'the configuration is good\n',
    err: '',
  })
  const bad = await type('config check --config bad.yaml')
  expect(bad.code).toBe(2)
  expect(bad.err).toBe(
    'problem: bad.yaml:1:37: node.nmae: unknown key (did you mean "node.name"?)\n',
  )
  const json = await type('config check --config bad.yaml --json')
  expect(json.code).toBe(2)
  expect(JSON.parse(json.out)).toMatchObject({
    ok: false,
    problems: [{ key: 'node.nmae', place: 'bad.yaml:1:37', suggestion: 'node.name' }],
  })
})

test('config check shows skipped rows of peers.json as warnings', async () => {
  writeFileSync(join(folder, 'peers.json'), '{"peers": [{"name": "x"}]}')
  const { code, err } = await type('config check --config good.yaml', {
    MYCELID_MESH__PEERS_FILE: './peers.json',
  })
  expect(code).toBe(0)
  expect(err).toMatch(/warning: mesh\.peers_file: peers\[0\] \(x\): skipped: keys: is missing/)
})

test('every other command refuses a bad configuration, in JSON where asked', async () => {
  const { code, out, err } = await type('keys show --config bad.yaml --json')
  expect(code).toBe(2)
  expect(out).toBe('')
  expect(JSON.parse(err)).toMatchObject({
    error: { code: 'config', problems: [expect.any(String)] },
  })
})

test('keys that are not there are all named, with what makes them', async () => {
  const { code, err } = await type('mesh card --config good.yaml')
  expect(code).toBe(2)
  for (const file of ['matrix.key', 'mesh.key', 'tls.key', 'site.secret']) {
    expect(err).toContain(`data/${file} does not exist; run: mycelid init`)
  }
})

test('options of mesh pair that contradict each other are wrong usage', async () => {
  for (const options of [
    '',
    '--sibling --partner acme',
    '--sibling --rank 1',
    '--partner acme',
    '--partner site --rank 1',
    '--partner acme --rank 0',
    '--partner acme --rank 1 --accept mail:*',
    '--partner acme --rank 1 --secret-file x',
  ]) {
    const { code, err } = await type(`mesh pair --config good.yaml a-card ${options}`.trim())
    expect(code, options).toBe(2)
    expect(err, options).toMatch(/^mycelid: /)
  }
})
