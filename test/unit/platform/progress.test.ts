import { expect, test } from 'vitest'
import { createProgress, formatSpan } from '../../../src/platform/progress.ts'

function run(isTty: boolean, steps: readonly [atMs: number, done: number][]): string[] {
  const written: string[] = []
  let now = 0
  const progress = createProgress({
    label: 'import',
    unit: 'lines',
    total: 1000,
    isTty,
    write: (text) => written.push(text),
    monoMs: () => now,
  })
  for (const [atMs, done] of steps) {
    now = atMs
    progress.update(done)
  }
  progress.end()
  return written
}

test('a log gets a line every five seconds, with rate and remaining time', () => {
  expect(
    run(false, [
      [1000, 100],
      [4999, 300],
      [5000, 500],
      [6000, 600],
      [10_000, 1000],
    ]),
  ).toEqual([
    'import  50 %  500 of 1 000 lines  100 lines/s  5.0 s left\n',
    'import  100 %  1 000 of 1 000 lines  100 lines/s  0.0 s left\n',
    'import  100 %  1 000 of 1 000 lines  100 lines/s  in 10 s\n',
  ])
})

test('a terminal gets a bar that overwrites itself, ten times a second at most', () => {
  const written = run(true, [
    [50, 10],
    [100, 500],
    [150, 600],
  ])
  expect(written).toHaveLength(2)
  expect(written[0]).toMatch(/^\rimport {2}\[#{12}\.{12}\] {2}50 %/)
  expect(written[1]).toMatch(/\n$/)
})

test('spans are told in their two largest units', () => {
  expect([250, 12_400, 187_000, 11_520_000, 200_000_000].map(formatSpan)).toEqual([
    '0.3 s',
    '12 s',
    '3 min 7 s',
    '3 h 12 min',
    '2 d 7 h',
  ])
})
