#!/usr/bin/env node
// Compiles the simulator into .sim/ and runs it: `npm run simulate -- --seed N`, or `--seeds COUNT --from S`.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const options = ['-p', join(root, 'scripts', 'simulate', 'tsconfig.json'), '--pretty']
const { status, error } = spawnSync(process.execPath, [tsc, ...options], { stdio: 'inherit' })
if (error) throw error
if (status !== 0) process.exit(status ?? 1)
const { main } = await import(
  pathToFileURL(join(root, '.sim', 'test', 'simulation', 'command.js')).href
)
process.exitCode = main(process.argv.slice(2))
