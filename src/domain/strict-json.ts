import { Buffer, isUtf8 } from 'node:buffer'
import { jsonDepthMax } from './limits.ts'
import { RefusalError } from './refusal.ts'

/**
 * JSON from outside. `JSON.parse` keeps the last of two equal keys, so two readers of one signed text could see two
 * different things; and it takes escaped lone surrogates, which have no UTF-8 form.
 */

const byteOrderMark = '\ufeff'
const loneSurrogatePattern = /\p{Surrogate}/u

/**
 * Reads JSON and refuses, with body-not-json, what readers disagree about: duplicate keys, nesting deeper than
 * jsonDepthMax, lone surrogates, a byte order mark, invalid UTF-8. A member named `__proto__` is an ordinary own
 * property of the result.
 */
export function parseStrictJson(source: string | Uint8Array): unknown {
  const text = typeof source === 'string' ? wellFormed(source) : decodeUtf8(source)
  if (text.startsWith(byteOrderMark)) throw notJson('expected JSON without a byte order mark')
  const value = parse(text)
  if (!isPlain(text, value)) inspect(text)
  return value
}

function wellFormed(text: string): string {
  if (loneSurrogatePattern.test(text)) throw notJson('expected text without lone surrogates')
  return text
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw notJson('expected JSON in UTF-8')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson('expected valid JSON')
  }
}

/**
 * The cheap proof for flat objects: every key of the text, at any depth, takes a colon of its own. With no more colons
 * than the outermost object has members there are no nested objects and no key stands twice.
 */
function isPlain(text: string, value: unknown): boolean {
  if (typeof value !== 'object' || value === null || text.includes('\\u')) return false
  const keyCount = Array.isArray(value) ? 0 : Object.keys(value).length
  return (
    countUpTo(text, ':', keyCount + 1) === keyCount &&
    countUpTo(text, '[', jsonDepthMax) < jsonDepthMax
  )
}

function countUpTo(text: string, character: string, max: number): number {
  let count = 0
  for (let at = text.indexOf(character); at >= 0 && count < max; count++) {
    at = text.indexOf(character, at + 1)
  }
  return count
}

/** Walks over a text that `JSON.parse` has taken: strings are terminated and brackets match. */
function inspect(text: string): void {
  const keysOpen: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        keysOpen.push(new Set())
        break
      case '[':
        keysOpen.push(null)
        break
      case '}':
      case ']':
        keysOpen.pop()
        break
      case '"':
        at = inspectString(text, at, keysOpen.at(-1) ?? null)
        break
      default:
    }
    if (keysOpen.length > jsonDepthMax) {
      throw notJson(`expected JSON of at most ${jsonDepthMax} levels`)
    }
  }
}

/** Looks at the string that opens at `start`; answers where it closes. */
function inspectString(text: string, start: number, keys: Set<string> | null): number {
  let end = start + 1
  let isEscaped = false
  while (text[end] !== '"') {
    if (text[end] === '\\') {
      isEscaped = true
      end++
    }
    end++
  }
  const isKey = keys !== null && nextSolid(text, end + 1) === ':'
  if (!isEscaped && !isKey) return end
  const said = isEscaped ? unescape(text.slice(start, end + 1)) : text.slice(start + 1, end)
  if (isEscaped && loneSurrogatePattern.test(said)) {
    throw notJson('expected text without lone surrogates')
  }
  if (isKey) {
    if (keys.has(said)) throw notJson('expected every key of an object once')
    keys.add(said)
  }
  return end
}

function unescape(quoted: string): string {
  return JSON.parse(quoted) as string
}

function nextSolid(text: string, from: number): string | undefined {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at]
}

function notJson(expected: string): RefusalError {
  return new RefusalError('body-not-json', expected)
}
