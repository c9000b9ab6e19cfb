import type { Entry } from '../domain/entry.ts'

/** What an entry says, for a person to read. It may hold anything: show it through `printable`. */
export function sentenceOf(entry: Entry): string {
  switch (entry.kind) {
    case 'bind':
      return `bind ${entry.association.medium} ${entry.association.address} ${entry.association.mxid}`
    case 'unbind':
      return `unbind ${entry.threepid.medium} ${entry.threepid.address} ${entry.mxid}`
    case 'begin':
      return `begin ${entry.node} for ${entry.serverName}`
    case 'close':
      return `close ${entry.closed.log} at ${entry.closed.size} lines`
    case 'unknown':
      return `${entry.name} (a kind this version does not know)`
  }
}
