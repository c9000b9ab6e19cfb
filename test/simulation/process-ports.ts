import type { BindOperation, UnbindOperation } from '../../src/domain/entry-line.ts'
import type { Peer } from '../../src/domain/peer.ts'
import type { Outward } from '../../src/log/driver.ts'
import type { Signer } from '../../src/log/signer.ts'
import type { Effect, MeshEvent } from '../../src/mesh/events.ts'
import type { Agenda } from './agenda.ts'
import type { Chance } from './chance.ts'
import type { KeyRing } from './keys.ts'
import type { Process } from './process.ts'
import type { Witness } from './witness.ts'

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
export type Input = DistributiveOmit<MeshEvent, 'now'>
export type Operation = BindOperation | UnbindOperation

export type Call = Extract<Effect, { type: 'ask-heads' | 'push' | 'pull' }>
export type Answer = Extract<Outward, { type: 'heads' | 'served' | 'refused' }>
export type Outcome = Extract<Outward, { type: 'exchange-ended' | 'exchange-refused' }>

export type ProcessPorts = {
  readonly agenda: Agenda
  readonly chance: Chance
  readonly keys: KeyRing
  readonly witness: Witness
  readonly call: (from: Process, call: Call) => void
  /** Virtual milliseconds between a wish to commit and the commit: what arrives meanwhile joins it. */
  readonly commitDelayMs: () => number
}

export type Machine = {
  readonly name: string
  readonly signer: Signer
  readonly verifierKey: string
  readonly peers: readonly Peer[]
}
