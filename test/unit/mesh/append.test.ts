import { describe, expect, test } from 'vitest'
import { clockSkewMaxMs } from '../../../src/domain/limits.ts'
import { stampOfMs, stampsPerMs } from '../../../src/domain/stamp.ts'
import {
  beginOf,
  bindOf,
  bindOperation,
  Book,
  lyon,
  Machine,
  only,
  oslo,
  partnerOf,
  acme,
  paris,
  siblingOf,
  stampAt,
  unbindOperation,
} from './machine.ts'

function started(given: ConstructorParameters<typeof Machine>[0] = {}): Machine {
  const machine = new Machine(given)
  machine.start()
  return machine
}

function bound(machine: Machine, address = 'alice@example.org') {
  const entries = machine.write(bindOperation({ address }))
  if (typeof entries === 'string') throw new Error(`refused: ${entries}`)
  return entries[0] as (typeof entries)[number]
}

describe('lines of ours', () => {
  test('are answered only once their group is durable', () => {
    const machine = started()
    const staged = machine.append(bindOperation())
    expect(only(staged, 'appended')).toEqual([])
    expect(only(staged, 'want-commit')).toHaveLength(1)
    const written = machine.commit()
    expect(written.findIndex(({ type }) => type === 'commit')).toBeLessThan(
      written.findIndex(({ type }) => type === 'appended'),
    )
  })

  test('that arrive together become one commit', () => {
    const machine = started()
    machine.append(bindOperation())
    machine.append(bindOperation({ address: 'bob@example.org' }))
    const effects = machine.commit()
    expect(only(effects, 'commit')).toHaveLength(1)
    expect(
      only(effects, 'appended').flatMap(({ entries }) => entries.map(({ index }) => index)),
    ).toEqual([1, 2])
  })

  test('bear rising stamps though the clock stands still', () => {
    const machine = started()
    const stamps = [1, 2, 3].map((i) => bound(machine, `user${i}@example.org`).stamp)
    expect(stamps[1]).toBe((stamps[0] as number) + 1)
    expect(stamps[2]).toBe((stamps[1] as number) + 1)
  })

  test('bear rising stamps though the clock goes back', () => {
    const machine = started()
    const first = bound(machine).stamp
    machine.wallMs -= 5_000
    expect(bound(machine, 'bob@example.org').stamp).toBeGreaterThan(first)
  })

  test('are stamped above everything seen of others', () => {
    const machine = started()
    const book = new Book('lyon.example/site~aaaaaaaa')
    book.lines.push(bindOf(stampAt(40_000)))
    machine.feed(book)
    expect(bound(machine).stamp).toBeGreaterThan(stampAt(40_000))
  })

  test('are stamped above what was seen since the life began, too', () => {
    const machine = started()
    bound(machine)
    machine.feed(
      new Book('lyon.example/site~aaaaaaaa', [
        beginOf('lyon.example/site~aaaaaaaa', stampAt(40_000)),
      ]),
    )
    expect(bound(machine, 'bob@example.org').stamp).toBe(stampAt(40_000) + 1)
  })

  test('follow the wall clock when nothing newer was seen', () => {
    const machine = started()
    machine.pass(3_600_000)
    expect(Math.floor(bound(machine).stamp / stampsPerMs)).toBe(machine.wallMs)
  })

  test('are refused while the node is stopping', () => {
    const machine = started()
    machine.take({ type: 'stopping' })
    expect(machine.write(bindOperation())).toBe('node-stopping')
  })

  test('keep the time of the original proof as "at", never above the stamp', () => {
    const machine = started()
    machine.write(
      bindOperation({ at: stampAt(-5_000_000) }),
      bindOperation({ at: stampAt(9_000_000) }),
    )
    const [, old, future] = machine.entries(machine.current())
    expect(old).toMatchObject({ kind: 'bind', at: stampAt(-5_000_000) })
    expect(future).toMatchObject({ kind: 'bind', at: future?.stamp })
  })
})

describe('an unbind', () => {
  test('of a bound pair covers no more than its stamp', () => {
    const machine = started()
    machine.write({ ...unbindOperation(), known: { isBound: true, coveredTo: 0 } })
    expect(machine.entries(machine.current())[1]).toMatchObject({ kind: 'unbind', covers: null })
  })

  test('of a pair whose bind is unknown here covers the wall clock and the skew', () => {
    const machine = started()
    machine.write(unbindOperation())
    expect(machine.entries(machine.current())[1]).toMatchObject({
      covers: stampOfMs(machine.wallMs + clockSkewMaxMs),
    })
  })

  test('knows of a bind in its own group, before anything is stored', () => {
    const machine = started()
    machine.append(bindOperation())
    machine.append(unbindOperation())
    machine.commit()
    expect(machine.entries(machine.current())[2]).toMatchObject({ kind: 'unbind', covers: null })
  })

  test('that covers the future is overtaken by the next bind of the pair, in the same group or a later one', () => {
    const machine = started()
    const covers = stampOfMs(machine.wallMs + clockSkewMaxMs)
    machine.write(unbindOperation(), bindOperation())
    expect(machine.entries(machine.current())[2]?.stamp).toBe(covers + 1)
    const other = started()
    other.write({ ...bindOperation(), known: { isBound: false, coveredTo: stampAt(30_000) } })
    expect(other.entries(other.current())[1]?.stamp).toBe(stampAt(30_000) + 1)
  })

  test('that covers what peers would hold makes a bind wait, and nothing of its request is staged', () => {
    const machine = started()
    const late = { ...bindOperation(), known: { isBound: false, coveredTo: stampAt(90_000) } }
    expect(machine.write(bindOperation({ address: 'bob@example.org' }), late)).toBe(
      'clock-ahead-of-peers',
    )
    expect(machine.state.group.lineCount).toBe(0)
    bound(machine, 'carol@example.org')
    machine.pass(31_000)
    expect(machine.write(late)).toHaveLength(1)
  })
})

describe('clocks', () => {
  test('a node whose stamps would lie too far ahead of the clocks it hears refuses writes, and recovers', () => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    for (const peer of [lyon, oslo]) machine.hear(peer, { nowMs: machine.wallMs - 61_000 })
    expect(machine.write(bindOperation())).toBe('clock-ahead-of-peers')
    for (const peer of [lyon, oslo]) machine.hear(peer, { nowMs: machine.wallMs - 60_000 })
    expect(machine.write(bindOperation())).toHaveLength(1)
  })

  test('one sibling of two with a slow clock stops nobody', () => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    machine.hear(lyon, { nowMs: machine.wallMs - 7_200_000 })
    machine.hear(oslo)
    expect(machine.write(bindOperation())).toHaveLength(1)
  })

  test('partners have no say in whether we may write', () => {
    const machine = started({
      peers: [siblingOf(lyon), partnerOf(acme), partnerOf('evil.example')],
    })
    machine.hear(lyon)
    for (const peer of [acme, 'evil.example']) machine.hear(peer, { nowMs: 1 })
    expect(machine.write(bindOperation())).toHaveLength(1)
  })

  test('after the clock went back by an hour writes wait until it has come up again', () => {
    const machine = started()
    machine.hear(lyon)
    bound(machine)
    machine.wallMs -= 3_600_000
    expect(machine.write(bindOperation())).toBe('clock-ahead-of-peers')
    machine.pass(3_600_000 - 60_000)
    machine.hear(lyon)
    expect(machine.write(bindOperation())).toHaveLength(1)
  })

  test('after a jump ahead nothing is written before a sibling was asked for its clock again', () => {
    const machine = started()
    machine.hear(lyon)
    bound(machine)
    machine.wallMs += 3_600_000
    expect(machine.write(bindOperation())).toBe('clock-ahead-of-peers')
    expect(only(machine.log, 'ask-heads').at(-1)?.peer).toBe(lyon)
    machine.hear(lyon)
    expect(machine.write(bindOperation())).toHaveLength(1)
  })

  test('after a jump ahead a node whose siblings are gone trusts its own clock', () => {
    const machine = started()
    machine.hear(lyon)
    machine.wallMs += 3_600_000
    machine.take({ type: 'tick' })
    machine.take({ type: 'heads-failed', peer: lyon, reason: 'nothing answers' })
    expect(machine.write(bindOperation())).toHaveLength(1)
  })
})

describe('a failing store', () => {
  test('refuses everything of the group, leaves nothing of it, and the next write recovers', () => {
    const machine = started()
    machine.commitsFailWith = 'storage-full'
    machine.append(bindOperation())
    machine.append(bindOperation({ address: 'bob@example.org' }))
    machine.take({ type: 'side', request: 99, change: { accounts: [], meta: {} } })
    const effects = machine.commit()
    expect(only(effects, 'refused').map(({ code }) => code)).toEqual([
      'storage-full',
      'storage-full',
      'storage-full',
    ])
    expect(machine.state.logs.size).toBe(0)
    expect(machine.state.storageProblem).toMatchObject({ code: 'storage-full' })
    machine.commitsFailWith = null
    expect(bound(machine, 'carol@example.org').index).toBe(1)
    expect(machine.state.storageProblem).toBeNull()
    expect(machine.notices().map(({ type }) => type)).toContain('storage-recovered')
  })

  test('refuses a chunk of the group too, and the same chunk is taken afterwards', () => {
    const machine = started()
    const book = Book.withBinds('lyon.example/site~aaaaaaaa', 3)
    machine.commitsFailWith = 'storage-read-only'
    expect(machine.feed(book).outcome).toMatchObject({
      type: 'refused',
      code: 'storage-read-only',
      have: 0,
    })
    expect(machine.state.logs.size).toBe(0)
    machine.commitsFailWith = null
    expect(machine.feed(book).outcome).toMatchObject({ type: 'taken', have: 4 })
  })

  test('is left alone for two seconds, then tried at every tick until it takes something again', () => {
    const machine = started()
    machine.commitsFailWith = 'storage-full'
    machine.write(bindOperation())
    machine.commitsFailWith = null
    machine.pass(250)
    machine.take({ type: 'tick' })
    machine.commit()
    expect(machine.state.storageProblem).not.toBeNull()
    machine.pass(2_000)
    machine.take({ type: 'tick' })
    machine.commit()
    expect(machine.state.storageProblem).toBeNull()
  })

  test('ends the life whose head was signed but not stored', () => {
    const machine = started()
    const { log } = bound(machine)
    machine.commitsFailWith = 'storage-full'
    machine.write(bindOperation())
    machine.commitsFailWith = null
    const next = bound(machine, 'carol@example.org')
    expect(next.log).not.toBe(log)
    expect(next.log.startsWith(`${paris}/site~`)).toBe(true)
    expect(machine.state.logs.get(log)?.size).toBe(2)
  })
})
