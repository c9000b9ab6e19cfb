import { expect, test } from 'vitest'
import { ListenerGate, type Admission } from '../../../src/replication/listener-gate.ts'

const limits = {
  connectionsMax: 20,
  handshakesOpenMax: 10,
  handshakesOpenPerAddressMax: 4,
  handshakesPerSecond: 8,
  handshakesPerSecondPerAddress: 2,
}

function gateAt(clock: { ms: number }): ListenerGate {
  return new ListenerGate(() => clock.ms, limits)
}

function admitted(verdict: Admission | { problem: string }): Admission {
  if ('problem' in verdict) throw new Error(verdict.problem)
  return verdict
}

test('an address that opens too many handshakes waits, others do not', () => {
  const clock = { ms: 0 }
  const gate = gateAt(clock)
  for (let i = 0; i < 8; i++) admitted(gate.admit('192.0.2.1')).handshakeEnded()
  expect(gate.admit('192.0.2.1')).toEqual({ problem: 'too many handshakes from this address' })
  admitted(gate.admit('192.0.2.2')).handshakeEnded()
  clock.ms += 500
  admitted(gate.admit('192.0.2.1')).handshakeEnded()
  expect(gate.admit('192.0.2.1')).toHaveProperty('problem')
})

test('all addresses together have a rate, too', () => {
  const gate = gateAt({ ms: 0 })
  let count = 0
  for (let i = 0; i < 100; i++) {
    const verdict = gate.admit(`192.0.2.${i}`)
    if ('problem' in verdict) continue
    verdict.connectionEnded()
    count++
  }
  expect(count).toBe(32)
})

test('who begins handshakes and does not end them gets no more', () => {
  const gate = gateAt({ ms: 0 })
  const open = Array.from({ length: 4 }, () => admitted(gate.admit('192.0.2.1')))
  expect(gate.admit('192.0.2.1')).toEqual({ problem: 'too many unfinished handshakes' })
  open[0]?.handshakeEnded()
  admitted(gate.admit('192.0.2.1'))
  for (const address of ['a::', 'b::']) for (let i = 0; i < 3; i++) admitted(gate.admit(address))
  expect(gate.admit('c::')).toEqual({ problem: 'too many unfinished handshakes' })
})

test('connections are counted until they end, and once only', () => {
  const clock = { ms: 0 }
  const gate = gateAt(clock)
  const open = Array.from({ length: 20 }, (_, i) => {
    clock.ms += 1000
    const admission = admitted(gate.admit(`192.0.2.${i}`))
    admission.handshakeEnded()
    admission.handshakeEnded()
    return admission
  })
  expect(gate.admit('192.0.2.99')).toEqual({ problem: 'too many connections' })
  open[0]?.connectionEnded()
  open[0]?.connectionEnded()
  admitted(gate.admit('192.0.2.99'))
  expect(gate.admit('192.0.2.98')).toEqual({ problem: 'too many connections' })
})

test('an IPv6 network of one customer counts as one address, and IPv4 in IPv6 clothes as itself', () => {
  const gate = gateAt({ ms: 0 })
  for (let i = 0; i < 4; i++) admitted(gate.admit(`2001:db8:1:2::${i}`))
  expect(gate.admit('2001:db8:1:2:ffff:1:2:3')).toHaveProperty('problem')
  admitted(gate.admit('2001:db8:1:3::1'))
  for (let i = 0; i < 4; i++) admitted(gate.admit('::ffff:192.0.2.1'))
  expect(gate.admit('192.0.2.1')).toHaveProperty('problem')
})

test('a clock that jumps back neither refills nor blocks for ever', () => {
  const clock = { ms: 1_000_000 }
  const gate = gateAt(clock)
  for (let i = 0; i < 8; i++) admitted(gate.admit('192.0.2.1')).handshakeEnded()
  clock.ms = 0
  expect(gate.admit('192.0.2.1')).toHaveProperty('problem')
  clock.ms = 1_000
  admitted(gate.admit('192.0.2.1'))
})
