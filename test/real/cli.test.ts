import { execFile, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStorage } from '../../src/storage/index.ts'

const main = join(import.meta.dirname, '../../dist/main.js')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-cli-'))
  for (const name of ['paris', 'lyon']) writeFileSync(join(folder, `${name}.yaml`), configOf(name))
})

afterEach(() => rmSync(folder, { recursive: true }))

function configOf(name: string): string {
  return `node: { name: ${name}.id.example.org, data_dir: ./${name}, server_name: id.example.org }\nlisten: { mesh: { host: 127.0.0.1 } }\n`
}

type Ended = { readonly code: number; readonly out: string; readonly err: string }

function mycelid(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], { cwd: folder }, (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err })
    })
    child.stdin?.end()
  })
}

async function mustDo(...words: string[]): Promise<string> {
  const { code, out, err } = await mycelid(...words)
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}

function filesIn(name: string): Record<string, string> {
  const kept = ['matrix.key', 'mesh.key', 'tls.key', 'tls.crt', 'site.secret']
  return Object.fromEntries(
    kept.map((file) => [file, readFileSync(join(folder, name, file), 'utf8')]),
  )
}

async function pepperOf(name: string): Promise<string | null> {
  const file = join(folder, name, 'mycelid.db')
  const storage = await openStorage({ engine: 'sqlite', file, access: 'read' })
  try {
    return await storage.readPepper()
  } finally {
    await storage.close()
  }
}

test('init makes a node of which only its owner can read the secrets, and says so', async () => {
  const told = JSON.parse(await mustDo('init', '--config', 'paris.yaml', '--json')) as {
    made: { what: string }[]
    card: string
  }
  expect(told.made.map(({ what }) => what)).toEqual([
    'data folder',
    'Matrix key',
    'mesh key',
    'TLS key',
    'TLS certificate',
    'site secret',
    'database',
  ])
  expect(told.card).toMatch(/^mycelid1 paris\.id\.example\.org https:\/\/127\.0\.0\.1:8449 /)
  expect(statSync(join(folder, 'paris')).mode & 0o777).toBe(0o700)
  for (const file of readdirSync(join(folder, 'paris'))) {
    const mode = statSync(join(folder, 'paris', file)).mode & 0o777
    expect(mode, file).toBe(file === 'tls.crt' ? 0o644 : 0o600)
  }
  expect(await pepperOf('paris')).toMatch(/^[0-9a-f]{32}$/)
})

test('init run again keeps everything, and fills in what was lost', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  const before = filesIn('paris')
  const pepper = await pepperOf('paris')
  const again = JSON.parse(await mustDo('init', '--config', 'paris.yaml', '--json')) as {
    made: unknown[]
  }
  expect(again.made).toEqual([])
  expect(filesIn('paris')).toEqual(before)
  rmSync(join(folder, 'paris/mycelid.db'))
  await mustDo('init', '--config', 'paris.yaml')
  expect(filesIn('paris')).toEqual(before)
  expect(await pepperOf('paris')).toBe(pepper)
})

test('a data folder is not taken over by a node of another name', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  const config = configOf('lyon').replace('./lyon', './paris') + 'mesh: {}\n'
  writeFileSync(
    join(folder, 'thief.yaml'),
    config.replace('server_name', 'key_id: "ed25519:paris", server_name'),
  )
  const { code, err } = await mycelid('init', '--config', 'thief.yaml')
  expect(code).toBe(2)
  expect(err).toMatch(
    /is the key of paris\.id\.example\.org, but node\.name is lyon\.id\.example\.org/,
  )
})

test('keys that others can read are refused with the command that helps', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  chmodSync(join(folder, 'paris/mesh.key'), 0o644)
  const { code, err } = await mycelid('mesh', 'card', '--config', 'paris.yaml')
  expect(code).toBe(2)
  expect(err).toContain(`run: chmod 600 ${join(folder, 'paris/mesh.key')}`)
})

test('keys show tells public halves and not one secret', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  const out = await mustDo('keys', 'show', '--config', 'paris.yaml', '--json')
  const keys = JSON.parse(out) as {
    mesh_key: string
    tls: { pin: string }
    matrix_keys: { key_id: string }[]
  }
  const card = (await mustDo('mesh', 'card', '--config', 'paris.yaml')).trim().split(' ')
  expect([keys.mesh_key, keys.tls.pin]).toEqual(card.slice(3))
  expect(keys.matrix_keys).toMatchObject([{ key_id: 'ed25519:paris', signs: true }])
  const seeds =
    Object.values(filesIn('paris'))
      .join()
      .match(/(?<="seed": ")[^"]+/g) ?? []
  expect(seeds).toHaveLength(2)
  for (const seed of seeds) expect(out).not.toContain(seed.replace(/=+$/, ''))
})

test('two nodes pair by their cards and share the site secret and pepper from the start', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  await mustDo('init', '--config', 'lyon.yaml', '--site-secret-file', 'paris/site.secret')
  expect(filesIn('lyon')['site.secret']).toBe(filesIn('paris')['site.secret'])
  expect(await pepperOf('lyon')).toBe(await pepperOf('paris'))
  const card = (await mustDo('mesh', 'card', '--config', 'paris.yaml')).trim()
  const told = await mustDo(
    'mesh',
    'pair',
    '--config',
    'lyon.yaml',
    '--sibling',
    card,
    '--url',
    'https://10.0.0.1:1',
  )
  expect(told).toMatch(/paris\.id\.example\.org added as sibling/)
  const peers = JSON.parse(
    await mustDo('mesh', 'peers', '--config', 'lyon.yaml', '--json'),
  ) as unknown
  expect(peers).toMatchObject({
    peers: [{ name: 'paris.id.example.org', url: 'https://10.0.0.1:1', role: { type: 'sibling' } }],
    problems: [],
  })
  const again = await mustDo(
    'mesh',
    'pair',
    '--config',
    'lyon.yaml',
    '--sibling',
    card,
    '--url',
    'https://10.0.0.1:1',
  )
  expect(again).toMatch(/was there already/)
})

test('pairing takes the site secret over from a file, keeps the former one, and the pepper follows', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  await mustDo('init', '--config', 'lyon.yaml')
  const former = filesIn('lyon')['site.secret']
  const card = (await mustDo('mesh', 'card', '--config', 'paris.yaml')).trim()
  const pair = [
    'mesh',
    'pair',
    '--config',
    'lyon.yaml',
    '--sibling',
    '--secret-file',
    'paris/site.secret',
    card,
  ]
  const told = JSON.parse(await mustDo(...pair, '--json')) as { secret: { formerFile: string } }
  expect(told).toMatchObject({
    change: 'added',
    reloaded: false,
    secret: { change: 'taken', isPepperOwn: false },
  })
  expect(readFileSync(told.secret.formerFile, 'utf8')).toBe(former)
  expect(filesIn('lyon')['site.secret']).toBe(filesIn('paris')['site.secret'])
  expect(await pepperOf('lyon')).toBe(await pepperOf('paris'))
})

test('our own card, and one that claims our name, are refused', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  await mustDo('init', '--config', 'lyon.yaml')
  const own = (await mustDo('mesh', 'card', '--config', 'paris.yaml')).trim()
  expect(await mycelid('mesh', 'pair', '--config', 'paris.yaml', '--sibling', own)).toMatchObject({
    code: 2,
  })
  rmSync(join(folder, 'lyon'), { recursive: true })
  writeFileSync(join(folder, 'lyon.yaml'), configOf('lyon').replace('lyon.id', 'paris.id'))
  await mustDo('init', '--config', 'lyon.yaml')
  const claimed = (await mustDo('mesh', 'card', '--config', 'lyon.yaml')).trim()
  const ended = await mycelid('mesh', 'pair', '--config', 'paris.yaml', '--sibling', claimed)
  expect(ended).toMatchObject({
    code: 1,
    err: expect.stringContaining('claims our own name') as string,
  })
  expect(existsSync(join(folder, 'paris/peers.json'))).toBe(false)
})

test('the lock of a data folder goes with its holder, however that ends', async () => {
  await mustDo('init', '--config', 'paris.yaml')
  rmSync(join(folder, 'paris/site.secret'))
  const script = `
    import { takeDataLock } from ${JSON.stringify(join(main, '../platform/data-lock.js'))}
    takeDataLock(${JSON.stringify(join(folder, 'paris'))})
    console.log('held')
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((resolve) => holder.once('exit', resolve))
  try {
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    const { code, err } = await mycelid('init', '--config', 'paris.yaml')
    expect(code).toBe(4)
    expect(err).toContain(`is in use by process ${holder.pid}`)
  } finally {
    holder.kill('SIGKILL')
    await gone
  }
  await mustDo('init', '--config', 'paris.yaml')
  expect(existsSync(join(folder, 'paris/site.secret'))).toBe(true)
})
