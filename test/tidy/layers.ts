/** The layering table of STYLE.md: which room a file of src/ stands in, and which rooms it may import from. */

const registries = ['storage', 'identity-stores', 'mediums']
const ports = [
  'storage/storage.ts',
  'identity-stores/identity-store.ts',
  'mediums/medium.ts',
  'replication/transport.ts',
]
const features = [
  'binding',
  'lookup',
  'validation',
  'invites',
  'accounts',
  'keys',
  'versions',
  'terms',
  'federation',
  'directory',
  'authentication',
  'profile',
  'admin',
  'health',
]
const plainRooms = ['domain', 'mesh', 'log', 'replication', 'matrix', 'http', 'config', 'cli']
const topFiles = ['main.ts', 'node.ts', 'events.ts']

/** Modules that hold neither clock, disk nor net; the only foreign ones the pure rooms may use. */
const pureModules = ['node:crypto', 'node:buffer', 'tweetnacl']

/**
 * The room of a file, given its path below src/: `main`, `domain`, `feature:binding`, `registry:storage`,
 * `port:storage`, `adapter:storage/sqlite`, `writer` and so on; `null` when STYLE.md knows no such place.
 */
export function roomOf(path: string): string | null {
  const parts = path.split('/')
  const [first = '', second = ''] = parts
  if (parts.length === 1) return topFiles.includes(first) ? first.slice(0, -'.ts'.length) : null
  if (ports.includes(path)) return `port:${first}`
  if (path === 'log/writer.ts') return 'writer'
  if (path === 'http/endpoint.ts') return 'endpoint'
  // The composition root, when it outgrows one file.
  if (first === 'node') return 'node'
  if (first === 'platform' || plainRooms.includes(first)) return first
  if (first === 'features') {
    return parts.length > 2 && features.includes(second) ? `feature:${second}` : null
  }
  if (!registries.includes(first)) return null
  if (path === `${first}/index.ts`) return `registry:${first}`
  return parts.length > 2 ? `adapter:${first}/${second}` : null
}

/** Whether a file in one room may import a file in another. */
export function mayImport(from: string, to: string): boolean {
  if (from === to) return true
  if (from === 'domain' || from === 'platform') return false
  if (from === 'mesh') return to === 'domain'
  if (from === 'main') return true
  if (to === 'main') return false
  if (from === 'cli') return true
  if (to === 'cli') return false
  if (from === 'node') return true
  if (to === 'node') return false
  if (to === 'domain' || to === 'platform') return true
  const kind = from.split(':')[0] as string
  const place = from.slice(kind.length + 1)
  switch (kind) {
    case 'config':
      return to.startsWith('registry:')
    case 'registry':
      return to === `port:${place}` || to.startsWith(`adapter:${place}/`)
    case 'adapter':
      return to === `port:${place.split('/')[0]}`
    case 'feature':
      return ['events', 'log', 'endpoint', 'matrix'].includes(to) || isPort(to)
    case 'replication':
      return ['events', 'mesh', 'log', 'endpoint', 'port:storage', 'port:replication'].includes(to)
    case 'log':
      return ['events', 'mesh', 'port:storage'].includes(to)
    case 'writer':
      return ['events', 'mesh', 'log', 'port:storage', 'registry:storage', 'config'].includes(to)
    case 'http':
      return to === 'endpoint'
    case 'endpoint':
      return to === 'http'
    default:
      return false
  }
}

/** Whether a room may import a module that is not ours. */
export function mayImportModule(from: string, specifier: string): boolean {
  return (from !== 'domain' && from !== 'mesh') || pureModules.includes(specifier)
}

/** Whether an `index.ts` may stand at this path below src/: a registry's, and nowhere else. */
export function isRegistry(path: string): boolean {
  return registries.some((name) => path === `${name}/index.ts`)
}

function isPort(room: string): boolean {
  return room.startsWith('port:')
}
