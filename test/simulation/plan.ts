import type { Chance } from './chance.ts'
import type { Weather } from './network.ts'

export type Topology = 'full mesh' | 'line' | 'star'
export type Hostility = 'none' | 'relay alters' | 'forger' | 'replays and garbage'

/** What one seed is about; drawn before anything happens. */
export type Plan = {
  readonly nodeCount: number
  readonly topology: Topology
  readonly writes: number
  readonly addresses: number
  readonly mxids: number
  /** Virtual time during which faults happen; afterwards nets, clocks and disks are sound. */
  readonly faultsMs: number
  readonly weather: Weather
  readonly tickMs: number
  readonly commitDelayMaxMs: number
  readonly span: number
  /** Wall clocks move in steps this wide: wide ones make equal stamps. */
  readonly clockTickMs: number
  readonly clockOffsetMaxMs: number
  readonly partitions: number
  readonly crashes: number
  readonly rollbackChance: number
  readonly clones: number
  readonly liveSnapshots: number
  readonly diskProblems: number
  readonly clockJumps: number
  /** A clock that is set an hour ahead, and back. */
  readonly hourAhead: boolean
  readonly hostility: Hostility
}

const calm: Weather = {
  delayMinMs: 1,
  delayMaxMs: 20,
  loss: 0,
  duplication: 0,
  reset: 0,
  truncation: 0,
}

export const soundWeather: Weather = calm

export function drawPlan(chance: Chance): Plan {
  const nodeCount = chance.pick([3, 3, 3, 4, 4, 5])
  const hostility = chance.isHit(0.25)
    ? chance.pick<Hostility>(['relay alters', 'forger', 'replays and garbage'])
    : 'none'
  const isHostile = hostility !== 'none'
  // A snapshot comes back after clockDriftMaxMs: its seeds last longer, and only the snapshot moves their clocks.
  const liveSnapshots = chance.isHit(0.12) ? chance.between(1, 2) : 0
  const isSnapshot = liveSnapshots > 0
  const faultsMs = isSnapshot ? 60_000 : chance.pick([8_000, 15_000, 20_000, 40_000])
  return {
    nodeCount: isHostile ? Math.max(4, nodeCount) : nodeCount,
    topology: isHostile
      ? 'full mesh'
      : chance.pick<Topology>(['full mesh', 'full mesh', 'line', 'star']),
    writes: chance.isHit(0.05) ? chance.between(150, 300) : chance.between(20, 60),
    addresses: chance.between(2, 6),
    mxids: chance.between(2, 4),
    faultsMs,
    weather: drawWeather(chance),
    tickMs: chance.pick([500, 1_000, 2_000, 2_000]),
    commitDelayMaxMs: chance.pick([1, 5, 50, 400]),
    span: chance.pick([1, 4, 16, 256]),
    clockTickMs: chance.pick([1, 16, 1_000, 7_000]),
    clockOffsetMaxMs: chance.pick([0, 0, 2_000, 25_000]),
    partitions: chance.pick([0, 1, 2, 4]),
    crashes: chance.pick([0, 1, 2, 3, 5]),
    rollbackChance: chance.pick([0, 0.3, 0.7]),
    clones: chance.isHit(0.2) ? 1 : 0,
    liveSnapshots,
    diskProblems: chance.isHit(0.3) ? chance.between(1, 2) : 0,
    clockJumps: !isSnapshot && chance.isHit(0.3) ? chance.between(1, 3) : 0,
    hourAhead: !isSnapshot && chance.isHit(0.08),
    hostility,
  }
}

function drawWeather(chance: Chance): Weather {
  const isStormy = chance.isHit(0.6)
  if (!isStormy) return { ...calm, delayMaxMs: chance.pick([2, 20, 300]) }
  return {
    delayMinMs: 1,
    delayMaxMs: chance.pick([5, 100, 1_000, 3_000]),
    loss: chance.pick([0, 0.05, 0.3]),
    duplication: chance.pick([0, 0.1, 0.3]),
    reset: chance.pick([0, 0.05, 0.2]),
    truncation: chance.pick([0, 0.05, 0.2]),
  }
}
