import { compareMarks, type Statement } from './claim.ts'

/**
 * Which statements about one 3PID no fold can need any more: another of the same group, Matrix ID and kind has a
 * greater mark. Claims are two maxima per pair and group, so answers are the same without them (DESIGN 2.3).
 * Answers one boolean per statement, in order. Any order and repetition of statements gives the same verdicts.
 */
export function findSuperseded(statements: readonly Statement[]): boolean[] {
  const newest = new Map<string, Statement>()
  for (const statement of statements) {
    const key = maximumKey(statement)
    const known = newest.get(key)
    if (known === undefined || compareMarks(statement.mark, known.mark) > 0)
      newest.set(key, statement)
  }
  return statements.map((statement) => {
    const maximum = newest.get(maximumKey(statement)) as Statement
    return compareMarks(statement.mark, maximum.mark) < 0
  })
}

function maximumKey({ kind, group, mxid }: Statement): string {
  return `${kind}\u0000${group}\u0000${mxid}`
}
