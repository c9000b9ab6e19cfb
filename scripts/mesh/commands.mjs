// Runs `mycelid …` from dist/ and answers what it printed.
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const main = join(
  dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  'dist',
  'main.js',
)

const commandTimeoutMs = 60_000

/** Standard output of one command; throws with its standard error when it fails. */
export function mycelid(...args) {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [main, ...args],
      { timeout: commandTimeoutMs, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout)
        const why = (stderr || stdout || error.message).trim()
        reject(new Error(`mycelid ${args.slice(0, 2).join(' ')} failed: ${why}`))
      },
    ).stdin?.end()
  })
}
