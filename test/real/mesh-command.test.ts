import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const script = join(root, 'scripts', 'mesh.mjs')
const environment = { ...process.env, NO_COLOR: '1' }
let dir = ''

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mycelid-mesh-'))
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function runOnce(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--once', '--dir', dir], {
    env: environment,
  })
  return stdout
}

/** The process column of the table of nodes. */
function pidsIn(output: string): number[] {
  const rows = output.matchAll(/^ {2}(?:paris|lyon|oslo) .* (\d+) +\S+$/gm)
  return [...rows].map((row) => Number(row[1]))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 15_000
  while (pids.some(isAlive)) {
    if (performance.now() > deadline)
      throw new Error(`still running: ${pids.filter(isAlive).join()}`)
    await pause(20)
  }
}

test('three nodes are made, paired and started; a binding made on one is found on all; none stays behind', async () => {
  const output = await runOnce()
  for (const node of ['paris', 'lyon', 'oslo']) expect(output).toContain(`✓ found on ${node}`)
  const pids = pidsIn(output)
  expect(pids).toHaveLength(3)
  expect(pids.filter(isAlive)).toEqual([])
}, 120_000)

test('the folder is used again, and a port taken meanwhile is replaced', async () => {
  const first = await runOnce()
  const taken = Number(/paris +http:\/\/127\.0\.0\.1:(\d+)/.exec(first)?.[1])
  const blocker = createServer().listen(taken, '127.0.0.1')
  await once(blocker, 'listening')
  try {
    const output = await runOnce()
    expect(output).toContain('used again')
    expect(output).toContain('✓ found on oslo')
    expect(output).not.toContain(`http://127.0.0.1:${taken} `)
  } finally {
    blocker.close()
  }
}, 180_000)

test('Ctrl-C ends all three, and so does the death of one', async () => {
  for (const disturb of ['interrupt', 'kill-a-node'] as const) {
    const command = spawn(process.execPath, [script, '--dir', dir], { env: environment })
    const ended = once(command, 'exit')
    let output = ''
    let complaint = ''
    command.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
    await new Promise<void>((resolve) => {
      command.stdout.on('data', (text: Buffer) => {
        output += text.toString()
        if (output.includes('Running.')) resolve()
      })
      command.stdout.once('end', resolve)
    })
    expect(output, complaint).toContain('Running.')
    const pids = pidsIn(output)
    expect(pids.filter(isAlive)).toHaveLength(3)
    if (disturb === 'interrupt') command.kill('SIGINT')
    else process.kill(pids[1] as number, 'SIGKILL')
    const [code] = (await ended) as [number | null]
    await untilGone(pids)
    expect(code).toBe(disturb === 'interrupt' ? 0 : 1)
    if (disturb === 'kill-a-node') expect(complaint).toContain('lyon ended (SIGKILL)')
  }
}, 180_000)

test('a folder that holds something else is left alone', async () => {
  const strange = join(dir, 'strange')
  await mkdir(strange)
  await writeFile(join(strange, 'thesis.txt'), 'years of work')
  const command = [script, '--once', '--fresh', '--dir', strange]
  const run = promisify(execFile)(process.execPath, command, { env: environment })
  await expect(run).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is not empty and holds no mesh'),
  })
  expect(await readdir(strange)).toEqual(['thesis.txt'])
})
