import type { Signatures } from './association.ts'

/** Readings of what stands in a line: unknown until looked at. */
export type Fields = Readonly<Record<string, unknown>>

export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

export function isBoundedText(value: unknown, bytesMax: number): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > bytesMax) return false
  if (value.length * 3 > bytesMax && Buffer.byteLength(value) > bytesMax) return false
  return !value.includes('\u0000')
}

export function isSignatures(value: unknown): value is Signatures {
  if (!isFields(value)) return false
  for (const entity in value) {
    const keys = value[entity]
    if (!isFields(keys)) return false
    for (const keyId in keys) if (typeof keys[keyId] !== 'string') return false
  }
  return true
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
