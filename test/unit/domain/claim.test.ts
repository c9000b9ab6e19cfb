import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  claimStamp,
  compareMarks,
  dominates,
  foldClaims,
  mergeClaims,
  statementOf,
  type Answer,
  type BoundMark,
  type Claim,
  type Mark,
  type Statement,
} from '../../../src/domain/claim.ts'
import { parseEntry } from '../../../src/domain/entry.ts'
import { bindLine, unbindLine } from '../../../src/domain/entry-line.ts'
import { findSuperseded } from '../../../src/domain/superseded.ts'

type Said = {
  kind: 'bind' | 'unbind'
  mxid: string
  stamp: number
  log: string
  index: number
  group: string
  notBefore?: number
  notAfter?: number
}
type Vectors = {
  rank: Record<string, number>
  now: number
  cases: { name: string; statements: Said[]; answer: string | null }[]
}

const file = new URL('../../vectors/claims.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors
const nowMs = vectors.now
const rankOf = (group: string): number => vectors.rank[group] ?? 99

function statement({
  kind,
  mxid,
  stamp,
  log,
  index,
  group,
  notBefore = 0,
  notAfter = 1e12,
}: Said): Statement {
  const mark = { stamp, log, index }
  if (kind === 'unbind') return { kind, mxid, group, mark }
  return { kind, mxid, group, mark: { ...mark, notBeforeMs: notBefore, notAfterMs: notAfter } }
}

function answer(statements: readonly Statement[]): Answer | null {
  return answerOf(foldClaims(statements), rankOf, nowMs)
}

function sorted(claims: readonly Claim[]): Claim[] {
  const key = ({ group, mxid }: Claim): string => `${group} ${mxid}`
  return [...claims].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

// ---- random histories: few people, few stamps, so that everything collides

const places = fc.tuple(
  fc.constantFrom('n/s~aaaaaaaa', 's/s~aaaaaaaa', 'p/x~aaaaaaaa'),
  fc.integer({ min: 0, max: 3 }),
)
const said: fc.Arbitrary<Statement> = fc
  .record({
    kind: fc.constantFrom('bind', 'unbind'),
    mxid: fc.constantFrom('@a:x', '@b:x', '@c:x'),
    group: fc.constantFrom('own', 'partner', 'other', 'last'),
    stamp: fc.integer({ min: 1, max: 8 }),
    place: places,
    notBefore: fc.constantFrom(0, 0, 0, 2_000),
    notAfter: fc.constantFrom(1e12, 1e12, 500),
  })
  .map(({ place: [log, index], ...more }) => statement({ ...more, log, index } as Said))

/** A line has one place and says one thing. */
const history = fc
  .array(said, { maxLength: 14 })
  .map((statements) => [
    ...new Map(
      statements.map((each) => [`${each.mark.log} ${each.mark.index} ${each.mark.stamp}`, each]),
    ).values(),
  ])

describe('which binding is right', () => {
  test.each(vectors.cases)('$name', ({ statements, answer: expected }) => {
    expect(answer(statements.map(statement))?.mxid ?? null).toBe(expected)
    expect(answer(statements.map(statement).reverse())?.mxid ?? null).toBe(expected)
  })

  test('the answer names the bind it rests on', () => {
    const bind = statement({
      kind: 'bind',
      mxid: '@a:x',
      stamp: 4,
      log: 'n/s~aaaaaaaa',
      index: 7,
      group: 'own',
    })
    expect(answer([bind])).toEqual({ mxid: '@a:x', group: 'own', bound: bind.mark })
  })

  test('the answer is that of a definition without folding', () => {
    fc.assert(
      fc.property(history, (statements) => {
        expect(answer(statements)?.mxid ?? null).toBe(byDefinition(statements))
      }),
    )
  })
})

/** Replication notes, 3.7, word for word over all statements. */
function byDefinition(statements: readonly Statement[]): string | null {
  const groups = [...new Set(statements.map(({ group }) => group))].sort(
    (a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1),
  )
  for (const group of groups) {
    const binds = statements.filter((each) => each.kind === 'bind' && each.group === group)
    const newest = binds.find((each) =>
      binds.every((other) => compareMarks(each.mark, other.mark) >= 0),
    )
    if (newest === undefined) continue
    const { notBeforeMs, notAfterMs, stamp } = newest.mark as BoundMark
    const isWithdrawn = statements.some(
      (each) =>
        each.kind === 'unbind' &&
        each.mxid === newest.mxid &&
        each.mark.stamp >= stamp &&
        (each.group === group || rankOf(each.group) < rankOf(group)),
    )
    if (!isWithdrawn && notBeforeMs <= nowMs && nowMs < notAfterMs) return newest.mxid
  }
  return null
}

describe('claims merge', () => {
  const mark: fc.Arbitrary<Mark> = fc.record({
    stamp: fc.integer({ min: 1, max: 4 }),
    log: fc.constantFrom('a', 'b'),
    index: fc.integer({ min: 0, max: 3 }),
  })
  const bound: fc.Arbitrary<BoundMark> = mark.map((each) => ({
    ...each,
    notBeforeMs: 0,
    notAfterMs: each.index,
  }))
  const claim: fc.Arbitrary<Claim> = fc.record({
    mxid: fc.constant('@a:x'),
    group: fc.constant('own'),
    bound: fc.option(bound),
    unbound: fc.option(mark),
  })

  test('in any order', () => {
    fc.assert(
      fc.property(claim, claim, (a, b) => {
        expect(mergeClaims(a, b)).toEqual(mergeClaims(b, a))
      }),
    )
  })

  test('in any grouping', () => {
    fc.assert(
      fc.property(claim, claim, claim, (a, b, c) => {
        expect(mergeClaims(mergeClaims(a, b), c)).toEqual(mergeClaims(a, mergeClaims(b, c)))
      }),
    )
  })

  test('with themselves to themselves', () => {
    fc.assert(
      fc.property(claim, (a) => {
        expect(mergeClaims(a, a)).toEqual(a)
      }),
    )
  })

  test('marks are totally ordered', () => {
    fc.assert(
      fc.property(mark, mark, mark, (a, b, c) => {
        expect(Math.sign(compareMarks(a, b))).toBe(-Math.sign(compareMarks(b, a)) + 0)
        if (compareMarks(a, b) === 0) expect(a).toEqual(b)
        if (compareMarks(a, b) < 0 && compareMarks(b, c) < 0)
          expect(compareMarks(a, c)).toBeLessThan(0)
      }),
    )
  })
})

describe('a history', () => {
  const shuffled = history.chain((statements) =>
    fc.record({
      statements: fc.constant(statements),
      arrival: fc.shuffledSubarray([...statements, ...statements], {
        minLength: statements.length * 2,
      }),
      cut: fc.nat(statements.length * 2),
    }),
  )

  test('that arrives in another order, and twice, amounts to the same', () => {
    fc.assert(
      fc.property(shuffled, ({ statements, arrival }) => {
        expect(sorted(foldClaims(arrival))).toEqual(sorted(foldClaims(statements)))
      }),
    )
  })

  test('that arrives in two parts amounts to the merge of what they amount to', () => {
    fc.assert(
      fc.property(shuffled, ({ statements, arrival, cut }) => {
        const parts = [...foldClaims(arrival.slice(0, cut)), ...foldClaims(arrival.slice(cut))]
        const merged = new Map<string, Claim>()
        for (const each of parts) {
          const key = `${each.group} ${each.mxid}`
          const known = merged.get(key)
          merged.set(key, known === undefined ? each : mergeClaims(known, each))
        }
        expect(sorted([...merged.values()])).toEqual(sorted(foldClaims(statements)))
      }),
    )
  })

  test('answers the same without what is superseded', () => {
    fc.assert(
      fc.property(shuffled, ({ arrival }) => {
        const gone = findSuperseded(arrival)
        expect(sorted(foldClaims(arrival.filter((_, i) => gone[i] !== true)))).toEqual(
          sorted(foldClaims(arrival)),
        )
      }),
    )
  })
})

/** What may be blanked: no line it dominates is present, and it is dominated or has nothing left to withdraw. */
function mayGo(line: Statement, present: readonly Statement[]): boolean {
  if (present.some((other) => dominates(line, other))) return false
  if (line.kind === 'bind') return present.some((other) => dominates(other, line))
  return !present.some(
    (other) =>
      other.kind === 'bind' && other.mxid === line.mxid && other.mark.stamp <= line.mark.stamp,
  )
}

describe('blanking what may be blanked', () => {
  const choices = fc.array(fc.nat(1_000), { maxLength: 14 })

  test('changes no answer, at any step', () => {
    let steps = 0
    fc.assert(
      fc.property(history, choices, (statements, picks) => {
        const before = answer(statements)
        let present = statements
        for (const pick of picks) {
          const candidates = present.filter((line) => mayGo(line, present))
          const line = candidates[pick % Math.max(1, candidates.length)]
          if (line === undefined) break
          present = present.filter((each) => each !== line)
          steps++
          expect(answer(present)).toEqual(before)
        }
      }),
      { numRuns: 500 },
    )
    expect(steps).toBeGreaterThan(500)
  })

  test('never lets an old binding resurface, whereas blanking the newer line first would', () => {
    const line = (kind: 'bind' | 'unbind', mxid: string, stamp: number): Statement =>
      statement({ kind, mxid, stamp, log: 'n/s~aaaaaaaa', index: stamp, group: 'own' })
    const [old, newer, withdrawal] = [
      line('bind', '@a:x', 5),
      line('bind', '@b:x', 10),
      line('unbind', '@b:x', 20),
    ]
    const present = [old, newer, withdrawal]
    expect(present.map((each) => mayGo(each, present))).toEqual([true, false, false])
    expect(answer([old, withdrawal])?.mxid).toBe('@a:x')
    expect(answer([newer, withdrawal])).toBeNull()
  })
})

describe('domination', () => {
  const one = (more: Partial<Said> = {}): Statement =>
    statement({
      kind: 'bind',
      mxid: '@a:x',
      stamp: 5,
      log: 'n/s~aaaaaaaa',
      index: 5,
      group: 'own',
      ...more,
    })

  test('a bind dominates every older bind of its group, whatever the Matrix ID', () => {
    expect(dominates(one({ stamp: 6, mxid: '@b:x' }), one())).toBe(true)
    expect(dominates(one(), one({ stamp: 6 }))).toBe(false)
    expect(dominates(one({ stamp: 6, group: 'partner' }), one())).toBe(false)
    expect(dominates(one(), one())).toBe(false)
  })

  test('an unbind dominates binds of its pair up to its stamp, and no unbind', () => {
    expect(dominates(one({ kind: 'unbind' }), one())).toBe(true)
    expect(dominates(one({ kind: 'unbind', stamp: 4 }), one())).toBe(false)
    expect(dominates(one({ kind: 'unbind', mxid: '@b:x', stamp: 9 }), one())).toBe(false)
    expect(dominates(one({ kind: 'unbind', group: 'partner', stamp: 9 }), one())).toBe(false)
    expect(dominates(one({ kind: 'unbind', stamp: 9 }), one({ kind: 'unbind' }))).toBe(false)
  })
})

describe('what an entry states', () => {
  const nonce = 'AAAAAAAAAAAAAAAAAAAAAA=='
  const pair = { medium: 'email', address: 'a@x', mxid: '@a:x', nonce }
  const place = { log: 'n/s~aaaaaaaa', index: 3, group: 'own' }
  const parse = (line: string) => parseEntry(line, Buffer.byteLength(line))
  const associationJson =
    '{"address":"a@x","medium":"email","mxid":"@a:x","not_after":9,"not_before":2,"signatures":{},"ts":2}'

  test('a bind counts from "at" where its proof is older than its line', () => {
    const entry = parse(bindLine({ kind: 'bind', ...pair, associationJson, at: 40 }, 100))
    expect(statementOf(entry, place)).toEqual({
      kind: 'bind',
      mxid: '@a:x',
      group: 'own',
      mark: { stamp: 40, log: place.log, index: 3, notBeforeMs: 2, notAfterMs: 9 },
    })
  })

  test('an unbind counts as far as it covers', () => {
    const stampOf = (at: number | undefined, covers: number | null): number => {
      const entry = parse(
        unbindLine({ kind: 'unbind', ...pair, ...(at === undefined ? {} : { at }) }, 100, covers),
      )
      return entry.kind === 'unbind' ? claimStamp(entry) : 0
    }
    expect([
      stampOf(undefined, null),
      stampOf(40, null),
      stampOf(undefined, 130),
      stampOf(40, 130),
      stampOf(undefined, 70),
    ]).toEqual([100, 40, 130, 130, 100])
  })

  test('other kinds state nothing', () => {
    expect(statementOf(parse('{"k":"wink","t":1}'), place)).toBeNull()
  })
})
