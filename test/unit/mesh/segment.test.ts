import { describe, expect, test } from 'vitest'
import { commitLinesMax, pushQuietMs } from '../../../src/domain/limits.ts'
import type { Hash } from '../../../src/domain/merkle-tree.ts'
import {
  acme,
  beginOf,
  bindOf,
  Book,
  lyon,
  Machine,
  meshKeyOf,
  only,
  oslo,
  partnerOf,
  siblingOf,
  stampAt,
  unbindOf,
} from './machine.ts'

const log = 'lyon.example/site~aaaaaaaa'

function started(given: ConstructorParameters<typeof Machine>[0] = {}): Machine {
  const machine = new Machine(given)
  machine.start()
  return machine
}

/** Everything a segment may change, as plain values; who was refused what is remembered on purpose. */
function imageOf({ state }: Machine): unknown {
  const peers = [...state.peers].map(([name, peer]) => [name, { ...peer, refusals: [] }])
  const logs = [...state.group.logs].map(([id, staged]) => [
    id,
    { ...staged, builder: staged.builder.frontier() },
  ])
  return structuredClone({ ...state, exchanges: [], peers, group: { ...state.group, logs } })
}

function unknownLine(stamp: number, more: object = {}): string {
  return JSON.stringify({ ...more, k: 'wink', t: stamp })
}

describe('a failing segment leaves no trace', () => {
  const good = Book.withBinds(log, 4)
  /** Another line with the stamp of the one it stands for. */
  const altered = (index: number): string =>
    bindOf(stampAt(-50_000) + index - 1, { address: 'mallory@example.org' })
  const replace = (index: number, line: string): string[] =>
    good.lines.map((each, i) => (i === index ? line : each))
  const signed = (index: number, line: string): Book => new Book(log, replace(index, line))
  const otherKey = beginOf(log, stampAt(-60_000)).replace(meshKeyOf(lyon), meshKeyOf(oslo))

  const cases: [string, string, Book, { lines?: string[]; blanks?: number[] }][] = [
    ['a line that was altered', 'root-mismatch', good, { lines: replace(3, altered(3)) }],
    ['a line that is no JSON', 'entry-malformed', signed(2, '{"k":"bind"'), {}],
    ['a line of no kind', 'entry-malformed', signed(2, `{"t":${stampAt(-1)}}`), {}],
    ['a stamp that does not rise', 'stamp-not-rising', signed(3, bindOf(stampAt(-50_000) + 1)), {}],
    ['a stamp that falls', 'stamp-not-rising', signed(3, bindOf(stampAt(-55_000))), {}],
    ['a stamp beyond the skew', 'clock-ahead', signed(4, bindOf(stampAt(60_001))), {}],
    ['a first line that is no begin', 'begin-mismatch', signed(0, bindOf(stampAt(-60_000))), {}],
    [
      'a first line of an unknown kind',
      'begin-mismatch',
      signed(0, unknownLine(stampAt(-60_000))),
      {},
    ],
    ['a second begin', 'begin-mismatch', signed(3, beginOf(log, stampAt(-40_000))), {}],
    [
      'a begin of another node',
      'begin-mismatch',
      signed(0, beginOf('oslo.example/site~aaaaaaaa', stampAt(-60_000))),
      {},
    ],
    [
      'a begin of another audience',
      'begin-mismatch',
      signed(0, beginOf('lyon.example/acme~aaaaaaaa', stampAt(-60_000))),
      {},
    ],
    ['a begin under a key we do not know it by', 'begin-mismatch', signed(0, otherKey), {}],
    [
      'a bind of more than 2 KiB',
      'line-too-long',
      signed(2, bindOf(stampAt(-45_000)).replace('{"a"', `{"_":"${'x'.repeat(2048)}","a"`)),
      {},
    ],
    ['a blank first line', 'blank-misplaced', good, { blanks: [0] }],
  ]

  test.each(cases)('%s', (_, code, book, given) => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    const { exchange } = machine.open(book)
    const before = imageOf(machine)
    const effects = machine.take({
      type: 'segment',
      exchange,
      segment: book.segment({ from: 0, to: 5, ...given }),
    })
    expect(only(effects, 'exchange-refused')).toMatchObject([{ refused: { code, log, have: 0 } }])
    expect(only(effects, 'segment-taken')).toEqual([])
    expect(imageOf(machine)).toEqual(before)
    machine.take({ type: 'tick' })
    machine.commit()
    expect(machine.lines.size).toBe(0)
    expect(machine.state.logs.size).toBe(0)
  })

  test('and the segments before it stay', () => {
    const machine = started()
    const lines = replace(4, altered(4))
    const { outcome } = machine.feed(good, { ends: [3, 5], lines })
    expect(outcome).toMatchObject({ type: 'refused', code: 'root-mismatch' })
    machine.take({ type: 'tick' })
    machine.commit()
    expect(machine.lines.get(log)).toHaveLength(3)
  })

  test('and what others staged beside it stays', () => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    const other = Book.withBinds('oslo.example/site~aaaaaaaa', 2)
    const { exchange } = machine.open(other)
    machine.take({ type: 'segment', exchange, segment: other.segment({ from: 0, to: 3 }) })
    const bad = machine.open(good)
    const before = imageOf(machine)
    const segment = good.segment({ from: 0, to: 5, lines: replace(4, altered(4)) })
    machine.take({ type: 'segment', exchange: bad.exchange, segment })
    expect(imageOf(machine)).toEqual(before)
  })

  test('and the exchange is over: what follows is not looked at', () => {
    const machine = started()
    const { exchange } = machine.open(good)
    machine.take({
      type: 'segment',
      exchange,
      segment: good.segment({ from: 0, to: 2, lines: replace(1, altered(1)) }),
    })
    expect(
      machine.take({ type: 'segment', exchange, segment: good.segment({ from: 2, to: 5 }) }),
    ).toEqual([])
  })
})

describe('what ties lines to the checkpoint', () => {
  const book = Book.withBinds(log, 6)

  function taken(alter: (segment: ReturnType<Book['segment']>) => object, to = 4) {
    const machine = started()
    const { exchange } = machine.open(book)
    const segment = { ...book.segment({ from: 0, to }), ...alter(book.segment({ from: 0, to })) }
    return (
      only(machine.take({ type: 'segment', exchange, segment }), 'exchange-refused')[0]?.refused
        .code ?? 'taken'
    )
  }

  test('a proof that the lines belong to it is enough', () => {
    for (let to = 1; to <= 7; to++) expect(taken(() => ({}), to)).toBe('taken')
  })

  test('a missing, longer or altered proof is refused', () => {
    expect(taken(() => ({ proof: [] }))).toBe('proof-bad')
    expect(taken(({ proof }) => ({ proof: [...proof, proof[0]] }))).toBe('proof-bad')
    expect(
      taken(({ proof }) => ({
        proof: proof.map((hash: Hash, i: number) =>
          i === 0 ? hash.map((byte) => byte ^ 1) : hash,
        ),
      })),
    ).toBe('proof-bad')
  })

  test('lines that end elsewhere than the segment says are refused', () => {
    expect(taken(() => ({ to: 3 }))).toBe('segment-malformed')
    expect(taken(() => ({ to: 5 }))).toBe('segment-malformed')
  })

  test('lines beyond the checkpoint are refused', () => {
    const machine = started()
    const { exchange } = machine.open(book, { size: 3 })
    const segment = book.segment({ from: 0, to: 4 })
    expect(
      only(machine.take({ type: 'segment', exchange, segment }), 'exchange-refused')[0]?.refused
        .code,
    ).toBe('segment-malformed')
  })

  test('a log is not served or cosigned before a signed head of its size is reached', () => {
    const machine = started()
    machine.feed(book, { ends: [4] })
    expect(machine.state.logs.get(log)).toMatchObject({ size: 4, noteSize: 0, note: '' })
    const [heads] = only(
      machine.take({ type: 'heads-asked', request: 1, peer: lyon, full: false }),
      'heads',
    )
    expect(heads?.logs).toMatchObject([{ log, have: 4, note: '', cosign: null }])
    expect(
      only(
        machine.take({ type: 'entries-asked', request: 1, peer: lyon, log, from: 0 }),
        'refused',
      ),
    ).toHaveLength(1)
    expect(machine.feed(book, { from: 4 }).outcome).toMatchObject({ cosign: book.head() })
  })

  test('a head of the size held that comes later is taken without lines', () => {
    const machine = started()
    machine.feed(book, { ends: [4] })
    expect(machine.feed(book, { from: 4, size: 4, ends: [] }).outcome).toMatchObject({
      have: 4,
      cosign: book.head(4),
    })
  })

  test('large groups are written before the chunk has ended', () => {
    const machine = started()
    const { exchange } = machine.open(book)
    machine.state.group.lineCount = commitLinesMax - 4
    const segment = (from: number, to: number) =>
      machine.take({ type: 'segment', exchange, segment: book.segment({ from, to }) })
    expect(only(segment(0, 3), 'commit')).toEqual([])
    expect(only(segment(3, 4), 'commit')).toHaveLength(1)
    expect(machine.lines.get(log)).toHaveLength(4)
  })
})

describe('stamps', () => {
  test('at the edge of the skew are taken, and taken later when they lay beyond it', () => {
    const machine = started()
    const edge = new Book(log, [beginOf(log, stampAt(0)), bindOf(stampAt(60_000))])
    expect(machine.feed(edge).outcome).toMatchObject({ type: 'taken' })
    const beyond = new Book(log, [
      ...edge.lines,
      bindOf(stampAt(61_000), { address: 'bob@example.org' }),
    ])
    expect(machine.feed(beyond, { from: 2 }).outcome).toMatchObject({
      type: 'refused',
      code: 'clock-ahead',
    })
    machine.pass(1_000)
    expect(machine.feed(beyond, { from: 2 }).outcome).toMatchObject({ type: 'taken', have: 3 })
  })

  test('that were refused do not drag the own clock along', () => {
    const machine = started()
    const { newest } = machine.state
    machine.feed(
      new Book(log, [beginOf(log, stampAt(0)), bindOf(stampAt(10_000)), bindOf(stampAt(70_000))]),
    )
    expect(machine.state.newest).toBe(newest)
  })

  test('may lie as far back as they like', () => {
    expect(started().feed(new Book(log, [beginOf(log, 1), bindOf(2)])).outcome).toMatchObject({
      type: 'taken',
    })
  })
})

describe('blanks', () => {
  const book = Book.withBinds(log, 4)

  function blanked(machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })) {
    const fed = machine.feed(book, { blanks: [2] })
    return { machine, ...fed }
  }

  test('that nothing explains are stored, not cosigned, and charged to the sender', () => {
    const { machine, outcome } = blanked()
    expect(outcome).toEqual({ type: 'taken', have: 2, cosign: null })
    expect(machine.state.logs.get(log)).toMatchObject({ size: 5, blankAt: 2 })
    expect(machine.state.peers.get(lyon)?.refusals).toMatchObject([
      { code: 'blank-unexplained', direction: 'ours' },
    ])
    expect(machine.notices()).toContainEqual({
      type: 'blank-unexplained',
      log,
      index: 2,
      peer: lyon,
    })
  })

  test('are not served past, nor do they count as caught up', () => {
    const { machine } = blanked()
    expect(
      only(machine.take({ type: 'entries-asked', request: 1, peer: oslo, log, from: 0 }), 'served'),
    ).toMatchObject([{ to: 2 }])
    const [heads] = only(
      machine.take({ type: 'heads-asked', request: 1, peer: oslo, full: false }),
      'heads',
    )
    expect(heads?.logs).toMatchObject([{ log, have: 2, cosign: null }])
  })

  test('are asked for at other holders and filled by a line that matches, which then counts', () => {
    const { machine } = blanked()
    machine.pass(pushQuietMs)
    machine.hear(oslo, { logs: [{ log, have: 5, checkpoint: book.note() }] })
    expect(only(machine.log, 'pull').at(-1)).toMatchObject({ peer: oslo, log, from: 2 })
    const { outcome, effects } = machine.feed(book, { peer: oslo, via: 'pull', from: 2 })
    expect(outcome).toMatchObject({ type: 'taken' })
    expect(
      only(effects, 'commit').flatMap(({ lookups }) => lookups.map(({ index }) => index)),
    ).toEqual([2])
    machine.take({ type: 'pull-ended', peer: oslo, log, failure: null })
    expect(machine.state.logs.get(log)?.blankAt).toBeNull()
    expect(machine.lines.get(log)).toHaveLength(5)
    expect(machine.feed(book, { from: 5, ends: [] }).outcome).toMatchObject({
      have: 5,
      cosign: book.head(),
    })
  })

  test('are not filled by another line', () => {
    const { machine } = blanked()
    const lines = book.lines.map((line, i) => (i === 2 ? bindOf(stampAt(-49_000)) : line))
    expect(machine.feed(book, { peer: oslo, from: 2, lines }).outcome).toMatchObject({
      type: 'refused',
      code: 'overlap-differs',
      have: 2,
    })
    expect(machine.state.logs.get(log)?.blankAt).toBe(2)
  })

  test('stay blank when a blank comes again', () => {
    const { machine } = blanked()
    expect(machine.feed(book, { peer: oslo, from: 2, blanks: [2] }).outcome).toMatchObject({
      type: 'taken',
      have: 2,
      cosign: null,
    })
  })

  test('of several the next is looked for when one is filled', () => {
    const machine = started()
    machine.feed(book, { blanks: [1, 3] })
    machine.feed(book, { from: 1, blanks: [3] })
    expect(machine.state.logs.get(log)?.blankAt).toBe(3)
  })

  test('folded to a subtree are refused until something can explain them', () => {
    const machine = started()
    const { exchange } = machine.open(book)
    const body = Buffer.from(
      `\n${book.lines[0] as string}\n${book.lines[1] as string}\n{"blank":2,"hash":"${'A'.repeat(43)}="}\n`,
    )
    const segment = { ...book.segment({ from: 0, to: 4 }), body: new Uint8Array(body) }
    expect(
      only(machine.take({ type: 'segment', exchange, segment }), 'exchange-refused')[0]?.refused
        .code,
    ).toBe('blank-unexplained')
  })

  test('in a segment that fails are charged to nobody', () => {
    const machine = started()
    const lines = book.lines.map((line, i) => (i === 4 ? bindOf(stampAt(-49_000)) : line))
    machine.feed(book, { blanks: [2], lines })
    expect(machine.state.peers.get(lyon)?.refusals.map(({ code }) => code)).toEqual([
      'root-mismatch',
    ])
  })
})

describe('kinds of later versions', () => {
  const bind = (ms: number): string => bindOf(stampAt(ms), { address: `at${ms}@example.org` })

  function applied(machine: Machine, book: Book, given: object = {}): number[] {
    const { effects } = machine.feed(book, given)
    return only(effects, 'commit').flatMap(({ lookups }) => lookups.map(({ index }) => index))
  }

  test('are stored and relayed without effect', () => {
    const machine = started()
    const book = new Book(log, [
      beginOf(log, stampAt(-9)),
      bind(-8),
      unknownLine(stampAt(-7)),
      bind(-6),
    ])
    expect(applied(machine, book)).toEqual([1, 3])
    expect(machine.state.logs.get(log)).toMatchObject({ size: 4, haltedAt: null })
    expect(
      only(machine.take({ type: 'entries-asked', request: 1, peer: lyon, log, from: 0 }), 'served'),
    ).toMatchObject([{ to: 4 }])
  })

  test('that are critical halt what is applied of that log, not what is stored, and say so', () => {
    const machine = started({ peers: [siblingOf(lyon), siblingOf(oslo)] })
    const book = new Book(log, [
      beginOf(log, stampAt(-9)),
      bind(-8),
      unknownLine(stampAt(-7), { crit: true }),
      bind(-6),
    ])
    expect(applied(machine, book)).toEqual([1])
    expect(machine.state.logs.get(log)).toMatchObject({ size: 4, haltedAt: 2 })
    expect(machine.notices()).toContainEqual({
      type: 'upgrade-needed',
      log,
      index: 2,
      kind: 'wink',
    })
    book.lines.push(unbindOf(stampAt(-5)))
    expect(applied(machine, book, { from: 4 })).toEqual([])
    expect(applied(machine, Book.withBinds('oslo.example/site~aaaaaaaa', 1))).toEqual([1])
  })

  test('of a partner’s log halt that log alone', () => {
    const machine = started({ peers: [siblingOf(lyon), partnerOf(acme)] })
    const id = 'acme.example/paris~aaaaaaaa'
    machine.feed(new Book(id, [beginOf(id, stampAt(-9)), unknownLine(stampAt(-8), { crit: true })]))
    expect(applied(machine, Book.withBinds(log, 1))).toEqual([1])
  })
})
