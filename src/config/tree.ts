import type { ConfigProblem, Origin } from './problem.ts'

/** A section of a configuration: sections and leaves by key. Arrays are leaves, replaced whole. */
export type Section = { [key: string]: unknown }

/** Where each value and section stands, by dotted key. */
export type Origins = Map<string, Origin>

export type Source = {
  readonly tree: Section
  readonly origins: Origins
  readonly problems: readonly ConfigProblem[]
}

/** Own members only, and no prototype to fall through to: keys come from files of others. */
export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Lays sources over one another, later ones winning key by key. `null` (a key with nothing behind it) takes back what
 * an earlier source said.
 */
export function mergeSources(sources: readonly Source[]): { tree: Section; origins: Origins } {
  const tree: Section = {}
  const origins: Origins = new Map()
  for (const source of sources) mergeInto(tree, origins, source, [])
  return { tree, origins }
}

function mergeInto(target: Section, origins: Origins, source: Source, path: string[]): void {
  const from = path.reduce<Section>((section, key) => section[key] as Section, source.tree)
  for (const [key, value] of Object.entries(from)) {
    const place = [...path, key]
    const name = place.join('.')
    const origin = source.origins.get(name)
    if (value === null) {
      if (!isSection(target[key])) delete target[key]
      continue
    }
    const present = target[key]
    if (!isSection(value) || !isSection(present)) forget(origins, name)
    if (origin !== undefined && (!isSection(value) || !origins.has(name))) origins.set(name, origin)
    if (isSection(value)) {
      const section = isSection(present) ? present : {}
      target[key] = section
      mergeInto(section, origins, source, place)
    } else {
      target[key] = value
    }
  }
}

function forget(origins: Origins, name: string): void {
  for (const key of origins.keys()) {
    if (key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`))
      origins.delete(key)
  }
}

/** The origin of a key, or of the innermost section around it that somebody wrote. */
export function originOf(origins: Origins, key: string): Origin {
  for (let name = key; name !== ''; name = name.replace(/\[\d+\]$|(^|\.)[^.[]*$/, '')) {
    const origin = origins.get(name)
    if (origin !== undefined) return origin
  }
  return { type: 'default' }
}
