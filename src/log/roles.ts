import { parseLogId, type LogId } from '../domain/log-id.ts'
import { ownRank, type Peer } from '../domain/peer.ts'
import { matchesAny } from '../domain/peer-rules.ts'
import type { Threepid } from '../domain/threepid.ts'
import type { Standing } from './associations.ts'

type Role = Peer['role']

/** The group of the own operator: this node and its siblings. */
export const ownGroup = 'own'
/** Where words of unknown standing come: after every partner. */
const lastRank = 1_000_000_000

/** Name of the stored value that holds the roles the index was folded under: node → role, JSON. */
export const rolesMetaName = 'folded_roles'

/**
 * Whose word is whose, by the peers file; a node that was taken out of it keeps the standing it had, so that removing
 * a row by mistake takes nobody's binding away.
 */
export class Roles implements Standing {
  readonly #self: string
  #remembered: Readonly<Record<string, Role>>
  #live = new Map<string, Role>()
  /** Groups by log: asked for every entry of every lookup. */
  readonly #groups = new Map<LogId, string>()

  constructor(self: string, remembered: Readonly<Record<string, Role>>, peers: readonly Peer[]) {
    this.#self = self
    this.#remembered = remembered
    this.update(peers)
  }

  /** Answers the nodes whose standing is another than the index was folded under. */
  update(peers: readonly Peer[]): readonly string[] {
    this.#groups.clear()
    this.#live = new Map(peers.map(({ name, role }) => [name, role]))
    const changed: string[] = []
    for (const [name, role] of this.#live) {
      const before = this.#remembered[name]
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(role))
        changed.push(name)
    }
    this.#remembered = { ...this.#remembered, ...Object.fromEntries(this.#live) }
    return changed
  }

  /** To be stored once the index follows. */
  format(): string {
    return JSON.stringify(this.#remembered)
  }

  isSibling(node: string): boolean {
    return node === this.#self || this.#roleOf(node)?.type === 'sibling'
  }

  groupOf(log: LogId, via: string | null): string {
    if (via !== null) return `via:${via}`
    let group = this.#groups.get(log)
    if (group === undefined) {
      const node = parseLogId(log)?.node ?? log
      group = this.isSibling(node) ? ownGroup : node
      this.#groups.set(log, group)
    }
    return group
  }

  rankOf(group: string): number {
    if (group === ownGroup) return ownRank
    const role = this.#roleOf(group)
    return role?.type === 'partner' ? role.rank : lastRank
  }

  accepts(node: string, threepid: Threepid): boolean {
    if (node === this.#self) return true
    const role = this.#roleOf(node)
    if (role === undefined) return false
    return role.type === 'sibling' || matchesAny(role.accept, threepid)
  }

  #roleOf(node: string): Role | undefined {
    return this.#live.get(node) ?? this.#remembered[node]
  }
}

export function parseRoles(text: string | null): Readonly<Record<string, Role>> {
  return text === null ? {} : (JSON.parse(text) as Record<string, Role>)
}
