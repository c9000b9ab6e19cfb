import { describe, expect, test } from 'vitest'
import { closedDigest } from '../../../src/domain/heads-digest.ts'
import {
  backoffFirstMs,
  backoffMaxMs,
  headsIntervalMs,
  pushLinesMax,
  pushQuietMs,
} from '../../../src/domain/limits.ts'
import type { PushOutcome } from '../../../src/mesh/events.ts'
import {
  bindOf,
  bindOperation,
  Book,
  cosignatureBy,
  lyon,
  Machine,
  offerOf,
  only,
  oslo,
  siblingOf,
  stampAt,
} from './machine.ts'

const log = 'lyon.example/site~aaaaaaaa'

/** Started, and every peer has answered once. */
function met(names: readonly string[] = [lyon]): Machine {
  const machine = new Machine({ peers: names.map((name) => siblingOf(name)) })
  machine.start()
  for (const name of names) machine.hear(name)
  machine.log.length = 0
  return machine
}

function taken(
  machine: Machine,
  peer: string,
  have: number,
  id = machine.current(),
  cosignatures: string[] = [],
) {
  const outcome: PushOutcome = { type: 'taken', have, cosignatures }
  return machine.take({ type: 'push-ended', peer, log: id, outcome })
}

function refused(machine: Machine, code: string, have: number | null) {
  const outcome: PushOutcome = { type: 'refused', code, message: 'no', have }
  return machine.take({ type: 'push-ended', peer: lyon, log: machine.current(), outcome })
}

describe('a push', () => {
  test('leaves as soon as a line of ours is durable, not before', () => {
    const machine = met()
    expect(only(machine.append(bindOperation()), 'push')).toEqual([])
    expect(only(machine.commit(), 'push')).toMatchObject([
      { peer: lyon, log: machine.current(), from: 0, to: 2 },
    ])
  })

  test('is one at a time per peer: what gathers meanwhile goes in the next', () => {
    const machine = met()
    machine.write(bindOperation())
    machine.write(bindOperation({ address: 'bob@example.org' }))
    machine.write(bindOperation({ address: 'carol@example.org' }))
    expect(only(machine.log, 'push')).toHaveLength(1)
    expect(only(taken(machine, lyon, 2), 'push')).toMatchObject([{ from: 2, to: 4 }])
    expect(only(taken(machine, lyon, 4), 'push')).toEqual([])
  })

  test('to one peer waits for no other peer', () => {
    const machine = met([lyon, oslo])
    machine.write(bindOperation())
    machine.write(bindOperation({ address: 'bob@example.org' }))
    expect(only(machine.log, 'push').map(({ peer }) => peer)).toEqual([lyon, oslo])
    expect(only(taken(machine, oslo, 2), 'push')).toMatchObject([{ peer: oslo, from: 2, to: 3 }])
  })

  test('has a bounded number of lines', () => {
    const machine = met()
    machine.feed(Book.withBinds(log, 1))
    const stands = machine.state.logs.get(log)
    if (stands === undefined) throw new Error('no log')
    stands.size = stands.noteSize = pushLinesMax * 2
    machine.state.peers.get(lyon)?.have.set(log, 7)
    expect(
      only(
        machine.take({
          type: 'push-ended',
          peer: lyon,
          log,
          outcome: { type: 'taken', have: 7, cosignatures: [] },
        }),
        'push',
      ),
    ).toEqual([])
    machine.pass(headsIntervalMs)
    machine.hear(lyon, { logs: [{ log, have: 7, checkpoint: null }] })
    expect(only(machine.log, 'push').at(-1)).toMatchObject({ from: 7, to: 7 + pushLinesMax })
  })

  test('relays what another sibling wrote', () => {
    const machine = met([lyon, oslo])
    machine.feed(Book.withBinds(log, 2))
    expect(only(machine.log, 'push').filter(({ peer }) => peer === oslo)).toMatchObject([
      { log, from: 0, to: 3 },
    ])
  })

  test('that was refused for a gap begins again where the peer says it stands', () => {
    const machine = met()
    machine.write(bindOperation())
    machine.write(bindOperation({ address: 'bob@example.org' }))
    refused(machine, 'gap', 1)
    machine.pass(backoffFirstMs)
    expect(only(machine.take({ type: 'tick' }), 'push')).toMatchObject([{ from: 1, to: 3 }])
    expect(machine.state.peers.get(lyon)?.refusals).toEqual([])
  })

  test('that was refused for what it holds is shown and left alone until heads have been exchanged', () => {
    const machine = met()
    machine.write(bindOperation())
    refused(machine, 'root-mismatch', 0)
    expect(machine.state.peers.get(lyon)?.refusals).toMatchObject([
      { code: 'root-mismatch', direction: 'theirs' },
    ])
    machine.pass(headsIntervalMs - 1)
    expect(only(machine.take({ type: 'tick' }), 'push')).toEqual([])
  })

  test('is not made of a log the peer is reading from us right now', () => {
    const machine = met()
    machine.write(bindOperation())
    const id = machine.current()
    taken(machine, lyon, 1)
    machine.take({ type: 'serving', peer: lyon, log: id, isOn: true })
    machine.write(bindOperation({ address: 'bob@example.org' }))
    machine.pass(headsIntervalMs)
    machine.hear(lyon, { logs: [{ log: id, have: 1, checkpoint: null }] })
    expect(only(machine.log, 'push')).toHaveLength(2)
    machine.log.length = 0
    const closing = machine.take({
      type: 'push-ended',
      peer: lyon,
      log: id,
      outcome: { type: 'taken', have: 2, cosignatures: [] },
    })
    expect(only(closing, 'push')).toEqual([])
    expect(
      only(machine.take({ type: 'serving', peer: lyon, log: id, isOn: false }), 'push'),
    ).toMatchObject([{ from: 2, to: 3 }])
  })

  test('is not made to a peer that was never reached, nor to one without a URL', () => {
    const silent = new Machine({ peers: [siblingOf(lyon)] })
    silent.start()
    silent.write(bindOperation())
    expect(only(silent.log, 'push')).toEqual([])
    const unreachable = new Machine({ peers: [siblingOf(lyon, { url: null })] })
    unreachable.start()
    unreachable.write(bindOperation())
    expect(unreachable.log.map(({ type }) => type)).not.toContain('ask-heads')
  })

  test('does not begin any more when the node stops', () => {
    const machine = met()
    machine.append(bindOperation())
    machine.take({ type: 'stopping' })
    expect(only(machine.commit(), 'push')).toEqual([])
  })

  test('brings the replica’s cosignature, which is checked before it counts', () => {
    const machine = met()
    machine.write(bindOperation())
    const id = machine.current()
    const book = new Book(
      id,
      (machine.lines.get(id) ?? []).map((line) => Buffer.from(line as Uint8Array).toString()),
    )
    taken(machine, lyon, 2, id, [cosignatureBy(oslo, book).replace(oslo, lyon)])
    expect(machine.state.logs.get(id)?.cosigned.size).toBe(0)
    taken(machine, lyon, 2, id, [cosignatureBy(lyon, book)])
    expect(machine.state.logs.get(id)?.cosigned.get(lyon)?.size).toBe(2)
  })
})

describe('heads', () => {
  test('are asked for at the start, and then every ten seconds or so', () => {
    const machine = new Machine({ peers: [siblingOf(lyon)] })
    expect(only(machine.start(), 'ask-heads')).toMatchObject([{ peer: lyon, full: false }])
    for (let i = 0; i < 50; i++) {
      machine.hear(lyon)
      let waitedMs = 0
      while (only(machine.take({ type: 'tick' }), 'ask-heads').length === 0) {
        machine.pass(100)
        waitedMs += 100
      }
      expect(waitedMs).toBeGreaterThanOrEqual(headsIntervalMs * 0.7)
      expect(waitedMs).toBeLessThanOrEqual(headsIntervalMs * 1.3 + 100)
    }
  })

  test('do not fall into step: intervals differ', () => {
    const machine = met()
    const delays = Array.from({ length: 20 }, () => {
      machine.pass(137)
      machine.hear(lyon)
      return (machine.state.peers.get(lyon)?.headsDueMs ?? 0) - machine.monoMs
    })
    expect(new Set(delays).size).toBeGreaterThan(10)
  })

  test('carry the cosignatures known of the head they show', () => {
    const machine = met([lyon, oslo])
    const book = Book.withBinds(log, 2)
    machine.feed(book)
    const line = cosignatureBy(oslo, book)
    machine.hear(oslo, { logs: [{ log, have: 3, checkpoint: `${book.note()}${line}\n` }] })
    const [heads] = only(
      machine.take({ type: 'heads-asked', request: 1, peer: lyon, full: false }),
      'heads',
    )
    expect(heads?.logs).toMatchObject([{ log, have: 3, cosigned: [line], cosign: book.head() }])
  })

  test('that show less than we hold bring a push, more a pull', () => {
    const machine = met([lyon, oslo])
    const book = Book.withBinds(log, 4)
    machine.feed(book, { size: 3 })
    machine.log.length = 0
    machine.hear(oslo, { logs: [offerOf(book, 1)] })
    machine.take({
      type: 'push-ended',
      peer: oslo,
      log,
      outcome: { type: 'taken', have: 1, cosignatures: [] },
    })
    machine.pass(pushQuietMs)
    machine.hear(lyon, { logs: [offerOf(book)] })
    expect(only(machine.log, 'pull')).toMatchObject([{ peer: lyon, log, from: 3 }])
  })

  test('that claim lines their checkpoint does not cover offer only what it covers', () => {
    const machine = met()
    machine.hear(lyon, { logs: [{ log, have: 1_000, checkpoint: new Book(log).note() }] })
    expect(machine.state.peers.get(lyon)?.offers.get(log)).toBe(1)
  })

  test('of logs the peer may not hand over are ignored', () => {
    const machine = met()
    machine.hear(lyon, { logs: [offerOf(new Book('stranger.example/site~aaaaaaaa'))] })
    expect(only(machine.log, 'pull')).toEqual([])
  })

  test('show closed logs as one digest, and in full to whoever asks', () => {
    const machine = met()
    const book = Book.withBinds(log, 2)
    machine.feed(book)
    const stands = machine.state.logs.get(log)
    if (stands === undefined) throw new Error('no log')
    stands.closedAt = 3
    const ask = (full: boolean) =>
      only(machine.take({ type: 'heads-asked', request: 1, peer: lyon, full }), 'heads')[0]
    expect(ask(false)).toMatchObject({ logs: [], closed: { count: 1, logs: [book.head()] } })
    expect(ask(true)?.logs).toMatchObject([{ log, have: 3 }])
  })

  test('with another digest of closed logs are asked for again in full, once', () => {
    const machine = met()
    const closed = { count: 1, digest: closedDigest([new Book(log).head()]) }
    expect(only(machine.hear(lyon, { closed }), 'ask-heads')).toMatchObject([
      { peer: lyon, full: true },
    ])
    const again = machine.hear(lyon, { closed, logs: [offerOf(new Book(log))] })
    expect(only(again, 'ask-heads')).toEqual([])
    expect(only(again, 'pull')).toMatchObject([{ log, from: 0 }])
  })
})

describe('a pull', () => {
  const book = Book.withBinds(log, 4)

  function offered(names = [lyon, oslo]): Machine {
    const machine = met(names)
    for (const name of names) machine.hear(name, { logs: [offerOf(book)] })
    return machine
  }

  test('is made from one holder at a time', () => {
    expect(only(offered().log, 'pull')).toMatchObject([{ peer: lyon, log, from: 0 }])
  })

  test('goes on with another holder when it failed, from where it stopped', () => {
    const machine = offered()
    machine.feed(book, { peer: lyon, via: 'pull', ends: [2] })
    const effects = machine.take({ type: 'pull-ended', peer: lyon, log, failure: 'cut' })
    expect(only(effects, 'pull')).toMatchObject([{ peer: oslo, log, from: 2 }])
  })

  test('is tried again with the only holder after a while', () => {
    const machine = offered([lyon])
    expect(
      only(machine.take({ type: 'pull-ended', peer: lyon, log, failure: 'cut' }), 'pull'),
    ).toEqual([])
    machine.pass(headsIntervalMs / 2)
    expect(only(machine.take({ type: 'tick' }), 'pull')).toMatchObject([{ peer: lyon }])
  })

  test('that brought everything is not made again', () => {
    const machine = offered()
    machine.feed(book, { peer: lyon, via: 'pull' })
    expect(
      only(machine.take({ type: 'pull-ended', peer: lyon, log, failure: null }), 'pull'),
    ).toEqual([])
  })

  test('is not made of a log whose lines are arriving by themselves, unless many are missing', () => {
    const machine = met()
    const pushed = Book.withBinds(log, 2)
    machine.feed(pushed)
    machine.hear(lyon, { logs: [offerOf(book)] })
    expect(only(machine.log, 'pull')).toEqual([])
    machine.pass(pushQuietMs)
    expect(only(machine.take({ type: 'tick' }), 'pull')).toMatchObject([{ log, from: 3 }])
  })

  test('does not keep pushes to the same peer waiting', () => {
    const machine = offered([lyon])
    machine.write(bindOperation())
    expect(only(machine.log, 'push')).toMatchObject([{ peer: lyon }])
  })
})

describe('a peer that does not answer', () => {
  const fail = (machine: Machine, peer: string) =>
    machine.take({ type: 'heads-failed', peer, reason: 'nothing answers' })

  test('is called again after longer and longer pauses, up to a minute', () => {
    const machine = new Machine({ peers: [siblingOf(lyon)] })
    machine.start()
    const pauses = Array.from({ length: 12 }, () => {
      fail(machine, lyon)
      const pause = (machine.state.peers.get(lyon)?.callAfterMs ?? 0) - machine.monoMs
      machine.pass(Math.ceil(pause))
      expect(only(machine.take({ type: 'tick' }), 'ask-heads')).toHaveLength(1)
      return pause
    })
    pauses.forEach((pause, i) => {
      const full = Math.min(backoffMaxMs, backoffFirstMs * 2 ** i)
      expect(pause).toBeLessThanOrEqual(full)
      expect(pause).toBeGreaterThanOrEqual(full * 0.75)
    })
  })

  test('is not called before its pause is over', () => {
    const machine = new Machine({ peers: [siblingOf(lyon)] })
    machine.start()
    fail(machine, lyon)
    machine.pass(backoffFirstMs * 0.7)
    expect(only(machine.take({ type: 'tick' }), 'ask-heads')).toEqual([])
  })

  test('delays nobody else', () => {
    const machine = met([lyon, oslo])
    machine.write(bindOperation())
    machine.take({
      type: 'push-ended',
      peer: lyon,
      log: machine.current(),
      outcome: { type: 'failed', reason: 'cut' },
    })
    taken(machine, oslo, 2)
    expect(only(machine.append(bindOperation({ address: 'bob@example.org' })), 'push')).toEqual([])
    expect(only(machine.commit(), 'push')).toMatchObject([{ peer: oslo, from: 2, to: 3 }])
  })

  test('that calls us is called back at once', () => {
    const machine = new Machine({ peers: [siblingOf(lyon)] })
    machine.start()
    for (let i = 0; i < 8; i++) fail(machine, lyon)
    expect(
      only(machine.take({ type: 'heads-asked', request: 1, peer: lyon, full: false }), 'ask-heads'),
    ).toMatchObject([{ peer: lyon }])
  })

  test('is said to be gone once, and to be back once', () => {
    const machine = met()
    for (let i = 0; i < 3; i++) fail(machine, lyon)
    machine.hear(lyon)
    machine.hear(lyon)
    expect(
      machine
        .notices()
        .map(({ type }) => type)
        .filter((type) => type.startsWith('peer-')),
    ).toEqual(['peer-unreachable', 'peer-reachable'])
  })

  test('forgets nothing: what it missed is pushed when it is back', () => {
    const machine = met()
    fail(machine, lyon)
    machine.write(bindOperation())
    expect(only(machine.log, 'push')).toEqual([])
    expect(only(machine.hear(lyon), 'push')).toMatchObject([{ peer: lyon, from: 0, to: 2 }])
  })
})

test('peers that are taken off the list are forgotten, those that stay keep what is known of them', () => {
  const machine = met([lyon, oslo])
  machine.state.peers.get(lyon)?.have.set(log, 3)
  machine.take({ type: 'peers-changed', peers: [siblingOf(lyon)] })
  expect([...machine.state.peers.keys()]).toEqual([lyon])
  expect(machine.state.peers.get(lyon)?.have.get(log)).toBe(3)
  const line = bindOf(stampAt(0))
  expect(
    machine.feed(new Book('oslo.example/site~aaaaaaaa', [line]), { ends: [] }).outcome,
  ).toMatchObject({ code: 'log-unknown' })
})
