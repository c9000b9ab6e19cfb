import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const script = join(root, 'scripts', 'mesh.mjs')
const environment = { ...process.env, NO_COLOR: '1' }
/** Of a machine where all are free; the README shows them. */
const defaultPorts = [8090, 8449, 8092, 8190, 8549, 8192, 8290, 8649, 8292, 8948, 1025, 8025]
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
  const rows = output.matchAll(/^ {2}(?:paris|lyon|oslo) .* (\d+)$/gm)
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

/** Starts it without an end, and resolves with what it said by the time it runs. */
async function startMesh(): Promise<{
  command: ChildProcess
  ended: Promise<unknown[]>
  output: string
  complaint: () => string
}> {
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
  return { command, ended, output, complaint: () => complaint }
}

/** The lines to paste, by step: a remark and what follows it. */
function stepsIn(output: string): string[] {
  const [, told = ''] = output.split('Try next')
  const lines = told.split('\n').filter((line) => line.startsWith('  '))
  const text = lines.map((line) => line.slice(2)).join('\n')
  return text.split(/^(?=# )/m).map((step) => step.trimEnd())
}

/** As a person reads: waits for the mail before the link is followed, and asks again until the answer is there. */
function patiently([register, ask, follow, bind, lookup, look]: string[], mails: string): string {
  const untilThere = (what: string, wanted: string): string =>
    `for i in $(seq 100); do out=$(${what}\n); case $out in *${wanted}*) break;; esac; sleep 0.1; done`
  return [
    ...[register, ask],
    untilThere(`curl -s ${mails}/mails.json | grep -o 'alice@example.org' | head -n 1`, 'alice'),
    ...[follow, bind, untilThere(lookup ?? '', '@alice'), 'echo "$out"', look],
  ].join('\n')
}

test('three nodes are made, paired and started; an address bound on one is found on all; none stays behind', async () => {
  const output = await runOnce()
  expect(output).toContain('✓ address proved by a mailed link')
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

test('the printed lines add an address on one node by the mailed link, and find it from another', async () => {
  const { command, ended, output } = await startMesh()
  try {
    const steps = stepsIn(output)
    expect(steps).toHaveLength(6)
    const mails = /mails +(http\S+)/.exec(output)?.[1] ?? ''
    const { ports } = JSON.parse(await readFile(join(dir, 'mesh.json'), 'utf8')) as {
      ports: number[]
    }
    const walked = await promisify(execFile)('sh', ['-euc', patiently(steps, mails)], { cwd: root })
    const [status, bound, found, ...looked] = walked.stdout.split('\n').filter(Boolean)
    const mxid = `@alice:127.0.0.1:${ports[9]}`
    expect(status).toBe('200')
    expect(JSON.parse(bound ?? '')).toMatchObject({ address: 'alice@example.org', mxid })
    expect(JSON.parse(found ?? '')).toEqual({ mappings: { 'alice@example.org email': mxid } })
    expect(looked.join('\n')).toContain('oslo.id.example.org')

    const readme = await readFile(join(root, 'README.md'), 'utf8')
    const walk = steps.slice(0, 5).join('\n\n')
    const asByDefault = ports.reduce(
      (text, port, index) => text.replaceAll(`:${port}`, `:${String(defaultPorts[index])}`),
      walk,
    )
    expect(readme).toContain(asByDefault)
  } finally {
    command.kill('SIGINT')
    await ended
  }
}, 180_000)

test('what it says fits a terminal of 80 columns', async () => {
  const wide = (await runOnce()).split('\n').filter((line) => line.length > 80)
  expect(wide.filter((line) => !line.includes(dir))).toEqual([])
}, 120_000)

test('Ctrl-C ends all three, and so does the death of one', async () => {
  for (const disturb of ['interrupt', 'kill-a-node'] as const) {
    const { command, ended, output, complaint } = await startMesh()
    const pids = pidsIn(output)
    expect(pids.filter(isAlive)).toHaveLength(3)
    if (disturb === 'interrupt') command.kill('SIGINT')
    else process.kill(pids[1] as number, 'SIGKILL')
    const [code] = (await ended) as [number | null]
    await untilGone(pids)
    expect(code).toBe(disturb === 'interrupt' ? 0 : 1)
    if (disturb === 'kill-a-node') expect(complaint()).toContain('lyon ended (SIGKILL)')
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
