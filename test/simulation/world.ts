import type { Peer } from '../../src/domain/peer.ts'
import { Agenda } from './agenda.ts'
import { Chance } from './chance.ts'
import { MachineClock } from './clock.ts'
import { Disk } from './disk.ts'
import type { KeyRing } from './keys.ts'
import { Network, type Weather } from './network.ts'
import { soundWeather, type Plan } from './plan.ts'
import { Process } from './process.ts'
import type { Machine, Operation } from './process-ports.ts'
import { Witness } from './witness.ts'
import type { Threepid } from './final-checks.ts'

/** One machine of the mesh with what outlives its runs. */
export type Site = {
  readonly machine: Machine
  clock: MachineClock
  disk: Disk
  /** The run of it that counts; null while it is down. */
  process: Process | null
  /** Further processes started from copies of its disk, each with a disk of its own. */
  readonly clones: Process[]
}

/** Everything of one run: sites, net, clients, and the witness. */
export class World {
  readonly plan: Plan
  readonly chance: Chance
  readonly agenda = new Agenda()
  readonly witness = new Witness()
  readonly network: Network
  readonly sites: Site[] = []
  readonly keys: KeyRing
  readonly threepids: Threepid[]
  /** Whether faults are still going on. */
  isFaulty = true
  tickMs: number
  #nonce = 0

  constructor(plan: Plan, chance: Chance, keys: KeyRing) {
    this.plan = plan
    this.chance = chance
    this.keys = keys
    this.tickMs = plan.tickMs
    this.threepids = Array.from({ length: plan.addresses }, (_, i) => ({
      medium: 'email',
      address: `user${i}@example.org`,
    }))
    this.network = new Network({
      agenda: this.agenda,
      chance,
      weather: () => this.#weather(),
      processesOf: (name) => this.#processesOf(name),
      span: plan.span,
    })
    this.#makeSites()
    this.#cutWhatNeverTalks()
  }

  #weather(): Weather {
    return this.isFaulty ? this.plan.weather : soundWeather
  }

  #makeSites(): void {
    const { plan, chance, keys } = this
    const names = Array.from({ length: plan.nodeCount }, (_, i) => `n${i}.example`)
    const made = names.map((name, i) => ({
      name,
      ...keys.make(name, new Uint8Array(32).fill(i + 1)),
    }))
    for (const own of made) {
      const peers = made
        .filter(({ name }) => name !== own.name)
        .map(({ name, verifierKey }): Peer => ({
          name,
          url: `mem://${name}`,
          keys: [verifierKey],
          tlsPins: [],
          role: { type: 'sibling' },
        }))
      const clock = new MachineClock()
      clock.offsetMs = chance.between(-plan.clockOffsetMaxMs, plan.clockOffsetMaxMs)
      clock.tickMs = plan.clockTickMs
      clock.driftPerSecondMs = chance.pick([0, 0, 0.05, -0.05])
      clock.monoOffsetMs = chance.between(0, 1_000_000)
      this.sites.push({
        machine: { ...own, peers },
        clock,
        disk: new Disk(),
        process: null,
        clones: [],
      })
    }
  }

  /** In a line only neighbours talk, in a star all talk to the first alone. */
  #cutWhatNeverTalks(): void {
    const { topology } = this.plan
    this.sites.forEach(({ machine: a }, i) => {
      this.sites.forEach(({ machine: b }, j) => {
        const isLinked =
          topology === 'full mesh' ||
          (topology === 'line' ? Math.abs(i - j) === 1 : i === 0 || j === 0)
        if (i !== j && !isLinked) this.network.cut(a.name, b.name)
      })
    })
  }

  #processesOf(name: string): readonly Process[] {
    const site = this.sites.find(({ machine }) => machine.name === name)
    if (site === undefined) return []
    return [site.process, ...site.clones].filter(
      (process): process is Process => process !== null && process.isAlive,
    )
  }

  start(site: Site): void {
    site.process = this.startProcess(site, site.disk, site.clock)
  }

  startProcess(site: Site, disk: Disk, clock: MachineClock, resumed?: Process['state']): Process {
    const { agenda, chance, keys, witness, network, plan } = this
    const process = new Process(
      {
        agenda,
        chance,
        keys,
        witness,
        call: network.call,
        commitDelayMs: () => chance.between(0, plan.commitDelayMaxMs),
      },
      site.machine,
      { disk, clock, ...(resumed === undefined ? {} : { resumed }) },
    )
    this.#tick(process)
    return process
  }

  #tick(process: Process): void {
    if (!process.isAlive) return
    process.handle({ type: 'tick' })
    this.agenda.after(this.tickMs, () => this.#tick(process))
  }

  /** Every disk that a running or stopped site has. */
  disksBut(disk: Disk): Disk[] {
    const disks: Disk[] = []
    for (const site of this.sites) {
      if (this.witness.hostile.has(site.machine.name)) continue
      disks.push(site.disk, ...site.clones.map((clone) => clone.disk))
    }
    return disks.filter((other) => other !== disk)
  }

  /** A client at some running process binds or unbinds: few addresses and Matrix IDs, so that they collide. */
  writeSomething(): void {
    const { chance } = this
    const processes = this.sites
      .flatMap(({ process, clones }) => [process, ...clones])
      .filter((each) => each?.isAlive)
    if (processes.length === 0) return
    const process = chance.pick(processes) as Process
    const count = chance.isHit(0.1) ? chance.between(2, 12) : 1
    process.append(Array.from({ length: count }, () => this.#operation(process)))
  }

  #operation(process: Process): Operation {
    const { chance, plan } = this
    const { medium, address } = chance.pick(this.threepids)
    const mxid = `@m${chance.between(1, plan.mxids)}:example.org`
    const nonce = `${String(this.#nonce++).padStart(22, '0')}==`
    if (chance.isHit(0.35)) return { kind: 'unbind', medium, address, mxid, nonce }
    const ts = Math.floor(process.wallMs())
    const signatures = '{"id.example.org":{"ed25519:0":"c2lnbmVk"}}'
    // Valid at any clock of the run, so that validity decides nothing here.
    const associationJson =
      `{"address":"${address}","medium":"${medium}","mxid":"${mxid}","not_after":${ts + 1e12},` +
      `"not_before":0,"signatures":${signatures},"ts":${ts}}`
    return { kind: 'bind', associationJson, medium, address, mxid, nonce }
  }
}
