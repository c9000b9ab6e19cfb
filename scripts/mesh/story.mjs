// How the command tells what happens: a line per step with its time, in colour on a terminal that wants it.
import { relative } from 'node:path'

const isColoured =
  process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

function paint(code, text) {
  return isColoured ? `\x1b[${code}m${text}\x1b[0m` : text
}

export const bold = (text) => paint('1', text)
export const faint = (text) => paint('2', text)
export const green = (text) => paint('32', text)
export const red = (text) => paint('31', text)

export function say(text = '') {
  process.stdout.write(`${text}\n`)
}

export function warn(text) {
  process.stderr.write(`${text}\n`)
}

/** A path as a person here would type it. */
export function pathFromHere(path) {
  const short = relative('', path)
  return short === '' || short.startsWith('..') ? path : short
}

export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

export function done(what, ms, detail = '') {
  say(`  ${green('✓')} ${what.padEnd(32)} ${duration(ms).padStart(8)}   ${faint(detail)}`.trimEnd())
}

/** Runs one step and says that it was done, how long it took and what `detail` makes of its result. */
export async function step(what, run, detail = () => '') {
  const began = performance.now()
  const result = await run()
  done(what, performance.now() - began, detail(result))
  return result
}

export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  rows.forEach((row, index) => {
    const line = row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('   ')
      .trimEnd()
    say(`  ${index === 0 ? faint(line) : line}`)
  })
}
