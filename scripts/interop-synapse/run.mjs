#!/usr/bin/env node
// Two real Synapse homeservers and a Mycelid node on loopback, and people who use them. Not part of `npm test`: it
// installs Synapse from the Python package index. See docs/interop.md.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { main } from '../mesh/commands.mjs'
import { MissingPart } from './missing-part.mjs'

const help = `Usage: node scripts/interop-synapse/run.mjs [--venv <folder>] [--python <program>] [--synapse <version>] [--keep]

Drives people through two real Synapse homeservers and a Mycelid node, and tells what was said at each step.

  --venv <folder>       where Synapse is installed, or is to be; kept for the next run
  --python <program>    Python 3.10 or newer that makes the environment; default python3
  --synapse <version>   default: the newest, or what is in the folder
  --keep                leaves configuration, databases and output for looking into

Exit code 0: all went well. 1: a step did not. 2: wrong arguments. 3: something is missing.
`

/** A run takes two minutes or so, most of it for installing; this is for what hangs. */
const wholeTimeoutMs = 20 * 60_000

function readOptions() {
  const { values } = parseArgs({
    options: {
      venv: { type: 'string' },
      python: { type: 'string', default: 'python3' },
      synapse: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return values
}

function say(line) {
  process.stdout.write(`${line}\n`)
}

/** Stopped from outside, or by its own deadline: everything that waits gives up, and what was started is ended. */
function stoppable() {
  const controller = new AbortController()
  const stop = (why) => controller.abort(new Error(`stopped: ${why}`))
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => stop(name))
  const deadline = setTimeout(() => stop('it took too long'), wholeTimeoutMs)
  return { signal: controller.signal, done: () => clearTimeout(deadline) }
}

/** Loaded late, so that a clone without its packages gets a word of advice instead of a stack. */
async function loadSession() {
  try {
    return (await import('./session.mjs')).session
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new MissingPart('the packages of this repository are not installed: npm ci')
  }
}

async function runIn(folder, options, signal) {
  const session = await loadSession()
  if (!existsSync(main)) throw new MissingPart('dist/main.js is not there: npm run build')
  return (await session({ folder, options, signal, say })) ? 0 : 1
}

async function run() {
  let options
  try {
    options = readOptions()
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${help}`)
    return 2
  }
  if (options.help) {
    say(help)
    return 0
  }
  const { signal, done } = stoppable()
  const folder = mkdtempSync(join(tmpdir(), 'mycelid-interop-'))
  try {
    return await runIn(folder, options, signal)
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    return error instanceof MissingPart ? 3 : 1
  } finally {
    done()
    if (options.keep) say(`kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = await run()
