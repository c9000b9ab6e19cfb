import { expect, test } from 'vitest'
import type { Effect } from '../../../src/mesh/events.ts'
import { Book, lyon, Machine, only, oslo, siblingOf } from './machine.ts'

/** A long catch-up may sync once, at its end; nothing is cosigned before (DESIGN 2.2). */

const log = 'lyon.example/site~aaaaaaaa'

function catchingUp() {
  const machine = new Machine({ peers: [siblingOf(lyon), siblingOf(oslo)] })
  machine.start()
  // The store learns that the node lives; that is a write of our own.
  machine.take({ type: 'tick' })
  machine.commit()
  const book = Book.withBinds(log, 6)
  const { exchange } = machine.open(book, { via: 'pull' })
  const feed = (from: number, to: number): Effect[] => [
    ...machine.take({ type: 'segment', exchange, segment: book.segment({ from, to }) }),
    ...machine.commit(),
  ]
  const end = (): Effect[] => [
    ...machine.take({ type: 'chunk-ended', exchange, failure: null }),
    ...machine.commit(),
  ]
  return { machine, book, feed, end }
}

/** Whether a peer that asks is given our cosignature of the log. */
function isCosigned(machine: Machine): boolean {
  const effects = machine.take({ type: 'heads-asked', request: 1, peer: oslo, full: true })
  const told = only(effects, 'heads')[0]?.logs.find((one) => one.log === log)
  return (told?.cosign ?? null) !== null
}

const bulks = (effects: readonly Effect[]): boolean[] =>
  only(effects, 'commit').map(({ isBulk }) => isBulk)

test('lines of a catch-up need not be synced until it ends, and then they are', () => {
  const { machine, book, feed, end } = catchingUp()
  expect(bulks([...feed(0, 3), ...machine.take({ type: 'tick' }), ...machine.commit()])).toEqual([
    true,
  ])
  expect(bulks([...feed(3, book.lines.length), ...end()])).toEqual([false])
  expect(isCosigned(machine)).toBe(true)
})

test('a head whose lines are not synced is not cosigned, though the log stands whole', () => {
  const { machine, book, feed, end } = catchingUp()
  feed(0, book.lines.length)
  machine.take({ type: 'tick' })
  machine.commit()
  expect(machine.state.logs.get(log)?.size).toBe(book.lines.length)
  expect(isCosigned(machine)).toBe(false)
  expect(only(end(), 'exchange-ended')[0]?.cosign).not.toBeNull()
  expect(isCosigned(machine)).toBe(true)
})

test('whoever waits for a write has all before it synced', () => {
  const { machine, book, feed } = catchingUp()
  feed(0, book.lines.length)
  machine.take({ type: 'tick' })
  machine.commit()
  const change = { accounts: [], meta: {} }
  expect(
    bulks([...machine.take({ type: 'side', request: 9, change }), ...machine.commit()]),
  ).toEqual([false])
  expect(isCosigned(machine)).toBe(true)
})
