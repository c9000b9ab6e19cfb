import { clockDriftMaxMs } from '../../src/domain/limits.ts'
import type { Disk } from './disk.ts'
import type { Process } from './process.ts'
import { loseConnections, snapshotOf, type Snapshot } from './snapshot.ts'
import type { Site, World } from './world.ts'

/** Puts the troubles of the plan on the agenda: each begins and ends before the faulty time does. */
export function planTrouble(world: World): void {
  const { plan, agenda, chance } = world
  const soon = (): number => chance.between(0, Math.floor(plan.faultsMs * 0.8))
  const often = (count: number, run: () => void): void => {
    for (let i = 0; i < count; i++) agenda.at(soon(), run)
  }
  for (let i = 0; i < plan.writes; i++)
    agenda.at(chance.between(0, plan.faultsMs), () => world.writeSomething())
  often(plan.partitions, () => partition(world))
  often(plan.crashes, () => crash(world))
  often(plan.clones, () => clone(world))
  often(plan.diskProblems, () => breakDisk(world))
  often(plan.clockJumps, () =>
    jumpClock(world, chance.pick([-90_000, -40_000, -5_000, 5_000, 40_000, 50_000])),
  )
  if (plan.hourAhead) agenda.at(soon(), () => jumpClock(world, 3_600_000))
  for (let i = 0; i < plan.liveSnapshots; i++) {
    agenda.at(chance.between(0, Math.floor(plan.faultsMs * 0.2)), () => takeSnapshot(world))
  }
}

/** A time within what is left of the faulty phase. */
function within(world: World, ms: number): number {
  return Math.min(world.plan.faultsMs - 1, world.agenda.nowMs + world.chance.between(1, ms))
}

function partition(world: World): void {
  const { chance, network, agenda, sites } = world
  const isOneWay = chance.isHit(0.3)
  const names = sites.map(({ machine }) => machine.name)
  const side = names.filter(() => chance.isHit(0.5))
  const cuts: [string, string][] = []
  for (const a of side) {
    for (const b of names) {
      if (side.includes(b)) continue
      cuts.push([a, b])
      if (!isOneWay) cuts.push([b, a])
    }
  }
  for (const [a, b] of cuts) network.cut(a, b)
  agenda.at(within(world, 60_000), () => {
    for (const [a, b] of cuts) network.mend(a, b)
  })
}

/** A power cut, at once or within the next transaction; then a start, perhaps from an older copy of the disk. */
function crash(world: World): void {
  const { chance, agenda, plan } = world
  const site = chance.pick(world.sites)
  const { process } = site
  if (process === null || world.witness.hostile.has(site.machine.name)) return
  if (chance.isHit(0.3)) process.killAtCommit = chance.pick(['before', 'after'])
  agenda.at(within(world, 1_000), () => {
    process.kill()
    if (site.process !== process) return
    site.process = null
    agenda.at(within(world, chance.pick([100, 5_000, 40_000])), () => {
      // A snapshot may have been put back meanwhile: one disk has one process.
      if (site.process !== null) return
      if (chance.isHit(plan.rollbackChance)) rollBack(world, site)
      world.start(site)
    })
  })
}

/** The disk as it was some transactions ago: a backup put back. */
function rollBack(world: World, site: Site): void {
  const count = site.disk.transactions.length
  const isFar = world.chance.isHit(0.2)
  const kept = world.chance.between(isFar ? 0 : Math.max(0, count - 12), count)
  replaceDisk(world, site, site.disk.copy(kept))
}

function replaceDisk(world: World, site: Site, disk: Disk): void {
  world.witness.lost(site.disk, disk, [disk, ...world.disksBut(site.disk)])
  site.disk = disk
}

/** A second process under the same name and key, from a copy of the disk, while the first goes on. */
function clone(world: World): void {
  const { chance, agenda } = world
  const site = chance.pick(world.sites)
  if (site.process === null || world.witness.hostile.has(site.machine.name)) return
  const clock = site.clock.copy()
  const process = world.startProcess(site, site.disk.copy(), clock)
  site.clones.push(process)
  agenda.at(within(world, 60_000), () => endClone(world, site, process))
}

function endClone(world: World, site: Site, process: Process): void {
  process.kill()
  site.clones.splice(site.clones.indexOf(process), 1)
  world.witness.lost(process.disk, null, [site.disk, ...world.disksBut(site.disk)])
}

function breakDisk(world: World): void {
  const { disk } = world.chance.pick(world.sites)
  disk.problem = world.chance.pick(['storage-full', 'storage-read-only'])
  world.agenda.at(within(world, 20_000), () => {
    disk.problem = null
  })
}

/** The wall clock is set wrong and, later, right again. */
function jumpClock(world: World, jumpMs: number): void {
  const { clock, machine } = world.chance.pick(world.sites)
  world.witness.strayed.add(machine.name)
  clock.offsetMs += jumpMs
  world.agenda.at(within(world, 60_000), () => {
    clock.offsetMs -= jumpMs
  })
}

/**
 * A virtual machine is snapshot while it runs, memory and disk; later it is put back to that. The hypervisor sets its
 * wall clock, its monotonic clock goes on from the snapshot. Within clockDriftMaxMs of the snapshot no machine could
 * tell, so what is simulated lies beyond; docs/protocol.md says what operators must know of the rest.
 */
function takeSnapshot(world: World): void {
  const { chance, agenda, plan } = world
  const site = chance.pick(world.sites)
  const { process } = site
  if (process?.isAlive !== true || world.witness.hostile.has(site.machine.name)) return
  const taken = snapshotOf(process)
  if (taken === null) {
    agenda.after(37, () => {
      if (agenda.nowMs < plan.faultsMs * 0.25) takeSnapshot(world)
    })
    return
  }
  const awayMs = clockDriftMaxMs + plan.clockTickMs + chance.between(1_000, 8_000)
  if (agenda.nowMs + awayMs < plan.faultsMs) agenda.after(awayMs, () => resume(world, site, taken))
}

function resume(world: World, site: Site, taken: Snapshot): void {
  site.process?.kill()
  replaceDisk(world, site, taken.disk)
  const clock = site.clock.copy()
  clock.monoOffsetMs -= world.agenda.nowMs - taken.atMs
  site.clock = clock
  const resumed = world.startProcess(site, taken.disk, clock, taken.state)
  site.process = resumed
  world.agenda.after(50, () => loseConnections(resumed, taken.calls))
}

/** Ends every fault that is still going on. */
export function endTrouble(world: World): void {
  world.isFaulty = false
  for (const site of world.sites) {
    for (const process of [...site.clones]) endClone(world, site, process)
    site.disk.problem = null
    if (site.process?.isAlive !== true) world.start(site)
    else site.process.killAtCommit = null
  }
}
