import {
  blank,
  broken,
  checkpoint,
  end,
  forged,
  header,
  leaves,
  logLines,
  run,
  size,
} from './chunk-parts.mjs'
import { begin, bind, canonical, filled, t0 } from './lines.mjs'
import { base64, node, note, proof, root } from './notes-and-trees.mjs'

export const refusedChunks = [
  broken(
    'checkpoint is no note',
    'checkpoint-malformed',
    header(0, { checkpoint: 'nonsense' }) + run(0, size) + end(size),
  ),
  broken(
    'checkpoint of another log',
    'checkpoint-malformed',
    header(0, { checkpoint: note(`${node}/site~aaaaaaaa`, size, root(leaves)) }) +
      run(0, size) +
      end(size),
  ),
  broken(
    'checkpoint whose signature is another’s',
    'checkpoint-signature-bad',
    header(0, { checkpoint: checkpoint.replace(`\n${size}\n`, `\n${size + 1}\n`) }) +
      run(0, size) +
      end(size),
  ),
  broken('chunk begins beyond what is held', 'gap', header(3) + run(3, size) + end(size)),
  broken(
    'an altered line',
    'root-mismatch',
    header(0) + run(0, 6) + `${logLines[6].replace('user5@', 'user9@')}\n` + end(size),
  ),
  broken(
    'a proof for another size',
    'proof-bad',
    header(0) + run(0, 3) + `${JSON.stringify({ to: 3, proof: proof(2, leaves).map(base64) })}\n`,
  ),
  broken('fewer lines than its end says', 'segment-malformed', header(0) + run(0, 2) + end(3)),
  broken(
    'lines beyond the checkpoint',
    'segment-malformed',
    header(0) + run(0, size) + run(6, 7) + `{"to":${size + 1},"proof":[]}\n`,
  ),
  broken(
    'a log that does not begin with begin',
    'begin-mismatch',
    forged([logLines[1], logLines[2]]),
  ),
  broken(
    'a second begin',
    'begin-mismatch',
    forged([logLines[0], canonical({ ...begin, t: t0 + 1 })]),
  ),
  broken(
    'a begin of another node',
    'begin-mismatch',
    forged([canonical({ ...begin, node: 'oslo.id.example.org' })]),
  ),
  broken(
    'a stamp that does not rise',
    'stamp-not-rising',
    forged([logLines[0], logLines[2], logLines[1]]),
  ),
  broken(
    'a stamp more than 60 s ahead',
    'clock-ahead',
    forged([logLines[0], canonical({ ...bind, t: t0 + 60_001 * 1024 })]),
  ),
  broken(
    'a line that is no entry',
    'entry-malformed',
    forged([logLines[0], '{"k":"bind","t":1790000000000001}']),
  ),
  broken(
    'a bind of 2049 bytes',
    'line-too-long',
    forged([logLines[0], filled({ ...bind, t: t0 + 1 }, 2049)]),
  ),
  broken('a blank first line', 'blank-misplaced', header(0) + blank(0) + run(1, size) + end(size)),
  broken(
    'a folded run of blanks',
    'blank-unexplained',
    header(0) +
      run(0, 2) +
      `{"blank":2,"hash":"${base64(root(leaves.slice(2, 4)))}"}\n` +
      run(4, size) +
      end(size),
  ),
]
