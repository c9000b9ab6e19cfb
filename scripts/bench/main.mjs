// The figures of Mycelid, measured here and now: npm run bench [-- --json] [--rows N] [--only part,part].
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { constants, gzipSync } from 'node:zlib'
import { auditFigures } from './audit.mjs'
import { bindLatency } from './latency.mjs'
import { catchUp, fillOrigin } from './catch-up.mjs'
import { hashAndInsert } from './plain-loop.mjs'
import { writeChunk } from './lines.mjs'
import { lookupRatio, versionsRatio } from './lookups.mjs'
import { bindRate, lookupsWhileMailHangs, sessionMemory } from './people.mjs'
import { giveToken, makeNode, seedOf, start, stop } from './nodes.mjs'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '1000000' },
    only: { type: 'string' },
  },
})
const rows = Number(values.rows)
const parts = values.only?.split(',') ?? [
  'apply',
  'verify',
  'ingest',
  'catch-up',
  'latency',
  'lookup',
  'wire',
  'bind',
  'mail',
  'sessions',
  'audit',
]
const dir = mkdtempSync(join(tmpdir(), 'mycelid-bench-'))
const results = []
const say = (text) => process.stderr.write(`${text}\n`)

/** `bound`: the figure must be at least (or, with atMost, at most) this; a figure without one is only told. */
function report(what, value, unit, bound = null, atMost = false) {
  const isMet = bound === null ? null : atMost ? value <= bound : value >= bound
  results.push({ what, value, unit, bound, atMost, isMet })
  say(`  ${what}: ${format(value)} ${unit}`)
}

function format(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1)
}

function receiver(given) {
  const folder = mkdtempSync(join(dir, 'receiver-'))
  const script = fileURLToPath(new URL('receiver.mjs', import.meta.url))
  const out = execFileSync(process.execPath, [script, JSON.stringify({ ...given, dir: folder })], {
    encoding: 'utf8',
  })
  rmSync(folder, { recursive: true })
  return JSON.parse(out.trim().split('\n').at(-1))
}

async function run() {
  if (parts.some((part) => part !== 'audit')) await measure()
  // Last: it takes longest, for a million associations are signed first.
  if (parts.includes('audit')) await audit()
}

async function measure() {
  const origin = await makeNode(dir, 'origin')
  const about = { node: origin.name, seed: seedOf(origin), serverName: 'id.example.org' }
  const chunkOf = async (count, isSigned) => {
    const file = join(dir, `chunk-${count}`)
    const facts = await writeChunk({ ...about, file, rows: count, isSigned })
    return { chunk: file, facts, rows: count }
  }
  say(`making ${rows.toLocaleString('en')} associations`)
  const large = await chunkOf(rows, false)
  let perCpuSecond = null
  if (parts.includes('apply')) {
    say('applying them from memory')
    const applied = receiver({ mode: 'apply', ...large })
    perCpuSecond = rows / applied.cpuSeconds
    report(
      'entries applied per CPU-second, verified, durable, indexed',
      perCpuSecond,
      '/cpu-s',
      50_000,
    )
    report(
      'bytes per binding on disk, all indexes',
      (applied.fileBytes + applied.walBytes) / rows,
      'B',
      550,
      true,
    )
  }
  if (parts.includes('verify')) {
    say('the same path made to verify every signature')
    const signed = await chunkOf(20_000, true)
    const plain = receiver({ mode: 'apply', ...signed })
    const each = receiver({ mode: 'apply', ...signed, verifyEach: true })
    report(
      'applied ÷ the same path verifying every entry',
      each.cpuSeconds / plain.cpuSeconds,
      '×',
      5,
    )
  }
  if (parts.includes('ingest')) {
    say('lookups while ingesting')
    const { busy, idle, entriesPerSecond } = receiver({ mode: 'lookups', ...large })
    report('lookups while ingesting ÷ idle', busy / idle, '', 0.6)
    report('entries per second meanwhile', entriesPerSecond, '/s', 20_000)
  }
  if (parts.includes('wire')) await wire(large)
  if (parts.includes('lookup')) await lookups()
  if (parts.includes('latency')) await latency()
  if (parts.includes('catch-up')) await catchUpFrom(origin, large)
  if (parts.includes('bind')) await binds()
  if (parts.includes('mail')) await mails()
  if (parts.includes('sessions')) await sessions()
}

async function wire({ chunk, rows: count }) {
  const bytes = gzipSync(readFileSync(chunk), { level: constants.Z_BEST_SPEED }).length
  report(
    'bytes per binding on the wire, compressed, signature included',
    bytes / count,
    'B',
    160,
    true,
  )
}

/** Asked of every lookup, and accepted by the user of the bench's token. */
const terms = {
  policies: { privacy: { version: '1', en: { name: 'Privacy', url: 'https://id.example.org/p' } } },
}

async function lookups() {
  say('lookups against a bare server')
  const node = await makeNode(dir, 'lookups', { terms })
  const about = { node: node.name, seed: seedOf(node), serverName: 'id.example.org' }
  const file = join(dir, 'chunk-lookups')
  const facts = await writeChunk({ ...about, file, rows: 100_000 })
  await fillOrigin(node, { chunk: file, facts })
  const token = await giveToken(node)
  const served = await start(node)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const target = { port: node.ports.public, pid: served.child.pid, token }
  const versions = await versionsRatio(target)
  report('CPU of a bare server ÷ ours, GET versions', versions.ratio, '', 0.5)
  const one = await lookupRatio({ ...target, hashes: 1, known: 1 })
  report('CPU of a bare server ÷ ours, lookup of 1 hash', one.ratio, '', 0.5)
  const hundred = await lookupRatio({ ...target, hashes: 100, known: 10, count: 4_000 })
  report('CPU of a bare server ÷ ours, lookup of 100 hashes, 10 known', hundred.ratio, '', 0.25)
  await stop(served)
}

async function latency() {
  say('a bind here, and durable at a peer')
  const { localMs, peerMs } = await bindLatency(dir)
  report('a bind durable here, p50', localMs, 'ms')
  report('a bind durable at a peer ÷ durable here, p50', peerMs / localMs, '×', 4, true)
}

async function catchUpFrom(origin, large) {
  say('catching up over mutual TLS')
  await fillOrigin(origin, large)
  const { seconds, extraBytes, startSeconds } = await catchUp(dir, origin, large)
  report('catch-up into an empty node until it answers', seconds, 's', 15, true)
  report('memory above idle during it', extraBytes / 2 ** 20, 'MiB', 128, true)
  report(
    'the same ÷ a loop that hashes and inserts these rows',
    seconds / hashAndInsert(large.chunk, dir),
    '×',
  )
  report('start to first answer with them', startSeconds, 's', 1, true)
}

async function binds() {
  say('binding validated sessions, 64 clients')
  const { perSecond, cpuMs } = await bindRate(dir)
  report('3pid/bind of validated sessions, durable', perSecond, '/s', 2_000)
  report('CPU of each, all threads', cpuMs, 'ms')
}

async function mails() {
  say('lookups while the mail server hangs')
  const { ratio, answered } = await lookupsWhileMailHangs(dir)
  report('requestToken answered meanwhile', answered, '/s', 190)
  report('lookups meanwhile ÷ without', ratio, '', 0.8)
}

async function sessions() {
  say('a hundred thousand sessions')
  const { early, late, perSecond } = await sessionMemory(dir)
  report('requestToken begun, durable', perSecond, '/s')
  report(
    'memory after 100,000 sessions less after 50,000',
    (late - early) / 2 ** 20,
    'MiB',
    16,
    true,
  )
}

async function audit() {
  say('log verify, a process of its own')
  const figures = await auditFigures(dir, rows)
  const { plainSeconds, independentSeconds, signedSeconds, proofBytes, forkCheckMs } = figures
  report('log verify of all entries: tree, claims, index', plainSeconds, 's', 15, true)
  report('the second, independent check of them', independentSeconds, 's')
  report('log verify --signatures', signedSeconds, 's', 60, true)
  report('proof of one of them', proofBytes, 'B', 4_000, true)
  report('offline check of a fork proof', forkCheckMs, 'ms', 5, true)
}

function table() {
  const lines = results.map(({ what, value, unit, bound, atMost, isMet }) => {
    const wanted = bound === null ? '' : `${atMost ? 'at most' : 'at least'} ${format(bound)}`
    const verdict = isMet === null ? '' : isMet ? 'met' : 'MISSED'
    return [what, `${format(value)} ${unit}`.trim(), wanted, verdict]
  })
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column].length)))
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

mkdirSync(dir, { recursive: true })
try {
  await run()
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(
  values.json ? JSON.stringify({ rows, node: process.version, results }, null, 2) : `\n${table()}`,
)
process.exitCode = results.some(({ isMet }) => isMet === false) ? 1 : 0
