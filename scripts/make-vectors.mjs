/**
 * Writes the protocol's test vectors (test/vectors/{entries,chunk,cosignature,log-id,claims}.json, docs/protocol.md).
 * Nothing of src/ is used: trees, notes and keys are made here a second time, from the specifications alone.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', 'test', 'vectors')
const sha256 = (...parts) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest()
const base64 = (bytes) => Buffer.from(bytes).toString('base64')

// ---- keys and notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature)

const seed = sha256('mycelid test vector: mesh key of paris.id.example.org')
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
  format: 'der',
  type: 'pkcs8',
})
const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
const node = 'paris.id.example.org'
const keyId = (name, type) => sha256(name, [0x0a, type], publicKey).subarray(0, 4)
const vkey = (name, type) =>
  `${name}+${keyId(name, type).toString('hex')}+${base64(Buffer.concat([Buffer.of(type), publicKey]))}`
const signatureLine = (name, type, signature) =>
  `— ${name} ${base64(Buffer.concat([keyId(name, type), signature]))}`
const noteBody = (log, size, root) => `${log}\n${size}\n${base64(root)}\n`

function note(log, size, root) {
  const body = noteBody(log, size, root)
  return `${body}\n${signatureLine(log, 0x01, sign(null, Buffer.from(body), privateKey))}\n`
}

function cosignature(body, timeS) {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(timeS))
  const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${timeS}\n${body}`), privateKey)
  return signatureLine(node, 0x04, Buffer.concat([time, signature]))
}

// ---- the tree (RFC 6962, 2.1)

const leafHash = (line) => sha256([0x00], line)
const split = (n) => 2 ** Math.ceil(Math.log2(n) - 1)

function root(leaves) {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]
  const k = split(leaves.length)
  return sha256([0x01], root(leaves.slice(0, k)), root(leaves.slice(k)))
}

function proof(m, leaves, isWhole = true) {
  if (m === leaves.length) return isWhole ? [] : [root(leaves)]
  const k = split(leaves.length)
  if (m <= k) return [...proof(m, leaves.slice(0, k), isWhole), root(leaves.slice(k))]
  return [...proof(m - k, leaves.slice(k), false), root(leaves.slice(0, k))]
}

// ---- entries

const nonce = base64(Buffer.alloc(16, 7))
const stamp = (ms, counter = 0) => ms * 1024 + counter
const t0 = stamp(1_790_000_000_000)
const log = `${node}/site~k3vq7xmd`
const otherRoot = base64(sha256('another root'))
const association = {
  address: 'alice@example.com',
  medium: 'email',
  mxid: '@alice:example.org',
  not_after: 4_945_674_000_000,
  not_before: 1_790_000_000_000,
  signatures: { 'id.example.org': { 'ed25519:paris': 'A'.repeat(86) } },
  ts: 1_790_000_000_000,
}
const pair = { address: 'alice@example.com', medium: 'email', mxid: '@alice:example.org' }
const bind = { a: association, k: 'bind', t: t0, z: nonce }
const unbind = { a: pair, k: 'unbind', t: t0, z: nonce }
const matrixKey = {
  expired_at: null,
  key: 'B'.repeat(43),
  key_id: 'ed25519:paris',
  valid_from: 1_700_000_000_000,
}
const begin = {
  audience: 'site',
  k: 'begin',
  matrix_keys: [matrixKey],
  mesh_key: vkey(node, 0x01),
  node,
  prev: { log: `${node}/site~aaaaaaa2`, root: otherRoot, size: 41 },
  recovery_key: null,
  server_name: 'id.example.org',
  t: t0,
  v: 1,
}
const close = { k: 'close', log: `${node}/site~aaaaaaa2`, root: otherRoot, size: 41, t: t0 }

/** Canonical: keys sorted at every level (all of them ASCII here). */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .filter((key) => value[key] !== undefined)
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`
}

const valid = (name, fields, says) => {
  const line = typeof fields === 'string' ? fields : canonical(fields)
  return { name, line, leaf: base64(leafHash(line)), says }
}
const invalid = (name, refusal, fields) => ({
  name,
  refusal,
  line: typeof fields === 'string' ? fields : canonical(fields),
})
const saysBind = (more = {}) => ({ kind: 'bind', stamp: t0, at: null, via: null, ...pair, ...more })
const saysUnbind = (more = {}) => ({
  kind: 'unbind',
  stamp: t0,
  at: null,
  via: null,
  covers: null,
  forget: false,
  ...pair,
  ...more,
})
const saysUnknown = (name, isCritical = false) => ({ kind: 'unknown', stamp: t0, name, isCritical })
const withA = (entry, more) => ({ ...entry, a: { ...entry.a, ...more } })
const filled = (entry, bytes) => {
  const length = Buffer.byteLength(canonical({ ...entry, _: '' }))
  return canonical({ ...entry, _: 'x'.repeat(bytes - length) })
}

const entries = {
  about:
    'Lines of a log and what they say. `line` is the exact text, in UTF-8, without newline; `leaf` its RFC 6962 leaf hash in base64. Lines under `invalid` are refused with the code under `refusal`.',
  valid: [
    valid('bind', bind, saysBind()),
    valid(
      'bind with the time of the original proof and where it came from',
      { ...bind, at: t0 - 5, via: 'sydent.example.org' },
      saysBind({ at: t0 - 5, via: 'sydent.example.org' }),
    ),
    valid('bind whose proof is as old as its line', { ...bind, at: t0 }, saysBind({ at: t0 })),
    valid(
      'bind of a phone number',
      withA(bind, { address: '447700900001', medium: 'msisdn' }),
      saysBind({ address: '447700900001', medium: 'msisdn' }),
    ),
    valid(
      'bind with raw UTF-8, quotes and a backslash in it',
      withA(bind, { address: '日本"\\@例え.テスト' }),
      saysBind({ address: '日本"\\@例え.テスト' }),
    ),
    valid(
      'bind with members this version does not know',
      { ...bind, new_member: [1, 2] },
      saysBind(),
    ),
    valid(
      'bind at the greatest stamp',
      { ...bind, t: 2 ** 53 - 1 },
      saysBind({ stamp: 2 ** 53 - 1 }),
    ),
    valid('bind of exactly 2048 bytes', filled(bind, 2048), saysBind()),
    valid(
      'bind with an address of exactly 512 bytes',
      withA(bind, { address: 'é'.repeat(256) }),
      saysBind({ address: 'é'.repeat(256) }),
    ),
    valid(
      'line that ends with a carriage return: the byte belongs to it',
      `${canonical(unbind)}\r`,
      saysUnbind(),
    ),
    valid('unbind', unbind, saysUnbind()),
    valid(
      'unbind of a pair whose bind its writer did not know',
      { ...unbind, covers: t0 + 60_000 * 1024 },
      saysUnbind({ covers: t0 + 60_000 * 1024 }),
    ),
    valid(
      'unbind that covers as much as any may',
      { ...unbind, covers: t0 + 300_000 * 1024 },
      saysUnbind({ covers: t0 + 300_000 * 1024 }),
    ),
    valid(
      'unbind with forget, at and via',
      { ...unbind, at: t0 - 1, forget: true, via: 'import' },
      saysUnbind({ at: t0 - 1, forget: true, via: 'import' }),
    ),
    valid('begin', begin, { kind: 'begin', stamp: t0, node, audience: 'site', prev: begin.prev }),
    valid(
      'begin of a first log, without Matrix keys',
      { ...begin, matrix_keys: [], prev: null },
      { kind: 'begin', stamp: t0, node, audience: 'site', prev: null },
    ),
    valid('close', close, {
      kind: 'close',
      stamp: t0,
      closed: { log: close.log, size: 41, root: otherRoot },
    }),
    valid('unknown kind', { k: 'wink', t: t0, whatever: {} }, saysUnknown('wink')),
    valid('unknown critical kind', { crit: true, k: 'wink', t: t0 }, saysUnknown('wink', true)),
    valid(
      '"crit" counts when it is true, nothing else',
      { crit: 1, k: 'wink', t: t0 },
      saysUnknown('wink'),
    ),
    valid(
      'unknown medium: the line has no effect',
      withA(bind, { medium: 'pigeon' }),
      saysUnknown('bind'),
    ),
    valid(
      'unknown medium in an unbind',
      withA(unbind, { medium: 'pigeon' }),
      saysUnknown('unbind'),
    ),
    valid(
      'critical line with an unknown medium',
      { ...withA(bind, { medium: 'pigeon' }), crit: true },
      saysUnknown('bind', true),
    ),
    valid(
      'unknown kind of exactly 32768 bytes',
      filled({ k: 'wink', t: t0 }, 32_768),
      saysUnknown('wink'),
    ),
    valid('"blank" as a member of an entry', { blank: 2, k: 'wink', t: t0 }, saysUnknown('wink')),
  ],
  invalid: [
    ...[
      ['no JSON', '{"k":'],
      ['empty', ''],
      ['two values', '{}{}'],
      ['an array', '[]'],
      ['a number', '7'],
      ['null', 'null'],
      ['an object in a string that is no leaf hash', '"{}"'],
      ['a byte order mark', `\ufeff${canonical(bind)}`],
    ].map(([name, line]) => invalid(name, 'entry-malformed', line)),
    invalid('no stamp', 'entry-malformed', { ...bind, t: undefined }),
    invalid('stamp zero', 'entry-malformed', { ...bind, t: 0 }),
    invalid('negative stamp', 'entry-malformed', { ...bind, t: -1 }),
    invalid('stamp with a fraction', 'entry-malformed', { ...bind, t: 1.5 }),
    invalid('stamp 2^53', 'entry-malformed', { ...bind, t: 2 ** 53 }),
    invalid('stamp as text', 'entry-malformed', { ...bind, t: String(t0) }),
    invalid('no kind', 'entry-malformed', { ...bind, k: undefined }),
    invalid('empty kind', 'entry-malformed', { ...bind, k: '' }),
    invalid('kind of 65 characters', 'entry-malformed', { k: 'k'.repeat(65), t: t0 }),
    invalid('bind without association', 'entry-malformed', { ...bind, a: undefined }),
    ...['address', 'mxid', 'medium', 'ts', 'not_before', 'not_after', 'signatures'].map((member) =>
      invalid(`bind without ${member}`, 'entry-malformed', withA(bind, { [member]: undefined })),
    ),
    invalid('bind with an empty address', 'entry-malformed', withA(bind, { address: '' })),
    invalid(
      'bind with an address of 513 bytes',
      'entry-malformed',
      withA(bind, { address: `a${'é'.repeat(256)}` }),
    ),
    invalid(
      'bind with U+0000 in its address',
      'entry-malformed',
      withA(bind, { address: 'a\u0000b' }),
    ),
    invalid(
      'bind with a Matrix ID of 256 bytes',
      'entry-malformed',
      withA(bind, { mxid: `@${'a'.repeat(255)}` }),
    ),
    invalid(
      'bind with U+0000 in its Matrix ID',
      'entry-malformed',
      withA(bind, { mxid: '@a\u0000:b' }),
    ),
    invalid('bind with a negative time', 'entry-malformed', withA(bind, { not_before: -1 })),
    invalid('bind with a time of 2^53', 'entry-malformed', withA(bind, { not_after: 2 ** 53 })),
    invalid(
      'bind with signatures that name no key',
      'entry-malformed',
      withA(bind, { signatures: { 'id.example.org': 'x' } }),
    ),
    invalid(
      'bind with a signature that is no text',
      'entry-malformed',
      withA(bind, { signatures: { 'id.example.org': { 'ed25519:1': 1 } } }),
    ),
    invalid('bind without random value', 'entry-malformed', { ...bind, z: undefined }),
    invalid('bind with a short random value', 'entry-malformed', { ...bind, z: 'AAAA' }),
    invalid('bind with "at" above its stamp', 'entry-malformed', { ...bind, at: t0 + 1 }),
    invalid('bind with "at" null', 'entry-malformed', { ...bind, at: null }),
    invalid('bind with empty "via"', 'entry-malformed', { ...bind, via: '' }),
    invalid('unbind without Matrix ID', 'entry-malformed', withA(unbind, { mxid: undefined })),
    invalid('unbind with "covers" as text', 'entry-malformed', { ...unbind, covers: 'all' }),
    invalid('unbind that covers more than 300 s above its stamp', 'entry-malformed', {
      ...unbind,
      covers: t0 + 300_001 * 1024,
    }),
    invalid('unbind with "forget" as a number', 'entry-malformed', { ...unbind, forget: 1 }),
    ...[
      'node',
      'server_name',
      'audience',
      'mesh_key',
      'matrix_keys',
      'recovery_key',
      'prev',
      'v',
    ].map((member) =>
      invalid(`begin without ${member}`, 'entry-malformed', { ...begin, [member]: undefined }),
    ),
    invalid('begin of another version', 'entry-malformed', { ...begin, v: 2 }),
    invalid('begin of a node in capitals', 'entry-malformed', {
      ...begin,
      node: 'Paris.id.example.org',
    }),
    invalid('begin with a Matrix key without times', 'entry-malformed', {
      ...begin,
      matrix_keys: [{ key: 'x', key_id: 'ed25519:1' }],
    }),
    invalid('begin whose prev is no log', 'entry-malformed', {
      ...begin,
      prev: { ...begin.prev, log: 'paris' },
    }),
    invalid('begin whose prev has a short root', 'entry-malformed', {
      ...begin,
      prev: { ...begin.prev, root: 'AAAA' },
    }),
    ...['log', 'root', 'size'].map((member) =>
      invalid(`close without ${member}`, 'entry-malformed', { ...close, [member]: undefined }),
    ),
    invalid('close with a root in URL-safe base64', 'entry-malformed', {
      ...close,
      root: `${'_'.repeat(42)}8=`,
    }),
    invalid('bind of 2049 bytes', 'line-too-long', filled(bind, 2049)),
    invalid('unbind of 2049 bytes', 'line-too-long', filled(unbind, 2049)),
    invalid('unknown kind of 32769 bytes', 'line-too-long', filled({ k: 'wink', t: t0 }, 32_769)),
  ],
}

// ---- chunks

const logLines = [
  canonical({ ...begin, prev: null }),
  ...Array.from({ length: 6 }, (_, i) =>
    canonical({
      ...withA(bind, { address: `user${i}@example.com`, mxid: `@user${i}:example.org` }),
      t: t0 + 1 + i,
    }),
  ),
]
const leaves = logLines.map(leafHash)
const size = leaves.length
const checkpoint = note(log, size, root(leaves))
const header = (from, more = {}) => `${JSON.stringify({ log, from, checkpoint, ...more })}\n`
const end = (to) =>
  `${JSON.stringify({ to, proof: to === size ? [] : proof(to, leaves.slice(0, size)).map(base64) })}\n`
const run = (from, to) =>
  logLines
    .slice(from, to)
    .map((line) => `${line}\n`)
    .join('')
const blank = (i) => `"${base64(leaves[i])}"\n`
const whole = header(0) + run(0, size) + end(size)
const broken = (name, refusal, text) => ({ name, refusal, text })
const lines = (count, line = '{"k":"wink","t":1}') => `${line}\n`.repeat(count)

const chunk = {
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
  unreadable: [
    broken('nothing at all', 'chunk-truncated', ''),
    broken('no newline after the header', 'chunk-truncated', header(0).slice(0, -1)),
    broken('lines without an end', 'chunk-truncated', header(0) + run(0, 3)),
    broken('an end without its newline', 'chunk-truncated', whole.slice(0, -1)),
    broken('header is no JSON', 'header-malformed', `nonsense\n${run(0, size)}${end(size)}`),
    broken('header is null', 'header-malformed', 'null\n'),
    broken('header is an entry', 'header-malformed', run(0, 1)),
    broken(
      'header without log',
      'header-malformed',
      `${JSON.stringify({ from: 0, checkpoint })}\n`,
    ),
    broken(
      'header of a log id without life',
      'header-malformed',
      `${JSON.stringify({ log: `${node}/site`, from: 0, checkpoint })}\n`,
    ),
    broken('header from a negative index', 'header-malformed', header(-1)),
    broken('header from 2^53', 'header-malformed', header(2 ** 53)),
    broken('header with an index as text', 'header-malformed', header('0')),
    broken(
      'header without checkpoint',
      'header-malformed',
      `${JSON.stringify({ log, from: 0 })}\n`,
    ),
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
    broken(
      'a proof of numbers',
      'proof-malformed',
      header(0) + run(0, 2) + '{"to":2,"proof":[1]}\n',
    ),
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
    broken(
      'a blank that is no hash',
      'entry-malformed',
      header(0) + run(0, 1) + '"AAAA"\n' + end(2),
    ),
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
          Buffer.of(0x22, 0xc0, 0xaf, 0x0a),
          Buffer.from(end(1)),
        ]),
      ),
    },
  ],
  refused: [
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
    broken(
      'a blank first line',
      'blank-misplaced',
      header(0) + blank(0) + run(1, size) + end(size),
    ),
    broken(
      'a folded run of blanks',
      'blank-unexplained',
      header(0) +
        run(0, 2) +
        `{"blank":2,"hash":"${base64(root(leaves.slice(2, 4)))}"}\n` +
        run(4, size) +
        end(size),
    ),
  ],
}

/** A whole chunk of these lines, signed as their writer would. */
function forged(given) {
  const head = note(log, given.length, root(given.map(leafHash)))
  return (
    header(0, { checkpoint: head }) +
    given.map((line) => `${line}\n`).join('') +
    `{"to":${given.length},"proof":[]}\n`
  )
}

// ---- names and keys

const logId = {
  about:
    'Log ids `<node>/<audience>~<life>`, and lives drawn from eight random bytes (the low five bits of each).',
  valid: [
    { id: log, node, audience: 'site', life: 'k3vq7xmd' },
    { id: 'a/b~22222222', node: 'a', audience: 'b', life: '22222222' },
    {
      id: `${'n'.repeat(200)}/${'a'.repeat(64)}~zzzzzzzz`,
      node: 'n'.repeat(200),
      audience: 'a'.repeat(64),
      life: 'zzzzzzzz',
    },
    { id: '10.0.0.7/live-2~abcdefgh', node: '10.0.0.7', audience: 'live-2', life: 'abcdefgh' },
  ],
  invalid: [
    { name: 'empty', id: '' },
    { name: 'no audience', id: 'paris.example~aaaaaaaa' },
    { name: 'no life', id: 'paris.example/site' },
    { name: 'life of seven', id: 'paris.example/site~aaaaaaa' },
    { name: 'life of nine', id: 'paris.example/site~aaaaaaaaa' },
    { name: 'life with a digit that base32 has not', id: 'paris.example/site~aaaaaaa1' },
    { name: 'life in capitals', id: 'paris.example/site~AAAAAAAA' },
    { name: 'node in capitals', id: 'Paris.example/site~aaaaaaaa' },
    { name: 'node with a port', id: 'paris.example:8449/site~aaaaaaaa' },
    { name: 'node that begins with a dot', id: '.example/site~aaaaaaaa' },
    { name: 'node of 201 characters', id: `${'n'.repeat(201)}/site~aaaaaaaa` },
    { name: 'empty node', id: '/site~aaaaaaaa' },
    { name: 'audience with a slash', id: 'paris.example/a/b~aaaaaaaa' },
    { name: 'audience with a tilde', id: 'paris.example/a~b~aaaaaaaa' },
    { name: 'audience of 65 characters', id: `paris.example/${'a'.repeat(65)}~aaaaaaaa` },
    { name: 'audience that ends with a hyphen', id: 'paris.example/site-~aaaaaaaa' },
    { name: 'a newline at the end', id: 'paris.example/site~aaaaaaaa\n' },
    { name: 'a space', id: 'paris.example/si te~aaaaaaaa' },
    { name: 'a letter beyond ASCII', id: 'pärís.example/site~aaaaaaaa' },
  ],
  lives: [
    { random: '0000000000000000', life: 'aaaaaaaa' },
    { random: '1f1e1d1c1b1a1918', life: '765432zy' },
    { random: 'ffe0a10203040506', life: '7abcdefg' },
  ],
}

const body = noteBody(log, size, root(leaves))
const cosigned = {
  about:
    'One mesh key, two names: the key id of a checkpoint (type 0x01) is made with the log id, that of a cosignature (0x04) with the name of the node. `seed` and `publicKey` are in hex. Lines under `invalid` are no cosignatures of `node` over `body`.',
  seed: seed.toString('hex'),
  publicKey: publicKey.toString('hex'),
  node,
  vkey: vkey(node, 0x01),
  log,
  logVkey: vkey(log, 0x01),
  size,
  root: base64(root(leaves)),
  body,
  note: note(log, size, root(leaves)),
  cosignatures: [
    { timeS: 1_790_000_000, line: cosignature(body, 1_790_000_000) },
    { timeS: 0, line: cosignature(body, 0) },
    { timeS: 2 ** 53 - 1, line: cosignature(body, 2 ** 53 - 1) },
  ],
  invalid: [
    {
      name: 'of another body',
      line: cosignature(noteBody(log, size + 1, root(leaves)), 1_790_000_000),
    },
    { name: 'the checkpoint’s own signature', line: note(log, size, root(leaves)).split('\n')[4] },
    {
      name: 'under another name',
      line: cosignature(body, 1_790_000_000).replace(node, 'oslo.id.example.org'),
    },
    { name: 'with another time', line: retimed() },
    { name: 'cut off', line: cosignature(body, 1_790_000_000).slice(0, -8) },
    {
      name: 'with a hyphen for its dash',
      line: cosignature(body, 1_790_000_000).replace('—', '-'),
    },
  ],
}

function retimed() {
  const [, , encoded] = cosignature(body, 1_790_000_000).split(' ')
  const bytes = Buffer.from(encoded, 'base64')
  bytes[11] ^= 1
  return `— ${node} ${base64(bytes)}`
}

// ---- claims

const alice = '@a:example.org'
const bob = '@b:example.org'
const said = (kind, mxid, at, more = {}) => ({
  kind,
  mxid,
  stamp: at,
  log: 'north/site~aaaaaaaa',
  index: at,
  group: 'own',
  ...more,
})
const south = { log: 'south/site~aaaaaaaa' }
const partner = { group: 'partner', log: 'partner/x~aaaaaaaa' }
const claims = {
  about:
    'What entries about one 3PID amount to. Statements may arrive in any order and any number of times. `stamp` is `at` where a line has one, for an unbind with `covers` the greater of the two. `rank` orders groups, lowest first. `answer` is the Matrix ID that a lookup at `now` (milliseconds) gives, or null. Binds are valid at any time unless `notBefore` and `notAfter` stand there.',
  rank: { own: 0, partner: 1, other: 1, last: 9 },
  cases: [
    {
      name: 'two binds unseen by each other: the later proof of control',
      statements: [said('bind', alice, 10), said('bind', bob, 12, south)],
      answer: bob,
    },
    {
      name: 'an unbind holds though the bind arrives last',
      statements: [said('unbind', alice, 12, south), said('bind', alice, 10)],
      answer: null,
    },
    {
      name: 'the person came back',
      statements: [said('unbind', alice, 10), said('bind', alice, 12)],
      answer: alice,
    },
    {
      name: 'an old binding never resurfaces',
      statements: [said('bind', alice, 5), said('bind', bob, 10), said('unbind', bob, 20)],
      answer: null,
    },
    {
      name: 'an unbind names a pair, not an address',
      statements: [said('bind', bob, 10), said('unbind', alice, 11, south)],
      answer: bob,
    },
    {
      name: 'equal stamps: when in doubt do not expose',
      statements: [said('bind', alice, 10), said('unbind', alice, 10, south)],
      answer: null,
    },
    {
      name: 'a partner takes over nothing of ours, however new',
      statements: [said('bind', alice, 10), said('bind', bob, 99, partner)],
      answer: alice,
    },
    {
      name: 'our unbind ends a partner’s older claim of the pair',
      statements: [said('bind', alice, 10, partner), said('unbind', alice, 12)],
      answer: null,
    },
    {
      name: 'a partner’s claim newer than our unbind answers',
      statements: [said('bind', alice, 14, partner), said('unbind', alice, 12)],
      answer: alice,
    },
    {
      name: 'a partner’s unbind ends nothing of ours',
      statements: [said('bind', alice, 10), said('unbind', alice, 12, partner)],
      answer: alice,
    },
    {
      name: 'a partner’s unbind ends its own claim',
      statements: [said('bind', alice, 10, partner), said('unbind', alice, 12, partner)],
      answer: null,
    },
    {
      name: 'a group of equal rank ends nothing of another',
      statements: [
        said('bind', alice, 10, partner),
        said('unbind', alice, 12, { group: 'other', log: 'other/x~aaaaaaaa' }),
      ],
      answer: alice,
    },
    {
      name: 'groups of one rank answer in order of their names',
      statements: [
        said('bind', alice, 10, partner),
        said('bind', bob, 5, { group: 'other', log: 'other/x~aaaaaaaa' }),
      ],
      answer: bob,
    },
    {
      name: 'where ours is withdrawn a partner’s other claim answers',
      statements: [
        said('bind', alice, 10),
        said('unbind', alice, 12),
        said('bind', bob, 3, partner),
      ],
      answer: bob,
    },
    {
      name: 'of equal stamps the greater log id counts',
      statements: [said('bind', alice, 10, south), said('bind', bob, 10)],
      answer: alice,
    },
    {
      name: 'of equal stamps in one log the greater index counts',
      statements: [said('bind', alice, 10, { index: 3 }), said('bind', bob, 10, { index: 2 })],
      answer: alice,
    },
    {
      name: 'a bind that is not yet valid answers nothing, and hides the older one',
      statements: [
        said('bind', alice, 5),
        said('bind', bob, 10, { notBefore: 2000, notAfter: 3000 }),
      ],
      answer: null,
    },
    {
      name: 'a bind is valid from the first millisecond',
      statements: [said('bind', bob, 10, { notBefore: 1000, notAfter: 3000 })],
      answer: bob,
    },
    {
      name: 'a bind is not valid in the last',
      statements: [said('bind', bob, 10, { notBefore: 0, notAfter: 1000 })],
      answer: null,
    },
    {
      name: 'where ours has expired a partner’s answers',
      statements: [
        said('bind', alice, 10, { notBefore: 0, notAfter: 500 }),
        said('bind', bob, 5, partner),
      ],
      answer: bob,
    },
    {
      name: 'a bind seen after one that covers its future stays hidden below it',
      statements: [said('unbind', alice, 70), said('bind', alice, 30)],
      answer: null,
    },
    { name: 'nothing was said', statements: [], answer: null },
  ],
  now: 1000,
}

for (const [name, content] of Object.entries({
  entries,
  chunk,
  cosignature: cosigned,
  'log-id': logId,
  claims,
})) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`)
}
