/** Proofs of one entry, in the form of C2SP tlog-proof@v1, and how they go wrong. */
import { leaves, logLines as lines, size } from './chunk-parts.mjs'
import { log } from './lines.mjs'
import {
  base64,
  cosignature,
  keyId,
  leafHash,
  node,
  note,
  noteBody,
  publicKey,
  root,
  sha256,
  split,
  vkey,
} from './notes-and-trees.mjs'
import { witness } from './witnesses.mjs'

/** PATH(index, D[n]) of RFC 6962, 2.1.1. */
export function path(index, list) {
  if (list.length === 1) return []
  const k = split(list.length)
  return index < k
    ? [...path(index, list.slice(0, k)), root(list.slice(k))]
    : [...path(index - k, list.slice(k)), root(list.slice(0, k))]
}

const magic = 'c2sp.org/tlog-proof@v1'
const text = ({ first = magic, extra, index, hashes, note: signed }) =>
  [
    first,
    ...(extra === undefined ? [] : [`extra ${extra}`]),
    `index ${index}`,
    ...hashes.map(base64),
    '',
    signed,
  ].join('\n')

const upTo = (n) => leaves.slice(0, n)
const parts = (index, n = size, more = {}) => ({
  extra: base64(Buffer.from(lines[index])),
  index,
  hashes: path(index, upTo(n)),
  note: note(log, n, root(upTo(n))),
  ...more,
})
const body = noteBody(log, size, root(leaves))
const own = note(log, size, root(leaves))
const timeS = 1_790_000_000
const cosignedBy = (...signatures) => `${own}${signatures.map((line) => `${line}\n`).join('')}`
const lyon = witness('lyon.id.example.org')
const oslo = witness('oslo.id.example.org')

const valid = (name, given, says = {}) => ({
  name,
  text: text(given),
  index: given.index,
  size: given.n ?? size,
  entry: given.extra === undefined ? null : Buffer.from(given.extra, 'base64').toString(),
  isIncluded: true,
  isSigned: true,
  cosigners: [],
  unknown: [],
  ...says,
})
const malformed = (name, change) => ({ name, text: change(text(parts(2))) })

const sizes = [1, 2, 3, 4, 5, size]
export const entryProofs = {
  about:
    'Proofs that a log holds an entry. `keys` are the verifier keys a checker has. Of `judged`, each says what those keys make of it: `isIncluded`, the entry leads to the stated root; `isSigned`, the log signed it; `cosigners`, by name and time in seconds; `unknown`, names on signatures that no key confirms. Those of `malformed` cannot be read.',
  keys: [vkey(node, 0x01), lyon.vkey],
  judged: [
    ...sizes.flatMap((n) =>
      Array.from({ length: n }, (_, index) =>
        valid(`line ${index} of ${n}`, { ...parts(index, n), n }),
      ),
    ),
    valid(
      'cosigned by a witness that is known',
      {
        ...parts(1),
        note: cosignedBy(lyon.cosignature(body, timeS)),
      },
      { cosigners: [{ name: lyon.name, timeS }] },
    ),
    valid(
      'cosigned twice by the same, of which the later counts',
      {
        ...parts(1),
        note: cosignedBy(lyon.cosignature(body, timeS), lyon.cosignature(body, timeS + 9)),
      },
      { cosigners: [{ name: lyon.name, timeS: timeS + 9 }] },
    ),
    valid('cosigned by its own origin, which says no more', {
      ...parts(1),
      note: cosignedBy(cosignature(body, timeS)),
    }),
    valid(
      'cosigned by a witness that is not known',
      {
        ...parts(1),
        note: cosignedBy(oslo.cosignature(body, timeS)),
      },
      { unknown: [oslo.name] },
    ),
    valid(
      'with the cosignature of another head',
      {
        ...parts(1),
        note: cosignedBy(lyon.cosignature(noteBody(log, size - 1, root(upTo(size - 1))), timeS)),
      },
      { unknown: [lyon.name] },
    ),
    valid('without the entry', parts(1, size, { extra: undefined }), { isIncluded: false }),
    valid('of another entry', parts(1, size, { extra: base64(Buffer.from(lines[2])) }), {
      isIncluded: false,
    }),
    valid('of an entry changed in one byte', parts(1, size, { extra: base64(changed(lines[1])) }), {
      isIncluded: false,
    }),
    valid('at another index', parts(1, size, { index: 2 }), { isIncluded: false }),
    valid('beyond the size', parts(1, size, { index: size }), { isIncluded: false }),
    valid('with a hash too few', parts(1, size, { hashes: path(1, leaves).slice(0, -1) }), {
      isIncluded: false,
    }),
    valid(
      'with a hash too many',
      parts(1, size, { hashes: [...path(1, leaves), sha256('one more')] }),
      { isIncluded: false },
    ),
    valid(
      'of an interior node as if it were a line',
      parts(0, size, {
        extra: base64(Buffer.concat([leaves[0], leaves[1]])),
        hashes: path(0, leaves).slice(1),
      }),
      { isIncluded: false },
    ),
    valid(
      'with a checkpoint signed by another key',
      {
        ...parts(1),
        note: own.replace(own.split('\n')[4], lyon.signature(body, log)),
      },
      { isSigned: false },
    ),
    valid(
      'with a checkpoint under the key id of its log and the signature of another key',
      {
        ...parts(1),
        note: own.replace(own.split('\n')[4], lyon.signature(body, log, keyId(log, 0x01))),
      },
      { isSigned: false },
    ),
    valid(
      'of a log whose key is not known',
      {
        extra: base64(Buffer.from(lines[1])),
        index: 1,
        hashes: path(1, leaves),
        note: oslo.note(`${oslo.name}/site~k3vq7xmd`, size, root(leaves)),
      },
      { isSigned: null },
    ),
  ],
  malformed: [
    { name: 'empty', text: '' },
    malformed('another first line', (whole) => whole.replace('@v1', '@v2')),
    malformed('without an index', (whole) => whole.replace(/index \d+\n/, '')),
    malformed('an index with a leading zero', (whole) => whole.replace('index ', 'index 0')),
    malformed('a negative index', (whole) => whole.replace('index ', 'index -')),
    malformed('an index beyond 2^53', (whole) => whole.replace(/index \d+/, `index ${2 ** 53}`)),
    malformed('the index before the entry', (whole) =>
      whole.replace(/(extra .*)\n(index .*)\n/, '$2\n$1\n'),
    ),
    malformed('the entry twice', (whole) => whole.replace(/(extra .*\n)/, '$1$1')),
    malformed('an entry that is no base64', (whole) => whole.replace('extra ', 'extra !')),
    malformed('unpadded hashes', (whole) => whole.replace('=\n', '\n')),
    malformed('a hash of 31 bytes', (whole) =>
      whole.replace(/\n[^ ]{44}\n/, `\n${base64(Buffer.alloc(31))}\n`),
    ),
    malformed('65 hashes', (whole) =>
      whole.replace('\n\n', `\n${`${base64(Buffer.alloc(32))}\n`.repeat(65)}\n`),
    ),
    malformed('no empty line', (whole) => whole.replace('\n\n', '\n')),
    malformed('two empty lines', (whole) => whole.replace('\n\n', '\n\n\n')),
    malformed('no signature', (whole) => whole.slice(0, whole.indexOf('—'))),
    malformed('no newline at its end', (whole) => whole.slice(0, -1)),
    malformed('carriage returns', (whole) => whole.replaceAll('\n', '\r\n')),
    malformed('something behind it', (whole) => `${whole}more\n`),
  ],
}

function changed(line) {
  const bytes = Buffer.from(line)
  bytes[bytes.length - 3] ^= 1
  return bytes
}

if (leafHash(lines[0]).compare(leaves[0]) !== 0 || publicKey.length !== 32)
  throw new Error('the lines and leaves of the vectors do not fit')
