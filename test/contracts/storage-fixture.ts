import { bindLine, unbindLine } from '../../src/domain/entry-line.ts'
import type { Threepid } from '../../src/domain/threepid.ts'
import type {
  CommitGroup,
  LogCommit,
  LookupAddition,
  Storage,
  StoredLog,
} from '../../src/storage/storage.ts'

/** Lines and groups to fill a store with; nothing here decides what a store should answer. */

export const pepper = 'matrixrocks'
export const paris = 'paris.id.example.org/site~aaaaaaaa'
export const oslo = 'oslo.id.example.org/site~bbbbbbbb'
export const alice: Threepid = { medium: 'email', address: 'alice@example.com' }
export const bob: Threepid = { medium: 'email', address: 'bob@example.com' }
/** Hashes of the Matrix specification's examples with the pepper above. */
export const aliceHash = '4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc'
export const bobHash = 'LJwSazmv46n0hlMlsb_iYxI0_HXEqy_yj6Jm636cdT8'

export type Said = {
  readonly threepid: Threepid
  readonly mxid: string
  readonly stamp: number
  readonly kind?: 'bind' | 'unbind'
  readonly at?: number
  readonly covers?: number
  readonly via?: string
}

export function lineOf(said: Said): Uint8Array {
  const { threepid, mxid, stamp, kind = 'bind', covers = null, at, via } = said
  const { medium, address } = threepid
  const options = { ...(at === undefined ? {} : { at }), ...(via === undefined ? {} : { via }) }
  const nonce = 'AAAAAAAAAAAAAAAAAAAAAA=='
  const pair = { medium, address, mxid, nonce, ...options }
  if (kind === 'unbind') return Buffer.from(unbindLine({ kind, ...pair }, stamp, covers))
  const association = { address, medium, mxid, not_after: 4e12, not_before: 0, ts: 1 }
  const associationJson = JSON.stringify({
    ...association,
    signatures: { 'example.org': { 'ed25519:0': 'c2ln' } },
  })
  return Buffer.from(bindLine({ kind, ...pair, associationJson }, stamp))
}

export function headOf(log: string, size: number, more: Partial<StoredLog> = {}): StoredLog {
  const origin = log.slice(0, log.indexOf('/'))
  const root = new Uint8Array(32).fill(size % 256)
  const note = `${log}\n${size}\n`
  return {
    log,
    origin,
    size,
    root,
    note,
    lastStamp: size,
    haltedAt: null,
    blankAt: null,
    closedAt: null,
    ...more,
  }
}

export function logCommit(
  log: string,
  from: number,
  lines: LogCommit['lines'],
  more: Partial<LogCommit> = {},
): LogCommit {
  return {
    head: headOf(log, from + lines.length),
    expectedSize: from,
    lines,
    fills: [],
    subtrees: [],
    ...more,
  }
}

export function groupOf(parts: Partial<CommitGroup>): CommitGroup {
  return { logs: [], lookups: [], accounts: [], meta: {}, ...parts }
}

/** What is said, as the next lines of a log, indexed. */
export function sayings(log: string, from: number, said: readonly Said[]): CommitGroup {
  const lookups = said.map(({ threepid }, i): LookupAddition => ({
    threepid,
    log,
    index: from + i,
  }))
  return groupOf({ logs: [logCommit(log, from, said.map(lineOf))], lookups })
}

export async function setPepper(storage: Storage): Promise<void> {
  await storage.commit(groupOf({ meta: { pepper } }))
}

/** Log and index of what was found, in order, to compare with. */
export function places(
  entries: readonly { readonly log: string; readonly index: number }[],
): string[] {
  return entries.map(({ log, index }) => `${log.slice(0, log.indexOf('.'))} ${index}`).sort()
}
