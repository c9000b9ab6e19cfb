import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ChunkReader } from '../../../src/domain/chunk.ts'
import type { Effect } from '../../../src/mesh/events.ts'
import { Machine, only, siblingOf } from './machine.ts'

/** The chunks of test/vectors/chunk.json, as a receiver takes them. */

type Named = { name: string; text: string }
type Vectors = {
  node: string
  vkey: string
  nowMs: number
  log: string
  valid: (Named & { from: number; size: number; root: string; blanks?: number[] })[]
  refused: (Named & { refusal: string })[]
}
const file = new URL('../../vectors/chunk.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

let exchange = 0

function receiver(): Machine {
  const machine = new Machine({ peers: [siblingOf(vectors.node, { keys: [vectors.vkey] })] })
  machine.wallMs = vectors.nowMs
  machine.start()
  return machine
}

function take(machine: Machine, text: string): Effect[] {
  const reader = new ChunkReader()
  const effects: Effect[] = []
  exchange++
  for (const part of reader.push(Buffer.from(text))) {
    if (part.type === 'header') {
      const opened = {
        type: 'chunk-opened',
        exchange,
        peer: vectors.node,
        via: 'push',
        header: part.header,
      } as const
      effects.push(...machine.take(opened))
    } else if (machine.state.exchanges.has(exchange)) {
      effects.push(...machine.take({ type: 'segment', exchange, segment: part.segment }))
    }
  }
  reader.end()
  effects.push(
    ...machine.take({ type: 'chunk-ended', exchange, failure: null }),
    ...machine.commit(),
  )
  return effects
}

test.each(vectors.valid)('taken: $name', ({ text, from, size, root, blanks }) => {
  const machine = receiver()
  if (from > 0) take(machine, (vectors.valid[0] as Named).text)
  const effects = take(machine, text)
  expect(only(effects, 'exchange-refused')).toEqual([])
  const stands = machine.state.logs.get(vectors.log)
  expect(stands?.size).toBe(size)
  expect(Buffer.from(stands?.root ?? []).toString('base64')).toBe(root)
  expect(stands?.blankAt).toBe(blanks?.[0] ?? null)
})

test.each(vectors.refused)('refused: $name', ({ text, refusal }) => {
  const machine = receiver()
  expect(only(take(machine, text), 'exchange-refused')).toMatchObject([
    { refused: { code: refusal } },
  ])
  machine.take({ type: 'tick' })
  machine.commit()
  expect(machine.state.logs.size).toBe(0)
})
