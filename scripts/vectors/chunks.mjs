import { blank, end, header, leaves, logLines, run, size, whole } from './chunk-parts.mjs'
import { log } from './lines.mjs'
import { base64, node, root, vkey } from './notes-and-trees.mjs'
import { refusedChunks } from './refused-chunks.mjs'
import { unreadableChunks } from './unreadable-chunks.mjs'

export const chunk = {
  about:
    'Chunks of one log, as they travel. `text` is UTF-8 (bytes where `base64` stands instead). Under `valid` the receiver holds the lines before `from` and afterwards `size` lines whose root is `root`. Texts under `unreadable` are refused by whoever splits them into lines; those under `refused` can be read but not admitted by an empty receiver that knows `vkey` as the key of the node and whose clock shows `nowMs`. Long texts are given as pieces [text, times repeated].',
  node,
  log,
  vkey: vkey(node, 0x01),
  nowMs: 1_790_000_000_000,
  lines: logLines,
  leaves: leaves.map(base64),
  roots: leaves.map((_, i) => base64(root(leaves.slice(0, i + 1)))),
  valid: [
    {
      name: 'one segment that reaches its checkpoint',
      from: 0,
      size,
      root: base64(root(leaves)),
      text: whole,
    },
    {
      name: 'three segments, two of them tied to the checkpoint by a proof',
      from: 0,
      size,
      root: base64(root(leaves)),
      text: header(0) + run(0, 2) + end(2) + run(2, 5) + end(5) + run(5, size) + end(size),
    },
    {
      name: 'a segment that stops before its checkpoint',
      from: 0,
      size: 4,
      root: base64(root(leaves.slice(0, 4))),
      text: header(0) + run(0, 4) + end(4),
    },
    {
      name: 'a continuation',
      from: 3,
      size,
      root: base64(root(leaves)),
      text: header(3) + run(3, size) + end(size),
    },
    {
      name: 'no lines: the head alone',
      from: size,
      size,
      root: base64(root(leaves)),
      text: header(size),
    },
    {
      name: 'a blank among the lines',
      from: 0,
      size,
      root: base64(root(leaves)),
      blanks: [2],
      text: header(0) + run(0, 2) + blank(2) + run(3, size) + end(size),
    },
    {
      name: 'members of later versions in the header and at the end of a segment',
      from: 0,
      size,
      root: base64(root(leaves)),
      text: header(0, { more: 1 }) + run(0, size) + `{"to":${size},"proof":[],"more":true}\n`,
    },
  ],
  unreadable: unreadableChunks,
  refused: refusedChunks,
}
