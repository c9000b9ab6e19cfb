import { z } from '../platform/shape.ts'
import { configSchema } from './schema.ts'
import { nearest } from './suggest.ts'

/** Every dotted key the schema knows, sections included. */
export function allKeys(): string[] {
  const keys: string[] = []
  collect(configSchema, '', keys)
  return keys
}

/**
 * The known key nearest to an unknown one: of the same section if it is a slip of the pen, else one of the same last
 * name in another section.
 */
export function nearestKey(unknown: string, known: readonly string[]): string | null {
  const section = unknown.slice(0, Math.max(0, unknown.lastIndexOf('.')))
  const name = lastName(unknown)
  const siblings = known.filter((key) => parentOf(key) === section)
  const near = nearest(name, siblings.map(lastName))
  if (near !== null) return section === '' ? near : `${section}.${near}`
  return known.find((key) => lastName(key) === name) ?? nearest(unknown, known)
}

function lastName(key: string): string {
  return key.slice(key.lastIndexOf('.') + 1)
}

function parentOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('.')))
}

function collect(shape: unknown, key: string, keys: string[]): void {
  if (
    shape instanceof z.ZodOptional ||
    shape instanceof z.ZodDefault ||
    shape instanceof z.ZodPrefault
  ) {
    collect(shape.unwrap(), key, keys)
  } else if (shape instanceof z.ZodUnion) {
    for (const option of shape.options) collect(option, key, keys)
  } else if (shape instanceof z.ZodObject) {
    for (const [name, member] of Object.entries(shape.shape)) {
      const inner = key === '' ? name : `${key}.${name}`
      if (!keys.includes(inner)) keys.push(inner)
      collect(member, inner, keys)
    }
  }
}
