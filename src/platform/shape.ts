import { z } from 'zod'

/**
 * The one shape tool: what comes from outside (configuration, bodies, files) is `unknown` until it was read here.
 * `z` builds shapes; strict objects refuse unknown members, loose ones pass them on.
 */
export { z }

export type Shape<T> = z.ZodType<T>

export type ShapePath = readonly (string | number)[]

/** What did not fit, by place. `keys` are the members a strict object does not know. */
export type ShapeProblem = {
  readonly path: ShapePath
  readonly kind: 'missing' | 'unknown-keys' | 'invalid'
  readonly keys: readonly string[]
  /** Values that were possible here, when they are a short list. */
  readonly choices: readonly string[]
  readonly message: string
}

export type ShapeReading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ShapeProblem[] }

/** Reads a value by a shape: the value as the shape makes it (defaults filled in), or every problem at once. */
export function readShape<T>(shape: Shape<T>, value: unknown): ShapeReading<T> {
  const reading = shape.safeParse(value, { reportInput: true })
  if (reading.success) return { ok: true, value: reading.data }
  return { ok: false, problems: reading.error.issues.flatMap(problemsOf) }
}

/** Dotted, as operators write it: `listen.public.port`, `peers[2].name`; the whole is the empty text. */
export function formatPath(path: ShapePath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

type Issue = z.core.$ZodIssue

function problemsOf(issue: Issue): ShapeProblem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  const found = { path, keys: [], choices: [], message: issue.message }
  if (issue.code === 'unrecognized_keys') {
    return [{ ...found, kind: 'unknown-keys', keys: issue.keys, message: 'unknown key' }]
  }
  const isMissing = issue.code !== 'custom' && issue.input === undefined
  if (isMissing) return [{ ...found, kind: 'missing', message: 'is missing' }]
  if (issue.code === 'invalid_value') {
    const choices = issue.values.map(String)
    const message = `expected ${listed(choices)}, got ${shown(issue.input)}`
    return [{ ...found, kind: 'invalid', choices, message }]
  }
  if (issue.code === 'invalid_type') {
    const message = `expected ${named(issue.expected)}, got ${shown(issue.input)}`
    return [{ ...found, kind: 'invalid', message }]
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionProblems(issue, found)
  return [{ ...found, kind: 'invalid' }]
}

/** Of the members of a union, the one that fits best says what is wrong: it has the fewest complaints. */
function unionProblems(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  found: Omit<ShapeProblem, 'kind'>,
): ShapeProblem[] {
  const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? []
  return best.flatMap(problemsOf).map((inner) => ({
    ...inner,
    path: [...found.path, ...inner.path],
  }))
}

function listed(choices: readonly string[]): string {
  if (choices.length === 1) return choices[0] ?? ''
  return `one of ${choices.join(', ')}`
}

function named(expected: string): string {
  switch (expected) {
    case 'object':
    case 'record':
      return 'an object (keys and values)'
    case 'array':
      return 'a list'
    case 'string':
      return 'text'
    case 'int':
      return 'a whole number'
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    default:
      return expected
  }
}

/** Short, and without the content of texts: a message may end up in a log, and the value may be a secret. */
function shown(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  switch (typeof value) {
    case 'string':
      return 'text'
    case 'number':
    case 'boolean':
      return String(value)
    case 'object':
      return 'an object'
    default:
      return typeof value
  }
}
