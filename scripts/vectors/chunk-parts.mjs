import { begin, bind, canonical, log, t0, withA } from './lines.mjs'
import { base64, leafHash, note, proof, root } from './notes-and-trees.mjs'

export const logLines = [
  canonical({ ...begin, prev: null }),
  ...Array.from({ length: 6 }, (_, i) =>
    canonical({
      ...withA(bind, { address: `user${i}@example.com`, mxid: `@user${i}:example.org` }),
      t: t0 + 1 + i,
    }),
  ),
]
export const leaves = logLines.map(leafHash)
export const size = leaves.length
export const checkpoint = note(log, size, root(leaves))
export const header = (from, more = {}) => `${JSON.stringify({ log, from, checkpoint, ...more })}\n`
export const end = (to) =>
  `${JSON.stringify({ to, proof: to === size ? [] : proof(to, leaves.slice(0, size)).map(base64) })}\n`
export const run = (from, to) =>
  logLines
    .slice(from, to)
    .map((line) => `${line}\n`)
    .join('')
export const blank = (i) => `"${base64(leaves[i])}"\n`
export const whole = header(0) + run(0, size) + end(size)
export const broken = (name, refusal, text) => ({ name, refusal, text })
export const lines = (count, line = '{"k":"wink","t":1}') => `${line}\n`.repeat(count)

/** A whole chunk of these lines, signed as their writer would. */
export function forged(given) {
  const head = note(log, given.length, root(given.map(leafHash)))
  return (
    header(0, { checkpoint: head }) +
    given.map((line) => `${line}\n`).join('') +
    `{"to":${given.length},"proof":[]}\n`
  )
}
