/** Two heads of one log that cannot both be true, and pairs that prove nothing. */
import { leaves, size } from './chunk-parts.mjs'
import { log } from './lines.mjs'
import { base64, node, note, proof, root, sha256, vkey } from './notes-and-trees.mjs'
import { witness } from './witnesses.mjs'

const magic = 'mycelid-fork-proof@v1'
const text = ({ first, second, prefix = null, hashes = [] }) =>
  [
    magic,
    ...(prefix === null ? [] : [`prefix ${base64(prefix)}`]),
    ...hashes.map(base64),
    '',
    first,
    second,
  ].join('\n')

/** Another history: the same up to `common` lines, others after them. */
const other = (n, common) =>
  Array.from({ length: n }, (_, i) => (i < common ? leaves[i] : sha256(`another line ${i}`)))
const head = (list) => note(log, list.length, root(list))
const upTo = (n) => leaves.slice(0, n)
/** The larger history is that of `leaves`, the smaller another one. */
const between = (m, n = size, common = 0) => ({
  first: head(other(m, common)),
  second: head(upTo(n)),
  prefix: root(upTo(m)),
  hashes: proof(m, upTo(n)),
})
const lyon = witness('lyon.id.example.org')
const judged = (name, given, says = {}) => ({
  name,
  text: text(given),
  isContradiction: true,
  isSigned: true,
  ...says,
})
const nothing = { isContradiction: false }
const whole = between(3)
const sizes = [2, 3, 4, 5, size]

export const forkProofs = {
  about:
    'Pairs of heads of one log. `keys` are the verifier keys a checker has. Of `judged`, `isContradiction` says that the two cannot both be heads of one history, `isSigned` that one key signed both as that log. Those of `malformed` cannot be read.',
  keys: [vkey(node, 0x01)],
  judged: [
    judged('of one size', { first: head(upTo(size)), second: head(other(size, 2)) }),
    ...sizes.flatMap((n) =>
      Array.from({ length: n - 1 }, (_, i) =>
        judged(`of ${i + 1} and ${n} lines`, between(i + 1, n)),
      ),
    ),
    judged('that part after two lines', between(5, size, 2)),
    judged('the same head twice', { first: head(upTo(4)), second: head(upTo(4)) }, nothing),
    judged('heads of one history', { ...between(3), first: head(upTo(3)) }, nothing),
    judged('of different sizes without a prefix', { ...whole, prefix: null, hashes: [] }, nothing),
    judged(
      'with a prefix that is not the larger tree’s',
      { ...whole, prefix: root(other(3, 1)) },
      nothing,
    ),
    judged('with a hash too few', { ...whole, hashes: whole.hashes.slice(1) }, nothing),
    judged(
      'with a hash too many',
      { ...whole, hashes: [...whole.hashes, sha256('one more')] },
      nothing,
    ),
    judged('the larger one first', { ...whole, first: whole.second, second: whole.first }, nothing),
    judged('a head of no lines', { ...whole, first: note(log, 0, root([])) }, nothing),
    judged(
      'a head of no lines that states another root',
      { first: note(log, 0, root(other(3, 0))), second: head(upTo(4)), prefix: root([]) },
      nothing,
    ),
    judged(
      'of two logs',
      {
        first: head(upTo(4)),
        second: note(`${node}/site~aaaaaaa2`, 4, root(other(4, 0))),
      },
      nothing,
    ),
    judged(
      'one of them signed by another key',
      { first: head(upTo(4)), second: lyon.note(log, 4, root(other(4, 0))) },
      { isSigned: false },
    ),
    judged(
      'of a log whose key is not known',
      {
        first: lyon.note(`${lyon.name}/site~k3vq7xmd`, 4, root(upTo(4))),
        second: lyon.note(`${lyon.name}/site~k3vq7xmd`, 4, root(other(4, 0))),
      },
      { isSigned: null },
    ),
  ],
  malformed: [
    { name: 'empty', text: '' },
    { name: 'another first line', text: text(whole).replace('@v1', '@v2') },
    { name: 'one head', text: text(whole).replace(`\n${whole.second}`, '') },
    { name: 'three heads', text: `${text(whole)}\n${whole.first}` },
    { name: 'a prefix that is no hash', text: text(whole).replace('prefix ', 'prefix !') },
    { name: 'a hash that is none', text: text(whole).replace('=\n\n', '\n\n') },
    { name: '65 hashes', text: text({ ...whole, hashes: Array(65).fill(sha256('x')) }) },
    { name: 'no signature', text: text(whole).slice(0, text(whole).lastIndexOf('—')) },
    { name: 'no newline at its end', text: text(whole).slice(0, -1) },
    { name: 'longer than 4 KiB', text: `${text(whole)}${'—  '.repeat(1400)}` },
  ],
}
