import { describe, expect, test } from 'vitest'
import { exchangesMax, logsPerOriginMax, overlapLinesMax } from '../../../src/domain/limits.ts'
import { newLog } from '../../../src/mesh/group.ts'
import {
  acme,
  beginOf,
  bindOf,
  bindOperation,
  Book,
  lyon,
  Machine,
  offerOf,
  only,
  oslo,
  partnerOf,
  siblingOf,
  stampAt,
} from './machine.ts'

const log = 'lyon.example/site~aaaaaaaa'

function started(given: ConstructorParameters<typeof Machine>[0] = {}): Machine {
  const machine = new Machine(given)
  machine.start()
  return machine
}

describe('a chunk', () => {
  test('is answered once it is durable, with what is held and the head to cosign', () => {
    const machine = started()
    const book = Book.withBinds(log, 3)
    const { outcome, effects } = machine.feed(book)
    expect(outcome).toEqual({ type: 'taken', have: 4, cosign: book.head() })
    const order = effects.map(({ type }) => type)
    expect(order.indexOf('commit')).toBeLessThan(order.indexOf('exchange-ended'))
  })

  test('that was taken before is a comparison: nothing is written twice', () => {
    const machine = started()
    const book = Book.withBinds(log, 3)
    machine.feed(book)
    const { outcome, effects } = machine.feed(book)
    expect(outcome).toEqual({ type: 'taken', have: 4, cosign: book.head() })
    expect(
      only(effects, 'commit').flatMap(({ logs }) => logs.flatMap(({ lines }) => lines)),
    ).toEqual([])
  })

  test('that overlaps what is held adds the rest', () => {
    const machine = started()
    const book = Book.withBinds(log, 5)
    machine.feed(book, { size: 3 })
    expect(machine.feed(book, { from: 1 }).outcome).toMatchObject({ type: 'taken', have: 6 })
    expect(machine.lines.get(log)).toHaveLength(6)
  })

  test('that overlaps what is staged but not yet written adds the rest', () => {
    const machine = started()
    const book = Book.withBinds(log, 5)
    const first = machine.open(book, { size: 3 })
    machine.take({
      type: 'segment',
      exchange: first.exchange,
      segment: book.segment({ from: 0, to: 3, size: 3 }),
    })
    expect(machine.feed(book).outcome).toMatchObject({ type: 'taken', have: 6 })
  })

  test('of a shorter head than ours is a comparison too', () => {
    const machine = started()
    const book = Book.withBinds(log, 5)
    machine.feed(book)
    expect(machine.feed(book, { size: 3 }).outcome).toMatchObject({ type: 'taken', have: 6 })
  })

  test('whose overlapping lines are others is refused', () => {
    const machine = started()
    const book = Book.withBinds(log, 3)
    machine.feed(book, { size: 3 })
    const other = new Book(log, [
      ...book.lines.slice(0, 2),
      bindOf(stampAt(-30_000)),
      bindOf(stampAt(-20_000)),
    ])
    expect(machine.feed(other).outcome).toMatchObject({
      type: 'refused',
      code: 'overlap-differs',
      have: 3,
    })
  })

  test('that begins beyond what is held is a gap, answered with what is held', () => {
    const machine = started()
    const book = Book.withBinds(log, 5)
    machine.feed(book, { size: 3 })
    expect(machine.feed(book, { from: 4 }).outcome).toMatchObject({
      type: 'refused',
      code: 'gap',
      have: 3,
    })
    expect(
      machine.feed(Book.withBinds('lyon.example/site~bbbbbbbb', 2), { from: 1 }).outcome,
    ).toMatchObject({ code: 'gap', have: 0 })
  })

  test('that begins too far below what is held is refused, one line less is not', () => {
    const machine = started()
    const book = Book.withBinds(log, 1)
    machine.feed(book)
    const stands = machine.state.logs.get(log)
    if (stands === undefined) throw new Error('no log')
    stands.size = overlapLinesMax + 5
    stands.note = ''
    stands.noteSize = 0
    expect(machine.open(book, { from: 0 }).effects).toContainEqual(
      expect.objectContaining({
        refused: expect.objectContaining({
          code: 'overlap-too-long',
          have: overlapLinesMax + 5,
        }) as object,
      }),
    )
    stands.size = overlapLinesMax
    expect(only(machine.open(book, { from: 0 }).effects, 'exchange-refused')).toEqual([])
  })

  test('that begins beyond its own checkpoint is refused', () => {
    const machine = started()
    const book = Book.withBinds(log, 3)
    machine.feed(book)
    expect(machine.feed(book, { from: 4, size: 2, ends: [] }).outcome).toMatchObject({
      code: 'header-malformed',
    })
  })

  test('with a second signed head of the size we hold is refused and shown', () => {
    const machine = started()
    const book = Book.withBinds(log, 2)
    machine.feed(book)
    const fork = new Book(log, [
      ...book.lines.slice(0, 2),
      bindOf(stampAt(-100), { address: 'fork@example.org' }),
    ])
    expect(machine.feed(fork).outcome).toMatchObject({ code: 'log-forked', have: 3 })
    expect(machine.notices()).toContainEqual({ type: 'heads-differ', log, size: 3, peer: lyon })
  })

  test.each([
    ['is no note', 'nonsense'],
    ['is the note of another log', new Book('lyon.example/site~bbbbbbbb').note()],
  ])('whose checkpoint %s is refused before any signature is checked', (_, checkpoint) => {
    const machine = started()
    const { effects } = machine.open(new Book(log), { checkpoint })
    expect(only(effects, 'verify-checkpoint')).toEqual([])
    expect(only(effects, 'exchange-refused')[0]?.refused.code).toBe('checkpoint-malformed')
  })

  test('whose checkpoint another key signed is refused before any line is read', () => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    const book = new Book(log)
    expect(machine.feed(book, { checkpoint: book.note(1, oslo) }).outcome).toMatchObject({
      code: 'checkpoint-signature-bad',
    })
    expect(machine.state.logs.size).toBe(0)
  })

  test('may bear more signatures than its origin’s', () => {
    const machine = started()
    const book = new Book(log)
    const checkpoint = `${book.note()}— somebody.example AAAAAAAA\n`
    expect(machine.feed(book, { checkpoint }).outcome).toMatchObject({ type: 'taken' })
  })

  test('that breaks off keeps the segments that were proved', () => {
    const machine = started()
    const book = Book.withBinds(log, 5)
    const { exchange } = machine.open(book)
    machine.take({ type: 'segment', exchange, segment: book.segment({ from: 0, to: 3 }) })
    const failure = { code: 'chunk-truncated', message: 'cut' } as const
    const effects = [
      ...machine.take({ type: 'chunk-ended', exchange, failure }),
      ...machine.commit(),
    ]
    expect(only(effects, 'exchange-refused')[0]?.refused.code).toBe('chunk-truncated')
    expect(machine.state.logs.get(log)).toMatchObject({ size: 3, noteSize: 0 })
    expect(machine.feed(book, { from: 3 }).outcome).toMatchObject({ type: 'taken', have: 6 })
  })

  test('whose sender pauses becomes durable with the next tick', () => {
    const machine = started()
    const book = Book.withBinds(log, 5)
    const { exchange } = machine.open(book)
    machine.take({ type: 'segment', exchange, segment: book.segment({ from: 0, to: 3 }) })
    machine.take({ type: 'tick' })
    machine.commit()
    expect(machine.lines.get(log)).toHaveLength(3)
  })

  test('more than may be on their way at once is asked to come again', () => {
    const machine = started()
    for (let i = 0; i < exchangesMax; i++) machine.open(new Book(log))
    const { effects } = machine.open(new Book(log))
    expect(only(effects, 'exchange-refused')[0]?.refused.code).toBe('writer-busy')
  })

  test('is refused while the node is stopping', () => {
    const machine = started()
    machine.take({ type: 'stopping' })
    expect(machine.feed(new Book(log), { ends: [] }).outcome).toMatchObject({
      code: 'node-stopping',
    })
  })

  test('pushed of a log that is being pulled is refused; pulled it is taken', () => {
    const machine = started()
    const book = Book.withBinds(log, 2)
    machine.hear(lyon, { logs: [offerOf(book)] })
    expect(only(machine.log, 'pull')).toHaveLength(1)
    expect(machine.feed(book).outcome).toMatchObject({ code: 'already-pulling' })
    expect(machine.feed(book, { via: 'pull' }).outcome).toMatchObject({ type: 'taken' })
  })

  test('refused is remembered by name for status', () => {
    const machine = started()
    machine.feed(Book.withBinds(log, 2), { from: 1 })
    expect(machine.state.peers.get(lyon)?.refusals).toMatchObject([
      { code: 'gap', log, direction: 'ours' },
    ])
    expect(machine.notices()).toContainEqual(
      expect.objectContaining({ type: 'chunk-refused', peer: lyon, code: 'gap' }),
    )
  })
})

describe('who may hand over what', () => {
  const partnersOwn = 'acme.example/paris~aaaaaaaa'

  function withPartner(accept?: string[]): Machine {
    return started({ peers: [siblingOf(lyon), siblingOf(oslo), partnerOf(acme, accept)] })
  }

  test('a sibling relays the log of another sibling, and ours', () => {
    const machine = withPartner()
    expect(machine.feed(new Book(log), { peer: oslo }).outcome).toMatchObject({ type: 'taken' })
    const ours = 'paris.example/site~zzzzzzzz'
    expect(machine.feed(new Book(ours), { peer: lyon }).outcome).toMatchObject({ type: 'taken' })
  })

  test('nobody hands over the log of a node we do not know', () => {
    const machine = withPartner()
    expect(
      machine.feed(new Book('stranger.example/site~aaaaaaaa'), { peer: lyon }).outcome,
    ).toMatchObject({ code: 'log-unknown' })
  })

  test('nobody unknown hands over anything', () => {
    const machine = withPartner()
    expect(machine.feed(new Book(log), { peer: 'stranger.example' }).outcome).toMatchObject({
      code: 'log-not-readable',
    })
  })

  test('a partner hands over its own logs, never ours or a sibling’s, and is not told how long these are', () => {
    const machine = withPartner()
    expect(machine.feed(new Book(partnersOwn)).outcome).toMatchObject({ type: 'taken' })
    machine.feed(Book.withBinds(log, 3))
    expect(machine.feed(Book.withBinds(log, 3), { peer: acme }).outcome).toEqual({
      type: 'refused',
      code: 'log-not-readable',
      have: null,
    })
  })

  test('a partner may not hand over even the audience it reads', () => {
    const machine = withPartner()
    const shared = new Book('lyon.example/acme~aaaaaaaa')
    expect(machine.feed(shared, { peer: acme }).outcome).toMatchObject({ code: 'log-not-readable' })
  })

  test('a partner’s log is not taken from a sibling', () => {
    const machine = withPartner()
    expect(machine.feed(new Book(partnersOwn), { peer: lyon }).outcome).toMatchObject({
      code: 'log-not-readable',
    })
  })

  test('a writer has its number of logs, and no more', () => {
    const machine = withPartner()
    for (let i = 0; i < logsPerOriginMax; i++) {
      const id = `acme.example/paris~${i.toString(2).padStart(13, '0').replaceAll('0', 'a').replaceAll('1', 'b').slice(-8)}${i}`
      machine.state.logs.set(id, { ...newLog(partnersOwn), log: id })
    }
    expect(machine.feed(new Book(partnersOwn)).outcome).toMatchObject({ code: 'quota-exceeded' })
    expect(machine.feed(new Book(log)).outcome).toMatchObject({ type: 'taken' })
  })

  test('what a partner says counts inside its accept rules; the rest is stored without effect', () => {
    const machine = withPartner(['email:*@acme.example'])
    const book = new Book(partnersOwn, [
      beginOf(partnersOwn, stampAt(-60_000)),
      bindOf(stampAt(-50_000), { address: 'eve@acme.example' }),
      bindOf(stampAt(-40_000), { address: 'alice@example.org' }),
    ])
    const { effects } = machine.feed(book)
    expect(machine.lines.get(partnersOwn)).toHaveLength(3)
    expect(
      only(effects, 'commit').flatMap(({ lookups }) => lookups.map(({ index }) => index)),
    ).toEqual([1])
  })
})

describe('who may read what', () => {
  const audience = 'paris.example/acme~aaaaaaaa'
  const partnersOwn = 'acme.example/paris~aaaaaaaa'

  function holding(): Machine {
    const machine = started({
      peers: [siblingOf(lyon), partnerOf(acme), partnerOf('other.example', ['*'], 'other')],
    })
    machine.write(bindOperation())
    for (const id of [audience, 'lyon.example/acme~bbbbbbbb', log])
      machine.feed(Book.withBinds(id, 1), { peer: lyon })
    machine.feed(Book.withBinds(partnersOwn, 1), { peer: acme })
    machine.feed(Book.withBinds('other.example/acme~aaaaaaaa', 1), { peer: 'other.example' })
    return machine
  }

  function listed(machine: Machine, peer: string): string[] {
    const [heads] = only(
      machine.take({ type: 'heads-asked', request: 1, peer, full: true }),
      'heads',
    )
    return (heads?.logs ?? []).map(({ log: id }) => id).sort()
  }

  test('a sibling reads what the own group writes, and no partner’s log', () => {
    const machine = holding()
    expect(listed(machine, lyon)).toEqual(
      [machine.current(), audience, 'lyon.example/acme~bbbbbbbb', log].sort(),
    )
  })

  test('a partner reads its audience of any of our nodes and its own logs, whatever other names say', () => {
    expect(listed(holding(), acme)).toEqual(
      [partnersOwn, 'lyon.example/acme~bbbbbbbb', audience].sort(),
    )
  })

  test('somebody unknown reads nothing', () => {
    expect(listed(holding(), 'stranger.example')).toEqual([])
  })

  test.each([
    ['our site log is not read by a partner', 'log-not-readable', () => log, acme],
    [
      'another partner’s log is not either',
      'log-not-readable',
      () => 'other.example/acme~aaaaaaaa',
      acme,
    ],
    ['a log nobody holds is unknown', 'log-unknown', () => 'lyon.example/site~zzzzzzzz', lyon],
  ])('%s', (_, code, logOf, peer) => {
    const effects = holding().take({
      type: 'entries-asked',
      request: 7,
      peer,
      log: logOf(),
      from: 0,
    })
    expect(only(effects, 'refused')).toMatchObject([{ request: 7, code }])
    expect(only(effects, 'served')).toEqual([])
  })

  test('lines beyond what is held are a gap, at its end an empty answer', () => {
    const machine = holding()
    const ask = (from: number) =>
      machine.take({ type: 'entries-asked', request: 7, peer: lyon, log, from })
    expect(only(ask(3), 'refused')).toMatchObject([{ code: 'gap' }])
    expect(only(ask(2), 'served')).toMatchObject([{ to: 2 }])
  })

  test('a partner is never pushed our site log', () => {
    const machine = holding()
    machine.hear(acme)
    machine.hear('other.example')
    for (let i = 0; i < 5; i++) {
      for (const { peer, log: id, to } of only(machine.log, 'push')) {
        machine.take({
          type: 'push-ended',
          peer,
          log: id,
          outcome: { type: 'taken', have: to, cosignatures: [] },
        })
      }
    }
    const pushedTo = (to: string) =>
      [
        ...new Set(
          only(machine.log, 'push')
            .filter(({ peer }) => peer === to)
            .map(({ log: id }) => id),
        ),
      ].sort()
    expect(pushedTo(acme)).toEqual([partnersOwn, audience, 'lyon.example/acme~bbbbbbbb'].sort())
    expect(pushedTo('other.example')).toEqual(['other.example/acme~aaaaaaaa'])
  })
})
