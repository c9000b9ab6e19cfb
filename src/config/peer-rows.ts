import type { Card } from '../domain/card.ts'
import { RefusalError } from '../domain/refusal.ts'
import { rowsOf } from './peers.ts'

/** What a card's node is to us. */
export type PairedRole =
  | { readonly type: 'sibling' }
  | {
      readonly type: 'partner'
      readonly audience: string
      readonly rank: number
      readonly accept: readonly string[]
    }

export type PairChange = 'added' | 'changed' | 'unchanged'

type Fields = Readonly<Record<string, unknown>>

/**
 * The content of peers.json with a row for the card; everything else stays, unknown members too. A row that names
 * another key, pin or role is a contradiction: refused with param-invalid unless forced, for it may be that the node
 * was set up anew, or that somebody poses as it.
 */
export function withPeerRow(
  content: unknown,
  wanted: { readonly card: Card; readonly role: PairedRole; readonly isForced: boolean },
): { content: Fields; change: PairChange } {
  const rows = rowsOf(content)
  if (rows === null) {
    throw refused('expected an object with a list of "peers"; repair it before pairing')
  }
  const { card, role, isForced } = wanted
  const index = rows.findIndex((row) => field(row, 'name') === card.name)
  const present = index < 0 ? null : (rows[index] as Fields)
  refuseSharedPin(rows, card)
  if (present !== null && !isForced) refuseContradiction(present, card, role)
  const row = present === null ? newRow(card, role) : renewedRow(present, wanted)
  const isSame = present !== null && JSON.stringify(present) === JSON.stringify(row)
  const next = index < 0 ? [...rows, row] : rows.with(index, row)
  const base = content as Fields
  return {
    content: { ...base, peers: next },
    change: present === null ? 'added' : isSame ? 'unchanged' : 'changed',
  }
}

function newRow(card: Card, role: PairedRole): Fields {
  return {
    name: card.name,
    ...(card.url === null ? {} : { url: card.url }),
    keys: [card.vkey],
    tls_pins: [card.pin],
    ...roleFields(role, undefined),
  }
}

/** The members keep their order, so that pairing again with nothing new changes nothing. */
function renewedRow(
  present: Fields,
  { card, role, isForced }: { card: Card; role: PairedRole; isForced: boolean },
): Fields {
  const row: Record<string, unknown> = { ...present }
  if (card.url !== null) row['url'] = card.url
  if (isForced) {
    // The card's alone: the former ones may be in other hands.
    row['keys'] = [card.vkey]
    row['tls_pins'] = [card.pin]
  }
  delete row[role.type === 'sibling' ? 'partner' : 'sibling']
  return Object.assign(row, roleFields(role, present['partner']))
}

/** Members of a partner row that pairing does not set (max_entries, relay) are kept. */
function roleFields(role: PairedRole, present: unknown): Fields {
  if (role.type === 'sibling') return { sibling: true }
  const kept = typeof present === 'object' && present !== null ? present : {}
  return {
    partner: { ...kept, audience: role.audience, rank: role.rank, accept: role.accept },
  }
}

function refuseContradiction(present: Fields, card: Card, role: PairedRole): void {
  const reasons: string[] = []
  if (!lists(present['keys'], card.vkey)) reasons.push('another mesh key')
  if (!lists(present['tls_pins'], card.pin)) reasons.push('another TLS pin')
  const isSibling = present['sibling'] === true
  if (isSibling && role.type === 'partner') reasons.push('it as a sibling')
  if (!isSibling && role.type === 'sibling') reasons.push('it as a partner')
  if (reasons.length === 0) return
  throw refused(
    `peers.json knows ${card.name} already, with ${reasons.join(' and ')}. If it was set up anew, ` +
      'ask its operator for the card over a safe way, and pair again with --force',
  )
}

function refuseSharedPin(rows: readonly unknown[], card: Card): void {
  for (const row of rows) {
    if (field(row, 'name') === card.name || !lists(field(row, 'tls_pins'), card.pin)) continue
    throw refused(
      `the TLS pin of this card is that of ${String(field(row, 'name'))}: two nodes must not share a TLS key`,
    )
  }
}

function lists(value: unknown, wanted: string): boolean {
  return Array.isArray(value) && value.includes(wanted)
}

function field(row: unknown, key: string): unknown {
  return typeof row === 'object' && row !== null ? (row as Fields)[key] : undefined
}

function refused(message: string): RefusalError {
  return new RefusalError('param-invalid', message)
}
