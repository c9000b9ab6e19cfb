/**
 * Writes the protocol's test vectors (test/vectors/*.json as docs/protocol.md lists them).
 * Nothing of src/ is used: trees, notes and keys are made here a second time, from the specifications alone.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chunk } from './vectors/chunks.mjs'
import { claims } from './vectors/claims.mjs'
import { cosigned } from './vectors/cosignatures.mjs'
import { entryProofs } from './vectors/entry-proofs.mjs'
import { forkProofs } from './vectors/fork-proofs.mjs'
import { invalidEntries } from './vectors/invalid-entries.mjs'
import { logId } from './vectors/log-ids.mjs'
import { validEntries } from './vectors/valid-entries.mjs'

const folder = join(import.meta.dirname, '..', 'test', 'vectors')
const entries = {
  about:
    'Lines of a log and what they say. `line` is the exact text, in UTF-8, without newline; `leaf` its RFC 6962 leaf hash in base64. Lines under `invalid` are refused with the code under `refusal`.',
  valid: validEntries,
  invalid: invalidEntries,
}

for (const [name, content] of Object.entries({
  entries,
  chunk,
  cosignature: cosigned,
  'log-id': logId,
  claims,
  'entry-proof': entryProofs,
  'fork-proof': forkProofs,
})) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`)
}
