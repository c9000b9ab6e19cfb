import type { Disk } from './disk.ts'
import type { Process } from './process.ts'
import type { Call } from './process-ports.ts'

/** A running virtual machine as its host keeps it: memory, disk, and the calls that were under way. */
export type Snapshot = {
  readonly state: Process['state']
  readonly calls: readonly Call[]
  readonly disk: Disk
  readonly atMs: number
}

/** Null while anything is staged or on its way in: what a process holds then cannot be copied. */
export function snapshotOf({ state, disk, calls, ports }: Process): Snapshot | null {
  const { group, committing, exchanges, nextLife } = state
  const isStaged = group.isWanted || group.logs.size > 0 || group.sides.length > 0
  if (isStaged || committing !== null || exchanges.size > 0 || nextLife === null) return null
  const atMs = ports.agenda.nowMs
  return { state: structuredClone(state), calls: [...calls], disk: disk.copy(), atMs }
}

/** A resumed snapshot finds its connections dead: every call it remembers fails, every stream it served ends. */
export function loseConnections(process: Process, calls: readonly Call[]): void {
  const reason = 'the connection is gone'
  for (const call of calls) {
    const { peer } = call
    if (call.type === 'ask-heads') {
      process.handle({ type: 'heads-failed', peer, reason })
    } else if (call.type === 'pull') {
      process.handle({ type: 'pull-ended', peer, log: call.log, failure: reason })
    } else {
      const outcome = { type: 'failed', reason } as const
      process.handle({ type: 'push-ended', peer, log: call.log, outcome })
    }
  }
  for (const [peer, { serving }] of process.state.peers) {
    for (const [log, count] of [...serving]) {
      for (let i = 0; i < count; i++) process.handle({ type: 'serving', peer, log, isOn: false })
    }
  }
}
