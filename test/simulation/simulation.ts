import { Chance } from './chance.ts'
import { checkEnd, headsText, judgedOf } from './final-checks.ts'
import { Ed25519Keys, HashKeys } from './keys.ts'
import { drawPlan, type Plan } from './plan.ts'
import { befriendHostile } from './adversary.ts'
import { endTrouble, planTrouble } from './trouble.ts'
import type { Process } from './process.ts'
import { Violation } from './witness.ts'
import { World } from './world.ts'

export type RunResult = {
  readonly seed: number
  /** The broken invariant in words, or what was thrown; null when all held. */
  readonly failure: string | null
  readonly events: number
  readonly digest: number
  readonly acknowledged: number
  readonly plan: Plan
  readonly refusals: ReadonlyMap<string, number>
}

/** Virtual time in which the mesh must agree once faults have ended, and how long it must then stay calm. */
const settleMaxMs = 300_000
const calmMs = 12_000
const lookEveryMs = 4_000

/** Runs one seed from start to end. The same seed gives the same events and digest. */
export function simulate(seed: number, options: { readonly realKeys?: boolean } = {}): RunResult {
  // Refusals are ordinary here and need no stack; a fault is met again with one.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const result = simulateOnce(seed, options)
  Error.stackTraceLimit = stackTraceLimit
  return result.failure?.startsWith(thrown) === true ? simulateOnce(seed, options) : result
}

const thrown = 'the run threw: '

function simulateOnce(seed: number, options: { readonly realKeys?: boolean }): RunResult {
  const chance = new Chance(seed)
  const plan = drawPlan(chance)
  const world = new World(
    plan,
    chance,
    options.realKeys === true ? new Ed25519Keys() : new HashKeys(),
  )
  let failure: string | null = null
  try {
    run(world)
  } catch (error) {
    failure = error instanceof Violation ? error.message : `${thrown}${stackOf(error)}`
  }
  const { agenda, witness } = world
  return {
    seed,
    failure,
    events: agenda.count,
    digest: agenda.digest,
    acknowledged: witness.acknowledgedCount,
    plan,
    refusals: witness.refusals,
  }
}

function run(world: World): void {
  const { plan, agenda } = world
  const { witness } = world
  witness.clockSpreadMs = 2 * plan.clockOffsetMaxMs + plan.clockTickMs + 100
  witness.strayMaxMs = witness.clockSpreadMs + 90_000 * plan.clockJumps + 3_600_000
  befriendHostile(world)
  for (const site of world.sites) world.start(site)
  planTrouble(world)
  agenda.runUntil(plan.faultsMs)
  endTrouble(world)
  if (plan.hourAhead) waitOut(world)
  settle(world)
}

/** Lines written by a clock an hour ahead wait for an hour; the run looks away meanwhile. */
function waitOut(world: World): void {
  const { tickMs } = world
  world.tickMs = 600_000
  world.agenda.runUntil(world.agenda.nowMs + 3_700_000)
  world.tickMs = tickMs
}

function settle(world: World): void {
  const { agenda, sites, witness } = world
  const processes = sites
    .filter(({ machine }) => !witness.hostile.has(machine.name))
    .map(({ process, machine }) => {
      if (process === null) throw new Error(`${machine.name} does not run`)
      return process
    })
  const endMs = agenda.nowMs + settleMaxMs
  let calmFromMs = agenda.nowMs
  let judged = judgedOf(processes, witness.hostile)
  let before = ''
  const exchangesBefore = new Map<Process, ReadonlySet<number>>()
  for (;;) {
    agenda.runUntil(agenda.nowMs + lookEveryMs)
    judged = judgedOf(processes, witness.hostile)
    const heads = processes.map((process) => headsText(process, judged))
    const isEqual = heads.every((text) => text === heads[0])
    if (!isEqual || heads[0] !== before) {
      calmFromMs = agenda.nowMs
      for (const process of processes)
        exchangesBefore.set(process, new Set(process.state.exchanges.keys()))
    }
    before = heads[0] ?? ''
    if (agenda.nowMs - calmFromMs >= calmMs) break
    if (agenda.nowMs >= endMs)
      throw new Violation(
        `the nodes do not agree ${settleMaxMs / 1000} s after faults ended${difference(heads)}`,
      )
  }
  checkEnd({
    processes,
    witness,
    threepids: world.threepids,
    judged,
    calmFromMs: calmFromMs + lookEveryMs,
    exchangesBefore,
  })
}

function difference(heads: readonly string[]): string {
  const [first = '', ...others] = heads
  const other = others.find((text) => text !== first)
  if (other === undefined) return ': heads keep changing'
  const lines = first.split('\n')
  const odd = other.split('\n').filter((line) => !lines.includes(line))
  const lacking = lines.filter((line) => !other.split('\n').includes(line))
  return `: ${lacking.slice(0, 3).join(', ')} against ${odd.slice(0, 3).join(', ')}`
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
