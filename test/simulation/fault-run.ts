import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlantedFault } from './faults.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** What the simulator says of a copy of the product with one fault in it. */
export type FaultVerdict = { readonly seed: number; readonly failure: string } | null

/** Copies of the simulator, each with one planted fault, compiled together; they are run as processes of their own. */
export class FaultyCopies {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mycelid-faults-'))

  /** Throws when a fault's text is not found exactly once: the fault must then be written anew. */
  constructor(faults: readonly PlantedFault[]) {
    faults.forEach((fault, i) => {
      const copy = join(this.#folder, 'in', String(i))
      for (const part of ['src', 'test/simulation']) {
        mkdirSync(join(copy, part), { recursive: true })
        cpSync(join(root, part), join(copy, part), { recursive: true })
      }
      plant(fault, copy)
    })
    writeFileSync(join(this.#folder, 'package.json'), '{"type":"module"}')
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'))
    this.#compile(faults.length)
  }

  #compile(count: number): void {
    const files = Array.from({ length: count }, (_, i) => `in/${i}/test/simulation/command.ts`)
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        rootDir: 'in',
        outDir: 'out',
        noEmit: false,
        sourceMap: false,
        noCheck: true,
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: [],
      files,
    }
    writeFileSync(join(this.#folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', this.#folder], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`the faulty copies do not compile: ${stdout}`)
  }

  /** Runs seeds until the checker objects. */
  async judge(index: number, seeds: number): Promise<FaultVerdict> {
    const command = join(this.#folder, 'out', String(index), 'test', 'simulation', 'command.js')
    const script = `import(${JSON.stringify(command)}).then(({ main }) => main(process.argv.slice(1)))`
    const args = [
      '--input-type=module',
      '-e',
      script,
      '--',
      '--seeds',
      String(seeds),
      '--until-failure',
      '--json',
    ]
    const { stdout, stderr } = await output(
      spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    const last = stdout.trim().split('\n').at(-1) ?? ''
    if (!last.startsWith('{')) throw new Error(`a faulty copy did not run: ${stderr}`)
    return (
      (JSON.parse(last) as { failures: { seed: number; failure: string }[] }).failures[0] ?? null
    )
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The text may stand in any file of its room, however the formatter has wrapped it, but only once. */
function plant({ name, room, find, replace }: PlantedFault, copy: string): void {
  const words = find.trim().split(/\s+/)
  const pattern = new RegExp(words.map((word) => word.replace(/[^\w]/g, '\\$&')).join('\\s+'), 'g')
  const files = readdirSync(join(copy, room)).map((file) => join(copy, room, file))
  const found = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map(() => file),
  )
  const [file] = found
  if (file === undefined || found.length > 1) {
    throw new Error(
      `"${name}" must be written anew: its text stands ${found.length} times in ${room}`,
    )
  }
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(pattern, () => replace),
  )
}

function output(child: ReturnType<typeof spawn>): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (piece: Buffer) => (stdout += piece.toString()))
    child.stderr?.on('data', (piece: Buffer) => (stderr += piece.toString()))
    child.on('error', reject)
    child.on('close', () => resolve({ stdout, stderr }))
  })
}
