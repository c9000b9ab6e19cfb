import { expect, test } from 'vitest'
import { readyWaitMaxMs } from '../../../src/domain/limits.ts'
import {
  bindOf,
  bindOperation,
  Book,
  lyon,
  Machine,
  offerOf,
  oslo,
  partnerOf,
  siblingOf,
  stampAt,
} from './machine.ts'

const log = 'lyon.example/site~aaaaaaaa'
const book = Book.withBinds(log, 3)

function away(peers = [siblingOf(lyon), siblingOf(oslo)]): Machine {
  const machine = new Machine({ peers })
  machine.start(true)
  return machine
}

function isReady({ state }: Machine): boolean {
  return state.readiness.isReady
}

test('a node that was away for a short while is ready at once', () => {
  const machine = new Machine()
  machine.start(false)
  expect(isReady(machine)).toBe(true)
})

test('a node that was away for long is ready once it has what every sibling first told', () => {
  const machine = away()
  expect(isReady(machine)).toBe(false)
  machine.hear(lyon, { logs: [offerOf(book)] })
  machine.hear(oslo)
  expect(isReady(machine)).toBe(false)
  machine.feed(book, { via: 'pull', ends: [2] })
  expect(isReady(machine)).toBe(false)
  machine.take({ type: 'pull-ended', peer: lyon, log, failure: null })
  machine.feed(book, { from: 2, via: 'pull' })
  expect(isReady(machine)).toBe(true)
  expect(
    machine
      .notices()
      .map(({ type }) => type)
      .filter((type) => type.includes('ready')),
  ).toEqual(['not-ready', 'ready'])
})

test('what siblings write meanwhile is not waited for', () => {
  const machine = away([siblingOf(lyon)])
  machine.hear(lyon, { logs: [offerOf(book, 2)] })
  machine.hear(lyon, { logs: [offerOf(book)] })
  machine.feed(book, { size: 2, via: 'pull' })
  expect(isReady(machine)).toBe(true)
})

test('a sibling that has not spoken is waited for', () => {
  const machine = away()
  machine.hear(lyon)
  expect(isReady(machine)).toBe(false)
})

test('a sibling that cannot be reached is not', () => {
  const machine = away()
  machine.hear(lyon)
  machine.take({ type: 'heads-failed', peer: oslo, reason: 'nothing answers' })
  expect(isReady(machine)).toBe(true)
})

test('a sibling that told what it holds and then fell silent still is', () => {
  const machine = away([siblingOf(lyon)])
  machine.hear(lyon, { logs: [offerOf(book)] })
  machine.take({ type: 'heads-failed', peer: lyon, reason: 'nothing answers' })
  expect(isReady(machine)).toBe(false)
})

test('nobody is waited for longer than a minute', () => {
  const machine = away()
  machine.hear(lyon, { logs: [offerOf(book)] })
  machine.pass(readyWaitMaxMs - 1)
  machine.take({ type: 'tick' })
  expect(isReady(machine)).toBe(false)
  machine.pass(1)
  machine.take({ type: 'tick' })
  expect(isReady(machine)).toBe(true)
})

test('partners and siblings that only call are never waited for', () => {
  expect(isReady(away([partnerOf('acme.example'), siblingOf(lyon, { url: null })]))).toBe(true)
})

test('an unexplained blank does not count as reached', () => {
  const machine = away([siblingOf(lyon)])
  machine.hear(lyon, { logs: [offerOf(book)] })
  machine.feed(book, { via: 'pull', blanks: [2] })
  expect(isReady(machine)).toBe(false)
})

test('a node that learns it has lost lines of its own is not ready until it has them back', () => {
  const first = new Machine()
  first.start()
  first.write(bindOperation())
  const former = first.current()
  const machine = first.restarted()
  machine.start(false)
  expect(isReady(machine)).toBe(true)
  const lines = (machine.lines.get(former) ?? []).map((line) =>
    Buffer.from(line as Uint8Array).toString(),
  )
  const whole = new Book(former, [
    ...lines,
    bindOf(stampAt(1_000), { address: 'lost@example.org' }),
  ])
  machine.hear(lyon, { logs: [offerOf(whole)] })
  expect(isReady(machine)).toBe(false)
  machine.feed(whole, { peer: lyon, via: 'pull', from: 2 })
  expect(isReady(machine)).toBe(true)
})

test('while it is not ready it answers heads and entries and takes writes', () => {
  const machine = away()
  expect(machine.write(bindOperation())).toHaveLength(1)
  const effects = machine.take({ type: 'heads-asked', request: 1, peer: lyon, full: false })
  expect(effects.map(({ type }) => type)).toContain('heads')
})
