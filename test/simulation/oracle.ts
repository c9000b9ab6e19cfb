/**
 * The definition of "which binding is right" (replication.md 3.7), written anew over raw lines and without the
 * product's code: slow, plain, and the judge of the quick one.
 */
export type Fact = {
  readonly kind: 'bind' | 'unbind'
  readonly medium: string
  readonly address: string
  readonly mxid: string
  readonly t: number
  readonly at: number | null
  readonly covers: number | null
  readonly log: string
  readonly index: number
  /** Text that sorts as facts are ordered: by the stamp that counts, then log id, then index. */
  readonly mark: string
}

/** What a line says about an address; null when it says nothing about any. */
export function readFact(text: string, log: string, index: number): Fact | null {
  const line = JSON.parse(text) as Record<string, unknown> & {
    a: Record<string, string>
    t: number
  }
  if (line['k'] !== 'bind' && line['k'] !== 'unbind') return null
  const fact = {
    kind: line['k'],
    medium: line.a['medium'] ?? '',
    address: line.a['address'] ?? '',
    mxid: line.a['mxid'] ?? '',
    t: line.t,
    at: (line['at'] as number | undefined) ?? null,
    covers: (line['covers'] as number | undefined) ?? null,
    log,
    index,
  } as const
  const stamp = String(claimStampOf(fact)).padStart(17, '0')
  return { ...fact, mark: `${stamp} ${log} ${String(index).padStart(9, '0')}` }
}

/** An unbind reaches as far as it says it covers; a copied line counts from the time of its proof. */
export function claimStampOf({ kind, t, at, covers }: Omit<Fact, 'mark'>): number {
  const said = at ?? t
  return kind === 'unbind' ? Math.max(said, covers ?? 0) : said
}

/**
 * The newest bind of an address answers, whoever made it, unless an unbind of just that pair is as new or newer. Where
 * it is withdrawn nothing answers: no older binding comes back. All facts here are of one group of siblings.
 */
export function rightAnswer(
  facts: readonly Fact[],
  medium: string,
  address: string,
): string | null {
  const about = facts.filter((fact) => fact.medium === medium && fact.address === address)
  const binds = about.filter(({ kind }) => kind === 'bind')
  const newest = binds.sort((a, b) => (a.mark < b.mark ? 1 : -1))[0]
  if (newest === undefined) return null
  const isWithdrawn = about.some(
    (fact) =>
      fact.kind === 'unbind' &&
      fact.mxid === newest.mxid &&
      claimStampOf(fact) >= claimStampOf(newest),
  )
  return isWithdrawn ? null : newest.mxid
}
