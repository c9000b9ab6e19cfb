#!/usr/bin/env node
/**
 * Owns: the process: argv in, exit code out.
 * Relies on: cli, and the real clock, chance and terminal of platform.
 * Never: holds a rule of its own.
 */
import { run } from './cli/program.ts'
import { systemClock } from './platform/clock.ts'
import { systemRandom } from './platform/random.ts'
import { endQuietlyWhenUnread, processTerminal } from './platform/terminal.ts'

endQuietlyWhenUnread()
process.exitCode = await run(process.argv.slice(2), {
  terminal: processTerminal,
  clock: systemClock,
  random: systemRandom,
})
