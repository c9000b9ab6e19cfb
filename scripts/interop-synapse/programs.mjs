// Runs programs: those that end by themselves, and those that serve until they are told to stop.
import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

const termWaitMs = 15_000
const outputBytesMax = 16 * 1024 * 1024

/** Standard output of a program; throws with the end of what it complained about. */
export function runToEnd(command, args, { timeoutMs, cwd, signal }) {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, maxBuffer: outputBytesMax, cwd, signal }
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const why = (stderr || stdout || error.message).trim().split('\n').slice(-5).join('\n')
      reject(new Error(`${command} ${args.slice(0, 3).join(' ')} failed: ${why}`))
    }).stdin?.end()
  })
}

/** A server, its output in `logFile`. In a process group of its own: Ctrl-C reaches only us, and we stop it in order. */
export class Program {
  #child
  #ended

  constructor({ name, command, args, logFile, cwd, env = {} }) {
    this.name = name
    this.logFile = logFile
    const out = openSync(logFile, 'a', 0o600)
    try {
      this.#child = spawn(command, args, {
        stdio: ['ignore', out, out],
        detached: true,
        cwd,
        env: { ...process.env, ...env },
      })
    } finally {
      closeSync(out)
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', resolve)
      this.#child.once('exit', resolve)
    })
  }

  get isRunning() {
    const { pid, exitCode, signalCode } = this.#child
    return pid !== undefined && exitCode === null && signalCode === null
  }

  lastLines(count) {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n')
  }

  requireRunning() {
    if (!this.isRunning) throw new Error(`${this.name} has ended:\n${this.lastLines(8)}`)
  }

  async stop() {
    if (this.isRunning) this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.#child.kill('SIGKILL'), termWaitMs)
    await this.#ended
    clearTimeout(late)
  }
}
