// Starts node processes, hears of their end, and leaves none behind.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { main } from './commands.mjs'

const termWaitMs = 12_000

export class NodeProcess {
  #child
  #ended

  /** `serve` of one node, its output in `logFile`. In a process group of its own: Ctrl-C reaches only us. */
  constructor({ name, configFile, logFile }) {
    this.name = name
    this.logFile = logFile
    const out = openSync(logFile, 'a')
    try {
      this.logStart = readFileSync(logFile).length
      this.#child = spawn(process.execPath, [main, 'serve', '--config', configFile], {
        stdio: ['ignore', out, out],
        detached: true,
      })
    } finally {
      closeSync(out)
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
  }

  get pid() {
    return this.#child.pid
  }

  get isRunning() {
    return (
      this.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
    )
  }

  /** Resolves with how it ended: a signal's name, an exit code, or why it could not start. */
  get ended() {
    return this.#ended
  }

  /** What it wrote since it was started, the last lines of it. */
  lastLines(count) {
    const text = readFileSync(this.logFile).subarray(this.logStart).toString('utf8').trimEnd()
    return text === '' ? [] : text.split('\n').slice(-count)
  }

  async stop() {
    if (this.isRunning) this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.kill(), termWaitMs)
    await this.#ended
    clearTimeout(late)
  }

  kill() {
    if (this.isRunning) this.#child.kill('SIGKILL')
  }
}
