import { parse } from 'yaml'
import { z } from '../platform/shape.ts'
import type { ConfigProblem, Origin } from './problem.ts'
import { configSchema } from './schema.ts'
import { isSection, type Origins, type Section, type Source } from './tree.ts'

const prefix = 'MYCELID_'
/** Read by the command line itself. */
const reserved: ReadonlySet<string> = new Set(['MYCELID_CONFIG'])

/**
 * Overrides from the environment: `MYCELID_LISTEN__PUBLIC__PORT=8091`. The value is text where text is wanted, else it
 * is read as YAML (`[127.0.0.1, 10.0.0.0/8]`, `true`). A variable without `__` that is no section is a warning, not a
 * problem: Kubernetes and Docker put MYCELID_PORT and its like into the environment of neighbours of a service
 * called mycelid.
 */
export function readEnvironmentSource(
  environment: Readonly<Record<string, string | undefined>>,
): Source & { readonly warnings: readonly ConfigProblem[] } {
  const tree: Section = {}
  const origins: Origins = new Map()
  const problems: ConfigProblem[] = []
  const warnings: ConfigProblem[] = []
  for (const name of Object.keys(environment).sort()) {
    const given = environment[name]
    if (given === undefined || !name.startsWith(prefix) || reserved.has(name)) continue
    const path = name.slice(prefix.length).toLowerCase().split('__')
    const origin: Origin = { type: 'environment', name }
    const key = path.join('.')
    if (path.length === 1 && !(key in configSchema.shape)) {
      const message = 'ignored: it names no key of the configuration'
      warnings.push({ origin, key: '', message, suggestion: null })
      continue
    }
    const value = readValue(path, given)
    if (value === undefined || path.includes('') || path.includes('__proto__')) {
      const message = 'expected MYCELID_SECTION__KEY with a value that can be read as YAML'
      problems.push({ origin, key, message, suggestion: null })
      continue
    }
    place(tree, path, value)
    note(origins, key, value, origin)
  }
  return { tree, origins, problems, warnings }
}

function readValue(path: readonly string[], given: string): unknown {
  if (wantsText(path)) return given
  try {
    return parse(given, { maxAliasCount: 0 }) as unknown
  } catch {
    return undefined
  }
}

function place(tree: Section, path: readonly string[], value: unknown): void {
  let section = tree
  for (const key of path.slice(0, -1)) {
    const inner = section[key]
    const next = isSection(inner) ? inner : {}
    section[key] = next
    section = next
  }
  section[path.at(-1) ?? ''] = value
}

function note(origins: Origins, key: string, value: unknown, origin: Origin): void {
  origins.set(key, origin)
  if (!isSection(value)) return
  for (const [name, inner] of Object.entries(value)) note(origins, `${key}.${name}`, inner, origin)
}

/** Whether the schema has text at this key, so that a password of digits stays what it is. */
function wantsText(path: readonly string[]): boolean {
  let shapes: unknown[] = [configSchema]
  for (const key of path) {
    shapes = shapes.flatMap(unwrap).flatMap((shape) => memberOf(shape, key))
  }
  return shapes
    .flatMap(unwrap)
    .some((shape) => shape instanceof z.ZodString || shape instanceof z.ZodEnum)
}

function memberOf(shape: unknown, key: string): unknown[] {
  if (shape instanceof z.ZodObject && Object.hasOwn(shape.shape, key)) return [shape.shape[key]]
  return []
}

/** What is inside optional and default wrappers, and the members of a union. */
function unwrap(shape: unknown): unknown[] {
  if (
    shape instanceof z.ZodOptional ||
    shape instanceof z.ZodDefault ||
    shape instanceof z.ZodPrefault
  ) {
    return unwrap(shape.unwrap())
  }
  if (shape instanceof z.ZodUnion) return shape.options.flatMap(unwrap)
  return [shape]
}
