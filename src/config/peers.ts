import { pinProblem, meshUrlProblem, verifierKeyProblem } from '../domain/card.ts'
import { peersMax } from '../domain/limits.ts'
import { isAudienceName, isNodeName } from '../domain/log-id.ts'
import type { Peer } from '../domain/peer.ts'
import { patternProblem } from '../domain/peer-rules.ts'
import { readPublicFile, SecretFileError } from '../platform/secret-file.ts'
import { formatPath, readShape, z } from '../platform/shape.ts'

export type PeerProblem = {
  /** Which row: `peers[2] (lyon.id.example.org)`; the file's name when it is the whole file. */
  readonly row: string
  readonly message: string
}

export type PeersReading = {
  readonly peers: readonly Peer[]
  /** Rows that were skipped, and why. */
  readonly problems: readonly PeerProblem[]
  /** What stands in the file without effect in this version. */
  readonly warnings: readonly PeerProblem[]
}

const partnerShape = z.strictObject({
  audience: z.string().refine(isPartnerAudience, {
    message: 'expected a name of lower-case letters, digits and -, other than site and live',
  }),
  rank: z.int().min(1, 'expected 1 or more: rank 0 is ours').max(1_000_000),
  accept: z.array(z.string().superRefine(checkPattern)).max(1_000),
  max_entries: z.int().min(0).optional(),
  relay: z.boolean().optional(),
})

const rowShape = z.strictObject({
  name: z.string().refine(isNodeName, { message: 'expected a node name' }),
  url: z.string().nullable().optional(),
  keys: z.array(z.string()).min(1, 'expected at least one key').max(16),
  tls_pins: z.array(z.string()).max(16).default([]),
  sibling: z.literal(true).optional(),
  partner: partnerShape.optional(),
  protocol: z.literal('mycelid').optional(),
})

type Row = z.output<typeof rowShape>

/**
 * Reads peers.json. Never throws for what stands in it: a bad row is reported and skipped, so that one of them never
 * keeps this node from its other peers. A missing file means no peers; our own row is ignored, so that one file may
 * be copied to all siblings. In pki mode rows need no pins.
 */
export function loadPeers(
  file: string,
  ownName: string,
  { arePinsNeeded = true }: { readonly arePinsNeeded?: boolean } = {},
): PeersReading {
  let text: string
  try {
    text = readPublicFile(file).toString('utf8')
  } catch (error) {
    if (!(error instanceof SecretFileError)) throw error
    if (error.code === 'missing') return { peers: [], problems: [], warnings: [] }
    return fileProblem(file, error.message)
  }
  return readPeers(text, { file, ownName, arePinsNeeded })
}

export function readPeers(
  text: string,
  known: { readonly file: string; readonly ownName: string; readonly arePinsNeeded: boolean },
): PeersReading {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    return fileProblem(known.file, `is no JSON: ${error instanceof Error ? error.message : ''}`)
  }
  const rows = rowsOf(content)
  if (rows === null) {
    return fileProblem(
      known.file,
      'expected an object with a list of "peers", as in peers.example.json',
    )
  }
  const peers: Peer[] = []
  const problems: PeerProblem[] = []
  const warnings: PeerProblem[] = []
  rows.forEach((value, index) => {
    if (isOwnRow(value, known.ownName)) return
    const row = rowName(value, index)
    const read = readRow(value, known.arePinsNeeded)
    const message = typeof read === 'string' ? read : clash(read, peers)
    if (message !== null) problems.push({ row, message })
    else if (typeof read !== 'string') peers.push(read)
  })
  for (const message of idleKeys(content, rows)) warnings.push({ row: known.file, message })
  return { peers, problems, warnings }
}

/** The rows of a parsed file; null when it has another form. */
export function rowsOf(content: unknown): readonly unknown[] | null {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return null
  if (!('peers' in content)) return []
  return Array.isArray(content.peers) ? (content.peers as unknown[]) : null
}

function readRow(value: unknown, arePinsNeeded: boolean): Peer | string {
  if (member(value, 'protocol') === 'sydent') {
    return 'protocol "sydent" is not spoken by this version'
  }
  const reading = readShape(rowShape, value)
  if (!reading.ok) {
    return reading.problems
      .map(({ path, keys, message }) => {
        const place = formatPath(path)
        const subject = [place, ...keys].filter((part) => part !== '').join('.')
        return subject === '' ? message : `${subject}: ${message}`
      })
      .join('; ')
  }
  const row = reading.value
  const problem = rowProblem(row, arePinsNeeded)
  if (problem !== null) return problem
  const { partner } = row
  return {
    name: row.name,
    url: row.url?.replace(/\/+$/, '') ?? null,
    keys: row.keys,
    tlsPins: row.tls_pins,
    role:
      partner === undefined
        ? { type: 'sibling' }
        : {
            type: 'partner',
            audience: partner.audience,
            rank: partner.rank,
            accept: partner.accept,
          },
  }
}

function rowProblem(row: Row, arePinsNeeded: boolean): string | null {
  if ((row.sibling === undefined) === (row.partner === undefined)) {
    return 'expected either "sibling": true or "partner": {…}'
  }
  const url = row.url ?? null
  const problem =
    (url === null ? null : meshUrlProblem(url)) ??
    firstProblem(row.keys, (key) => verifierKeyProblem(row.name, key)) ??
    firstProblem(row.tls_pins, pinProblem)
  if (problem !== null) return problem
  if (arePinsNeeded && row.tls_pins.length === 0) {
    return 'tls_pins is empty: without one it cannot prove who it is'
  }
  return null
}

/** A name, a key or a pin that two rows share would make one peer pose as the other. */
function clash(peer: Peer, others: readonly Peer[]): string | null {
  if (others.length >= peersMax) return `more than ${peersMax} peers`
  for (const other of others) {
    if (other.name === peer.name) return 'an earlier row has the same name'
    if (other.tlsPins.some((pin) => peer.tlsPins.includes(pin))) {
      return `the row of ${other.name} has the same TLS pin`
    }
    const keys = new Set(other.keys.map(rawKey))
    if (peer.keys.some((key) => keys.has(rawKey(key)))) {
      return `the row of ${other.name} has the same mesh key`
    }
  }
  return null
}

/** Parts of the file this version keeps but does not use. */
function idleKeys(content: unknown, rows: readonly unknown[]): string[] {
  const idle: string[] = []
  if (typeof content === 'object' && content !== null && 'audiences' in content) {
    idle.push('"audiences" has no effect yet in this version')
  }
  for (const key of ['max_entries', 'relay']) {
    const isUsed = rows.some((row) => {
      const partner = member(row, 'partner')
      return typeof partner === 'object' && partner !== null && key in partner
    })
    if (isUsed) idle.push(`"${key}" of a partner has no effect yet in this version`)
  }
  return idle
}

function checkPattern(text: string, context: z.core.$RefinementCtx<string>): void {
  const problem = patternProblem(text)
  if (problem !== null) context.addIssue({ code: 'custom', message: `"${text}": ${problem}` })
}

function isPartnerAudience(text: string): boolean {
  return isAudienceName(text) && text !== 'site' && text !== 'live'
}

function firstProblem<T>(values: readonly T[], check: (value: T) => string | null): string | null {
  for (const value of values) {
    const problem = check(value)
    if (problem !== null) return problem
  }
  return null
}

/** The key without the name it is for: `name+id+base64`, and base64 may hold a + of its own. */
function rawKey(vkey: string): string {
  return vkey.split('+').slice(2).join('+')
}

function isOwnRow(value: unknown, ownName: string): boolean {
  return member(value, 'name') === ownName
}

function rowName(value: unknown, index: number): string {
  const name = member(value, 'name')
  return typeof name === 'string' ? `peers[${index}] (${name})` : `peers[${index}]`
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Readonly<Record<string, unknown>>)[key]
}

function fileProblem(file: string, message: string): PeersReading {
  return { peers: [], problems: [{ row: file, message }], warnings: [] }
}
