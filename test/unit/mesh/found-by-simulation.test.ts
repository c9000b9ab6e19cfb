import { expect, test } from 'vitest'
import { pushQuietMs } from '../../../src/domain/limits.ts'
import {
  bindOf,
  bindOperation,
  Book,
  beginOf,
  Machine,
  lyon,
  offerOf,
  only,
  oslo,
  siblingOf,
  stampAt,
} from './machine.ts'

/** Histories the seeded simulator found, each made small. */

const log = 'lyon.example/site~aaaaaaaa'

function started(): Machine {
  const machine = new Machine({ peers: [siblingOf(lyon), siblingOf(oslo)] })
  machine.start()
  machine.commit()
  return machine
}

test('a line that fills a blank moves the clock on: what is written after it is stamped above it', () => {
  const machine = started()
  const book = new Book(log, [beginOf(log, stampAt(0)), bindOf(stampAt(50_000))])
  machine.feed(book, { blanks: [1] })
  machine.feed(book, { peer: oslo, from: 1 })
  const [entry] = machine.write(bindOperation()) as readonly { readonly stamp: number }[]
  expect(entry?.stamp).toBeGreaterThan(stampAt(50_000))
})

test('a line that fills a blank is held while it lies beyond the skew, like any other', () => {
  const machine = started()
  const book = new Book(log, [beginOf(log, stampAt(0)), bindOf(stampAt(70_000))])
  machine.feed(book, { blanks: [1] })
  expect(machine.feed(book, { peer: oslo, from: 1 }).outcome).toMatchObject({ code: 'clock-ahead' })
  machine.pass(10_000)
  expect(machine.feed(book, { peer: oslo, from: 1 }).outcome).toMatchObject({ type: 'taken' })
})

test('a place where a blank was filled is stored, so that a start does not ask for it for ever', () => {
  const machine = started()
  const book = Book.withBinds(log, 3)
  machine.feed(book, { blanks: [2] })
  const { effects } = machine.feed(book, { peer: oslo, from: 2 })
  const writes = only([...effects, ...machine.commit()], 'commit').flatMap(({ logs }) => logs)
  expect(writes.filter((write) => write.log === log).at(-1)).toMatchObject({ blankAt: null })
})

test('whoever holds all lines but no checkpoint over them asks for it', () => {
  const machine = started()
  const long = Book.withBinds(log, 6)
  const short = new Book(log, long.lines.slice(0, 4))
  machine.feed(long, { ends: [4] })
  expect(machine.state.logs.get(log)).toMatchObject({ size: 4, noteSize: 0 })
  machine.pass(pushQuietMs)
  machine.log.length = 0
  machine.hear(oslo, { logs: [offerOf(short)] })
  expect(only(machine.log, 'pull')).toMatchObject([{ peer: oslo, log, from: 4 }])
  machine.feed(short, { peer: oslo, via: 'pull', from: 4, ends: [] })
  expect(machine.state.logs.get(log)).toMatchObject({ size: 4, noteSize: 4 })
})
