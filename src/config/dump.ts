import { formatOrigin, type Origin } from './problem.ts'
import { secretKeys, type ConfigTree } from './schema.ts'
import { isSection, type Origins } from './tree.ts'

export type DumpedValue = {
  readonly key: string
  /** The effective value; secrets are masked. */
  readonly value: unknown
  readonly origin: Origin
}

const mask = '********'

/** Every effective value by dotted key with where it came from, secrets masked. Values nobody gave are left out. */
export function dumpConfig(tree: ConfigTree, origins: Origins): DumpedValue[] {
  const values: DumpedValue[] = []
  collect(tree, '', (key, value) => {
    const shown = secretKeys.has(key) ? mask : value
    values.push({ key, value: shown, origin: origins.get(key) ?? { type: 'default' } })
  })
  return values
}

/** YAML that can be read again, each value with its origin as a comment. */
export function formatDump(values: readonly DumpedValue[]): string {
  const lines: string[] = []
  let open: string[] = []
  for (const { key, value, origin } of values) {
    const path = key.split('.')
    const sections = path.slice(0, -1)
    const shared = sections.findIndex((name, index) => open[index] !== name)
    const from = shared < 0 ? sections.length : shared
    for (let depth = from; depth < sections.length; depth++) {
      lines.push(`${'  '.repeat(depth)}${sections[depth]}:`)
    }
    open = sections
    const indent = '  '.repeat(sections.length)
    lines.push(`${indent}${path.at(-1)}: ${JSON.stringify(value)}  # ${formatOrigin(origin)}`)
  }
  return lines.join('\n')
}

function collect(
  section: object,
  prefix: string,
  visit: (key: string, value: unknown) => void,
): void {
  for (const [name, value] of Object.entries(section)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (value === undefined) continue
    if (isSection(value)) collect(value, key, visit)
    else visit(key, value)
  }
}
