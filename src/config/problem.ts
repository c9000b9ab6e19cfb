/** Where a value came from: a line of a file, a variable of the environment, or nobody said anything. */
export type Origin =
  | { readonly type: 'default' }
  | { readonly type: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly type: 'environment'; readonly name: string }

/** Something an operator has to change (a problem) or should know (a warning). */
export type ConfigProblem = {
  readonly origin: Origin
  /** Dotted key; empty for a whole file. */
  readonly key: string
  readonly message: string
  /** What was probably meant, null when nothing comes to mind. */
  readonly suggestion: string | null
}

/** The configuration cannot be used; every problem is listed, not only the first. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export function formatOrigin(origin: Origin): string {
  switch (origin.type) {
    case 'default':
      return 'default'
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`
    case 'environment':
      return origin.name
  }
}

/** `node.yaml:3:5: listen.publc: unknown key (did you mean "listen.public"?)` */
export function formatProblem({ origin, key, message, suggestion }: ConfigProblem): string {
  const place = origin.type === 'default' ? '' : `${formatOrigin(origin)}: `
  const subject = key === '' ? '' : `${key}: `
  const hint = suggestion === null ? '' : ` (did you mean "${suggestion}"?)`
  return `${place}${subject}${message}${hint}`
}
