import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerOf, foldClaims, type Statement } from '../../../src/domain/claim.ts'
import { findSuperseded } from '../../../src/domain/superseded.ts'

const logs = ['a.org/site~aaaaaaaa', 'b.org/site~bbbbbbbb', 'c.org/site~cccccccc']
const groups = ['own', 'partner', 'bridge']

const statements: fc.Arbitrary<Statement[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom('bind' as const, 'unbind' as const),
      mxid: fc.constantFrom('@a:x.org', '@b:x.org', '@c:x.org'),
      group: fc.constantFrom(...groups),
      stamp: fc.integer({ min: 1, max: 12 }),
      log: fc.constantFrom(...logs),
    }),
    { maxLength: 30 },
  )
  .map((said) =>
    said.map(({ kind, mxid, group, stamp, log }, index): Statement => {
      const mark = { stamp, log, index }
      if (kind === 'unbind') return { kind, mxid, group, mark }
      return { kind, mxid, group, mark: { ...mark, notBeforeMs: 0, notAfterMs: 100 } }
    }),
  )

const rankOf = (group: string): number => groups.indexOf(group)

function without(all: readonly Statement[]): Statement[] {
  const verdicts = findSuperseded(all)
  return all.filter((_, i) => verdicts[i] === false)
}

test('leaving out what is superseded changes no claim and no answer', () => {
  fc.assert(
    fc.property(statements, (all) => {
      const answers = [all, without(all)].map((some) => answerOf(foldClaims(some), rankOf, 50))
      expect(answers[1]).toEqual(answers[0])
      expect(sorted(foldClaims(without(all)))).toEqual(sorted(foldClaims(all)))
    }),
  )
})

test('one statement stays per group, Matrix ID and kind', () => {
  fc.assert(
    fc.property(statements, (all) => {
      const keys = all.map(({ kind, group, mxid }) => `${kind} ${group} ${mxid}`)
      expect(without(all)).toHaveLength(new Set(keys).size)
    }),
  )
})

test('the verdicts do not depend on order, nor on what was left out before', () => {
  fc.assert(
    fc.property(statements, fc.nat(), (all, cut) => {
      const stays = new Set(without(all))
      expect(new Set(without([...all].reverse()))).toEqual(stays)
      const at = all.length === 0 ? 0 : cut % all.length
      expect(new Set(without([...without(all.slice(0, at)), ...all.slice(at)]))).toEqual(stays)
    }),
  )
})

test('a later stamp supersedes, at equal stamps the greater log id', () => {
  const bind = (stamp: number, log: string): Statement => ({
    kind: 'bind',
    mxid: '@a:x.org',
    group: 'own',
    mark: { stamp, log, index: 0, notBeforeMs: 0, notAfterMs: 1 },
  })
  expect(findSuperseded([bind(2, 'a'), bind(1, 'b')])).toEqual([false, true])
  expect(findSuperseded([bind(2, 'a'), bind(2, 'b')])).toEqual([true, false])
  expect(findSuperseded([bind(2, 'a'), bind(2, 'a')])).toEqual([false, false])
  expect(findSuperseded([])).toEqual([])
})

function sorted<T>(claims: readonly T[]): T[] {
  return [...claims].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
