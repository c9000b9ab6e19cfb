import { createHash, createHmac } from 'node:crypto'
import { logsPerOriginMax } from '../domain/limits.ts'
import { parseLogId } from '../domain/log-id.ts'
import { isRecord, readInteger, readString } from './shapes.ts'
import type { HeadsOffer, HeardHeads } from '../mesh/events.ts'

/** What siblings must share, as short hashes they can compare without telling it. */
export type SharedMarks = { readonly pepper: string; readonly siteSecret: string }

/** `pepper` of heads: first 12 bytes of SHA-256, base64; of the site secret, an HMAC under it. */
export function sharedMarks(pepper: string, siteSecret: Uint8Array): SharedMarks {
  const pepperHash = createHash('sha256').update(`mycelid pepper ${pepper}`).digest()
  const secretHash = createHmac('sha256', siteSecret).update('mycelid site secret').digest()
  return {
    pepper: pepperHash.subarray(0, 12).toString('base64'),
    siteSecret: secretHash.subarray(0, 12).toString('base64'),
  }
}

export type HeadsBody = {
  readonly v: 1
  readonly node: string
  readonly now: number
  readonly logs: readonly {
    readonly log: string
    readonly have: number
    readonly checkpoint: string
  }[]
  readonly closed: { readonly count: number; readonly digest: string }
  /** Only among siblings. */
  readonly shared?: SharedMarks
}

/** Reads a peer's answer to heads; null when it is not one. Entries that are not offers are skipped. */
export function readHeads(body: unknown, ours: SharedMarks | null): HeardHeads | null {
  if (!isRecord(body) || body['v'] !== 1) return null
  const nowMs = readInteger(body['now'])
  const closed = body['closed']
  if (nowMs === null || !isRecord(closed) || !Array.isArray(body['logs'])) return null
  const count = readInteger(closed['count'])
  const digest = readString(closed['digest'], 64)
  if (count === null || digest === null) return null
  const logs: HeadsOffer[] = []
  for (const offer of body['logs'].slice(0, logsPerOriginMax) as unknown[]) {
    const read = readOffer(offer)
    if (read !== null) logs.push(read)
  }
  return { nowMs, logs, closed: { count, digest }, mismatches: mismatches(body['shared'], ours) }
}

function readOffer(value: unknown): HeadsOffer | null {
  if (!isRecord(value)) return null
  const log = readString(value['log'], 300)
  const have = readInteger(value['have'])
  const checkpoint = readString(value['checkpoint'], 64 * 1024)
  if (log === null || parseLogId(log) === null || have === null) return null
  return { log, have, checkpoint: checkpoint === '' ? null : checkpoint }
}

function mismatches(shared: unknown, ours: SharedMarks | null): string[] {
  if (ours === null || !isRecord(shared)) return []
  const found: string[] = []
  if (shared['pepper'] !== ours.pepper) found.push('lookup pepper')
  if (shared['siteSecret'] !== ours.siteSecret) found.push('site secret')
  return found
}
