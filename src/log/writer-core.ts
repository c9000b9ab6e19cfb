import type { LogId } from '../domain/log-id.ts'
import { awayMaxMs } from '../domain/limits.ts'
import { formatVerifierKey, verifierKey } from '../domain/checkpoint.ts'
import { publicKeyFromSeed } from '../domain/ed25519.ts'
import type { Peer } from '../domain/peer.ts'
import { isAccepted } from '../mesh/accept.ts'
import { bootState } from '../mesh/boot.ts'
import type { Effect, MeshEvent, Now } from '../mesh/events.ts'
import { aliveMetaName } from '../mesh/step.ts'
import type { Refold, RefoldScope, Storage } from '../storage/storage.ts'
import { loadLogs } from './boot.ts'
import { LogDriver, type Outward } from './driver.ts'
import { createSigner } from './signer.ts'
import { statusOf } from './status.ts'
import type { FromWriter, ToWriter, WriterOptions, WriterStatus } from './writer-messages.ts'

export type WriterPorts = {
  readonly storage: Storage
  readonly wallMs: () => number
  readonly monoMs: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly pause: () => Promise<void>
  readonly post: (message: FromWriter) => void
  readonly record?: (event: MeshEvent, effects: readonly Effect[]) => void
}

/** Name of the stored value that holds the roles the index was folded under. */
const rolesMetaName = 'folded_roles'

/** The writer without its thread: the driver, refolds, and the messages of its one client. */
export class WriterCore {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #driver: LogDriver
  #refoldProgress: WriterStatus['refold'] = null
  #requestNext = -1
  #stopAfter: number | null = null
  #isRunning = false

  private constructor(ports: WriterPorts, options: WriterOptions, driver: LogDriver) {
    this.#ports = ports
    this.#options = options
    this.#driver = driver
  }

  /** Loads what stands and starts the machine. Throws StorageFault when the store is not what it says. */
  static async start(ports: WriterPorts, options: WriterOptions): Promise<WriterCore> {
    const { self } = options
    const now = (): Now => ({ wallMs: ports.wallMs(), monoMs: ports.monoMs() })
    const meshKey = formatVerifierKey(verifierKey(self.name, 0x01, publicKeyFromSeed(self.meshSeed)))
    const state = bootState({
      self: { name: self.name, serverName: self.serverName, meshKey, matrixKeys: self.matrixKeys, recoveryKey: null },
      limits: { skewMaxMs: options.skewMaxMs },
      peers: options.peers,
      logs: await loadLogs(ports.storage),
      now: now(),
    })
    const core: { current: WriterCore | null } = { current: null }
    const driver = new LogDriver(state, {
      storage: ports.storage,
      signer: createSigner(self.name, self.meshSeed),
      now,
      random: ports.random,
      pause: ports.pause,
      emit: (outward) => core.current?.emitted(outward),
      fail: (error) => ports.post(failureMessage(error)),
      ...(ports.record === undefined ? {} : { record: ports.record }),
    })
    const writer = new WriterCore(ports, options, driver)
    core.current = writer
    return writer
  }

  /** Somebody listens by now: calls to peers may begin. */
  async #run(): Promise<void> {
    const { storage, wallMs } = this.#ports
    const aliveMs = Number((await storage.readMeta(aliveMetaName)) ?? '0')
    this.#driver.handle({ type: 'started', isAway: wallMs() - aliveMs > awayMaxMs })
    this.#isRunning = true
    await this.#refoldWhatChanged(this.#options.peers)
  }

  status(): WriterStatus {
    const now = { wallMs: this.#ports.wallMs(), monoMs: this.#ports.monoMs() }
    return statusOf(this.#driver.state, now, this.#refoldProgress)
  }

  get state(): LogDriver['state'] {
    return this.#driver.state
  }

  get isIdle(): boolean {
    return this.#driver.isIdle
  }

  tick(): void {
    if (this.#isRunning) this.#driver.handle({ type: 'tick' })
  }

  take(message: ToWriter): void {
    switch (message.type) {
      case 'run':
        void this.#run()
        return
      case 'input':
        this.#driver.handle(message.input)
        if (message.input.type === 'peers-changed') void this.#refoldWhatChanged(message.input.peers)
        return
      case 'status':
        this.#ports.post({ type: 'status', request: message.request, status: this.status() })
        return
      case 'refold':
        void this.#startRefold(message.scope, message.request)
        return
      case 'stop':
        this.#stop()
    }
  }

  emitted(outward: Outward): void {
    if (outward.type === 'side-done' && outward.request === this.#stopAfter) {
      this.#driver.task(async () => {
        await this.#ports.storage.close()
        this.#ports.post({ type: 'stopped' })
      })
      return
    }
    if ('request' in outward && outward.request < 0) return
    this.#ports.post({ type: 'outward', outward })
  }

  /** Everything handed over before is committed first; then the store is closed. */
  #stop(): void {
    this.#driver.handle({ type: 'stopping' })
    this.#stopAfter = this.#requestNext--
    const meta = { [aliveMetaName]: String(this.#ports.wallMs()) }
    this.#driver.handle({ type: 'side', request: this.#stopAfter, change: { accounts: [], meta } })
  }

  /** The index follows the roles and accept rules it was folded under; another pepper rebuilds it whole. */
  async #refoldWhatChanged(peers: readonly Peer[]): Promise<void> {
    const { storage } = this.#ports
    const pepper = await storage.readPepper()
    if (this.#options.pepper !== null && this.#options.pepper !== pepper) {
      await this.#startRefold('all', null)
    }
    const before = JSON.parse((await storage.readMeta(rolesMetaName)) ?? '{}') as Record<string, string>
    const roles: Record<string, string> = { ...before }
    for (const { name, role } of peers) roles[name] = JSON.stringify(role)
    const changed = Object.keys(roles).filter((name) => before[name] !== undefined && before[name] !== roles[name])
    for (const log of this.#driver.state.logs.values()) {
      if (changed.includes(log.origin)) await this.#startRefold(log.log, null)
    }
    if (JSON.stringify(before) !== JSON.stringify(roles)) {
      const change = { accounts: [], meta: { [rolesMetaName]: JSON.stringify(roles) } }
      this.#driver.handle({ type: 'side', request: this.#requestNext--, change })
    }
  }

  async #startRefold(scope: 'all' | LogId, request: number | null): Promise<void> {
    const { storage, post } = this.#ports
    const pepper = this.#options.pepper ?? (await storage.readPepper()) ?? ''
    const refoldScope: RefoldScope = scope === 'all' ? { type: 'all', pepper } : { type: 'log', log: scope }
    let refold: Refold | null = null
    const batch = async (): Promise<void> => {
      refold ??= await storage.startRefold(refoldScope, (log, index, threepid) => this.#applies(log, index, threepid))
      const { done, linesDone, linesTotal } = await refold.step()
      this.#refoldProgress = done ? null : { linesDone, linesTotal }
      if (!done) return this.#driver.task(batch)
      if (scope === 'all') post({ type: 'pepper', pepper })
      if (request !== null) post({ type: 'refolded', request, lines: linesDone })
    }
    this.#driver.task(batch)
  }

  #applies(log: LogId, index: number, threepid: Parameters<typeof isAccepted>[2]): boolean {
    const stands = this.#driver.state.logs.get(log)
    if (stands === undefined || (stands.haltedAt !== null && index >= stands.haltedAt)) return false
    return isAccepted(this.#driver.state, stands.origin, threepid)
  }
}

export function failureMessage(error: unknown): FromWriter {
  const fault = error instanceof Error ? error : new Error(String(error))
  const code = 'code' in fault && fault.name === 'StorageFault' ? (fault.code as never) : null
  return { type: 'failed', message: fault.message, stack: fault.stack ?? '', code }
}
