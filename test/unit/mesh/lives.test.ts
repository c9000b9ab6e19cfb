import { describe, expect, test } from 'vitest'
import { toBase64 } from '../../../src/domain/base64.ts'
import {
  beginOf,
  bindOf,
  bindOperation,
  Book,
  closeOf,
  lyon,
  Machine,
  meshKeyOf,
  offerOf,
  only,
  oslo,
  paris,
  siblingOf,
  stampAt,
} from './machine.ts'

function started(given: ConstructorParameters<typeof Machine>[0] = {}): Machine {
  const machine = new Machine(given)
  machine.start()
  return machine
}

/** What another process wrote to a log of ours: its lines, and one more. */
function forkOf(machine: Machine, log: string, extra: string): Book {
  const lines = (machine.lines.get(log) ?? []).map((line) =>
    Buffer.from(line as Uint8Array).toString(),
  )
  return new Book(log, [...lines, extra])
}

function closes(machine: Machine): unknown[] {
  return [...machine.lines.keys()]
    .flatMap((log) => machine.entries(log))
    .filter(({ kind }) => kind === 'close')
}

/** A node that wrote a life, and its next run. */
function secondRun(peers = [siblingOf(lyon)]): { machine: Machine; former: string } {
  const first = started({ peers })
  first.write(bindOperation())
  const machine = first.restarted()
  machine.start()
  return { machine, former: first.current() }
}

describe('a life', () => {
  test('is opened by the first write, not by the start', () => {
    const machine = started()
    expect(machine.state.logs.size).toBe(0)
    machine.write(bindOperation())
    expect([...machine.state.logs.keys()]).toEqual([machine.current()])
  })

  test('begins with a line that states every field', () => {
    const machine = started()
    machine.write(bindOperation())
    const [begin] = machine.entries(machine.current())
    expect(begin).toEqual({
      kind: 'begin',
      stamp: begin?.stamp,
      node: paris,
      serverName: 'id.example.org',
      audience: 'site',
      meshKey: meshKeyOf(paris),
      matrixKeys: [],
      recoveryKey: null,
      prev: null,
    })
  })

  test('is new at every start, and names the head of the one before it', () => {
    const { machine, former } = secondRun()
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(machine.current()).not.toBe(former)
    const stands = machine.state.logs.get(former)
    expect(machine.entries(machine.current())[0]).toMatchObject({
      prev: { log: former, size: 2, root: toBase64(stands?.root ?? new Uint8Array()) },
    })
    expect(stands?.size).toBe(2)
  })

  test('is never signed at one size twice', () => {
    const machine = started()
    machine.write(bindOperation())
    for (let i = 0; i < 6; i++) {
      machine.commitsFailWith = i % 2 === 0 ? 'storage-full' : null
      // The store of this machine throws when a second head of one size comes to be signed.
      machine.write(bindOperation({ address: `user${i}@example.org` }))
    }
    expect(machine.signed.size).toBe(7)
  })

  test('needs a name drawn for it: without one the write is asked to come again', () => {
    const machine = new Machine()
    expect(machine.write(bindOperation())).toBe('writer-busy')
  })

  test('ends when wall and monotonic clock part by more than 30 s, and not before', () => {
    const machine = started()
    machine.write(bindOperation())
    const first = machine.current()
    machine.wallMs += 30_000
    machine.take({ type: 'tick' })
    expect(machine.current()).toBe(first)
    machine.wallMs -= 30_001
    machine.take({ type: 'tick' })
    expect(machine.current()).toBe('')
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(machine.current()).not.toBe(first)
    expect(machine.notices()).toContainEqual({ type: 'clock-jumped', driftMs: -30_001 })
  })

  test('that ends by a jump keeps what was staged in it', () => {
    const machine = started()
    machine.append(bindOperation())
    const log = machine.current()
    machine.wallMs += 40_000
    machine.take({ type: 'tick' })
    machine.commit()
    expect(machine.state.logs.get(log)?.size).toBe(2)
  })

  test('ends when somebody shows a valid longer head of it that we never made, whose lines are then taken back', () => {
    const machine = started()
    machine.write(bindOperation())
    const log = machine.current()
    const other = forkOf(machine, log, bindOf(stampAt(1_000), { address: 'clone@example.org' }))
    expect(machine.feed(other, { peer: lyon, from: 2 }).outcome).toMatchObject({
      type: 'taken',
      have: 3,
    })
    expect(machine.current()).toBe('')
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(machine.current()).not.toBe(log)
    expect(machine.state.logs.get(log)?.size).toBe(3)
  })

  test('ends when somebody shows another valid head of its size, which is refused', () => {
    const machine = started()
    machine.write(bindOperation())
    machine.write(bindOperation({ address: 'bob@example.org' }))
    const log = machine.current()
    const lines = (machine.lines.get(log) ?? [])
      .slice(0, 2)
      .map((line) => Buffer.from(line as Uint8Array).toString())
    const clone = new Book(log, [
      ...lines,
      bindOf(stampAt(5_000), { address: 'clone@example.org' }),
    ])
    expect(machine.feed(clone, { peer: lyon }).outcome).toMatchObject({
      type: 'refused',
      code: 'log-forked',
    })
    expect(machine.current()).toBe('')
    expect(machine.notices().map(({ type }) => type)).toContain('heads-differ')
    expect(machine.state.logs.get(log)?.size).toBe(3)
  })

  test('goes on when a sibling shows a head of it that we did make', () => {
    const machine = started()
    machine.write(bindOperation())
    const log = machine.current()
    const same = forkOf(machine, log, '')
    same.lines.pop()
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(machine.feed(same, { peer: lyon }).outcome).toMatchObject({ type: 'taken', have: 3 })
    expect(machine.current()).toBe(log)
  })

  test('does not end by a head that our key did not sign', () => {
    const machine = started()
    machine.write(bindOperation())
    const log = machine.current()
    const forged = forkOf(machine, log, bindOf(stampAt(1_000)))
    const given = { peer: lyon, from: 2, checkpoint: forged.note(3, lyon) }
    expect(machine.feed(forged, given).outcome).toMatchObject({
      type: 'refused',
      code: 'checkpoint-signature-bad',
    })
    expect(machine.current()).toBe(log)
  })
})

describe('a former life', () => {
  test('is closed only after every sibling has spoken', () => {
    const { machine, former } = secondRun([siblingOf(lyon), siblingOf(oslo)])
    machine.write(bindOperation({ address: 'bob@example.org' }))
    machine.hear(lyon)
    machine.commit()
    expect(closes(machine)).toEqual([])
    machine.hear(oslo)
    machine.commit()
    const stands = machine.state.logs.get(former)
    expect(closes(machine)).toMatchObject([
      {
        kind: 'close',
        closed: { log: former, size: 2, root: toBase64(stands?.root ?? new Uint8Array()) },
      },
    ])
    expect(stands?.closedAt).toBe(2)
  })

  test('is closed with the first write when every sibling has spoken before', () => {
    const { machine } = secondRun()
    machine.hear(lyon)
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(closes(machine)).toHaveLength(1)
    expect(machine.entries(machine.current()).map(({ kind }) => kind)).toEqual([
      'begin',
      'close',
      'bind',
    ])
  })

  test('is not closed by a run that writes nothing', () => {
    const { machine } = secondRun()
    machine.hear(lyon)
    machine.take({ type: 'tick' })
    machine.commit()
    expect(closes(machine)).toEqual([])
  })

  test('of a node without siblings is closed at once', () => {
    const { machine } = secondRun([])
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(closes(machine)).toHaveLength(1)
  })

  test('of which a sibling holds more is first taken back', () => {
    const { machine, former } = secondRun()
    const whole = forkOf(machine, former, bindOf(stampAt(1_000), { address: 'lost@example.org' }))
    machine.hear(lyon, { logs: [offerOf(whole)] })
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(closes(machine)).toEqual([])
    expect(only(machine.log, 'pull').at(-1)).toMatchObject({ peer: lyon, log: former, from: 2 })
    machine.feed(whole, { peer: lyon, via: 'pull', from: 2 })
    machine.take({ type: 'pull-ended', peer: lyon, log: former, failure: null })
    machine.take({ type: 'tick' })
    machine.commit()
    expect(closes(machine)).toMatchObject([{ closed: { log: former, size: 3 } }])
  })

  test('that ended while the process ran is closed only after siblings spoke again', () => {
    const machine = started()
    machine.write(bindOperation())
    machine.hear(lyon)
    machine.wallMs -= 45_000
    machine.take({ type: 'tick' })
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(closes(machine)).toEqual([])
    machine.hear(lyon)
    machine.commit()
    expect(closes(machine)).toHaveLength(1)
  })

  test('that a stranger’s head ended is closed only after siblings spoke again', () => {
    const machine = started()
    machine.write(bindOperation())
    machine.hear(lyon)
    const log = machine.current()
    const other = forkOf(machine, log, bindOf(stampAt(1_000), { address: 'clone@example.org' }))
    machine.feed(other, { peer: lyon, from: 2 })
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(closes(machine)).toEqual([])
    machine.hear(lyon)
    machine.commit()
    expect(closes(machine)).toMatchObject([{ closed: { log, size: 3 } }])
  })

  test('whose close was not stored is closed by a later one', () => {
    const { machine, former } = secondRun()
    machine.hear(lyon)
    machine.commitsFailWith = 'storage-full'
    machine.write(bindOperation({ address: 'bob@example.org' }))
    machine.commitsFailWith = null
    machine.write(bindOperation({ address: 'bob@example.org' }))
    machine.take({ type: 'tick' })
    machine.commit()
    expect(closes(machine)).toMatchObject([{ closed: { log: former } }])
    expect(machine.state.logs.get(former)?.closedAt).toBe(2)
  })

  test('is never waited for on behalf of a partner', () => {
    const partner = siblingOf(oslo, {
      role: { type: 'partner', audience: 'acme', rank: 1, accept: ['*'] },
    })
    const { machine } = secondRun([siblingOf(lyon), partner])
    machine.hear(lyon)
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(closes(machine)).toHaveLength(1)
  })
})

describe("a close of another node's log", () => {
  const log = 'lyon.example/site~aaaaaaaa'
  const successor = 'lyon.example/site~bbbbbbbb'

  function successorOf(book: Book, size = book.lines.length): Book {
    return new Book(successor, [
      beginOf(successor, stampAt(-10_000), book.named()),
      closeOf(book.named(size), stampAt(-9_000)),
    ])
  }

  test('ends it; lines its own key signed beyond open it again', () => {
    const machine = started()
    const book = Book.withBinds(log, 2)
    machine.feed(book)
    expect(machine.feed(successorOf(book)).outcome).toMatchObject({ type: 'taken', have: 2 })
    expect(machine.state.logs.get(log)).toMatchObject({ size: 3, closedAt: 3 })
    book.lines.push(bindOf(stampAt(-1_000), { address: 'late@example.org' }))
    expect(machine.feed(book, { from: 3 }).outcome).toMatchObject({ type: 'taken', have: 4 })
    expect(machine.state.logs.get(log)).toMatchObject({ size: 4, closedAt: null })
  })

  test('that says less than is held does not close it: whatever came first, the log is open', () => {
    const machine = started()
    const book = Book.withBinds(log, 3)
    machine.feed(book)
    machine.feed(successorOf(book, 3))
    expect(machine.state.logs.get(log)?.closedAt).toBeNull()
    const other = started()
    other.feed(book, { size: 3 })
    other.feed(successorOf(book, 3))
    expect(other.state.logs.get(log)?.closedAt).toBe(3)
    other.feed(book, { from: 3 })
    expect(other.state.logs.get(log)?.closedAt).toBeNull()
  })

  test('that arrives before its last lines lets these still in', () => {
    const machine = started()
    const book = Book.withBinds(log, 4)
    machine.feed(book, { size: 2 })
    machine.feed(successorOf(book))
    expect(machine.feed(book, { from: 2 }).outcome).toMatchObject({ type: 'taken', have: 5 })
    expect(machine.state.logs.get(log)?.closedAt).toBe(5)
  })

  test('by another writer is no close', () => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    const book = Book.withBinds(log, 2)
    machine.feed(book)
    const foreign = 'oslo.example/site~cccccccc'
    machine.feed(
      new Book(foreign, [
        beginOf(foreign, stampAt(-10_000)),
        closeOf(book.named(), stampAt(-9_000)),
      ]),
    )
    expect(machine.state.logs.get(log)?.closedAt).toBeNull()
  })
})
