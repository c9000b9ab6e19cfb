import { broken, checkpoint, end, header, lines, run, size, whole } from './chunk-parts.mjs'
import { log } from './lines.mjs'
import { base64, node } from './notes-and-trees.mjs'

export const unreadableChunks = [
  broken('nothing at all', 'chunk-truncated', ''),
  broken('no newline after the header', 'chunk-truncated', header(0).slice(0, -1)),
  broken('lines without an end', 'chunk-truncated', header(0) + run(0, 3)),
  broken('an end without its newline', 'chunk-truncated', whole.slice(0, -1)),
  broken('header is no JSON', 'header-malformed', `nonsense\n${run(0, size)}${end(size)}`),
  broken('header is null', 'header-malformed', 'null\n'),
  broken('header is an entry', 'header-malformed', run(0, 1)),
  broken('header without log', 'header-malformed', `${JSON.stringify({ from: 0, checkpoint })}\n`),
  broken(
    'header of a log id without life',
    'header-malformed',
    `${JSON.stringify({ log: `${node}/site`, from: 0, checkpoint })}\n`,
  ),
  broken('header from a negative index', 'header-malformed', header(-1)),
  broken('header from 2^53', 'header-malformed', header(2 ** 53)),
  broken('header with an index as text', 'header-malformed', header('0')),
  broken('header without checkpoint', 'header-malformed', `${JSON.stringify({ log, from: 0 })}\n`),
  {
    name: 'header of 65537 bytes',
    refusal: 'header-malformed',
    pieces: [
      ['{"log":"', 1],
      ['x', 65_537 - 8],
      ['\n', 1],
    ],
  },
  {
    name: 'header of 65537 bytes that never ends',
    refusal: 'header-malformed',
    pieces: [['x', 65_537]],
  },
  {
    name: 'line of 32769 bytes',
    refusal: 'line-too-long',
    pieces: [
      [header(0), 1],
      ['x', 32_769],
      ['\n', 1],
    ],
  },
  {
    name: 'line of 32769 bytes that never ends',
    refusal: 'line-too-long',
    pieces: [
      [header(0), 1],
      ['x', 32_769],
    ],
  },
  {
    name: 'segment of 501 lines',
    refusal: 'segment-too-long',
    pieces: [
      [header(0), 1],
      [lines(1), 501],
    ],
  },
  {
    name: 'segment of 1 MiB and a byte',
    refusal: 'segment-too-long',
    pieces: [
      [header(0), 1],
      [lines(1, 'x'.repeat(32_767)), 32],
      ['\n', 1],
    ],
  },
  broken('an end without proof', 'proof-malformed', header(0) + run(0, 2) + '{"to":2}\n'),
  broken(
    'an end at a negative index',
    'proof-malformed',
    header(0) + run(0, 2) + '{"to":-2,"proof":[]}\n',
  ),
  broken(
    'an end at 2^53',
    'proof-malformed',
    header(0) + run(0, 2) + '{"to":9007199254740992,"proof":[]}\n',
  ),
  broken('an end that is no JSON', 'proof-malformed', header(0) + run(0, 2) + '{"to":2,\n'),
  broken('a proof of numbers', 'proof-malformed', header(0) + run(0, 2) + '{"to":2,"proof":[1]}\n'),
  broken(
    'a proof with a short hash',
    'proof-malformed',
    header(0) + run(0, 2) + '{"to":2,"proof":["AAAA"]}\n',
  ),
  broken(
    'a proof in URL-safe base64',
    'proof-malformed',
    header(0) + run(0, 2) + `{"to":2,"proof":["${'-'.repeat(42)}8="]}\n`,
  ),
  broken(
    'a proof with spare bits set',
    'proof-malformed',
    header(0) + run(0, 2) + `{"to":2,"proof":["${'A'.repeat(42)}B="]}\n`,
  ),
  {
    name: 'a proof of 65 hashes',
    refusal: 'proof-malformed',
    pieces: [
      [header(0), 1],
      [run(0, 2), 1],
      ['{"to":2,"proof":[', 1],
      [`"${'A'.repeat(43)}=",`, 64],
      [`"${'A'.repeat(43)}="]}\n`, 1],
    ],
  },
  broken('a blank that is no hash', 'entry-malformed', header(0) + run(0, 1) + '"AAAA"\n' + end(2)),
  broken(
    'a blank without its closing quote',
    'entry-malformed',
    header(0) + run(0, 1) + `"${'A'.repeat(43)}=x\n` + end(2),
  ),
  broken(
    'a folded run of three',
    'entry-malformed',
    header(0) + run(0, 1) + `{"blank":3,"hash":"${'A'.repeat(43)}="}\n` + end(4),
  ),
  broken(
    'a folded run of one',
    'entry-malformed',
    header(0) + run(0, 1) + `{"blank":1,"hash":"${'A'.repeat(43)}="}\n` + end(2),
  ),
  broken(
    'a folded run without hash',
    'entry-malformed',
    header(0) + run(0, 2) + '{"blank":2}\n' + end(4),
  ),
  {
    name: 'bytes that are no UTF-8',
    refusal: 'entry-malformed',
    base64: base64(
      Buffer.concat([
        Buffer.from(header(0)),
        Buffer.from('{"k":"wink","t":1,"x":"\u00c0\u00af"}\n', 'latin1'),
        Buffer.from(end(1)),
      ]),
    ),
  },
]
