import type { LogId } from '../domain/log-id.ts'
import { awayMaxMs } from '../domain/limits.ts'
import { formatVerifierKey, verifierKey } from '../domain/checkpoint.ts'
import { publicKeyFromSeed } from '../domain/ed25519.ts'
import type { Peer } from '../domain/peer.ts'
import type { Threepid } from '../domain/threepid.ts'
import { bootState } from '../mesh/boot.ts'
import type { Effect, MeshEvent, Now } from '../mesh/events.ts'
import { aliveMetaName } from '../mesh/step.ts'
import type { Refold, RefoldScope, Storage } from '../storage/storage.ts'
import { loadLogs } from './boot.ts'
import { LogDriver, type Outward } from './driver.ts'
import { ownGroup, rolesMetaName, type Roles } from './roles.ts'
import { createSigner } from './signer.ts'
import { statusOf } from './status.ts'
import type { FromWriter, ToWriter, WriterOptions, WriterStatus } from './writer-messages.ts'

export type WriterPorts = {
  readonly storage: Storage
  readonly roles: Roles
  readonly wallMs: () => number
  readonly monoMs: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly pause: () => Promise<void>
  readonly post: (message: FromWriter) => void
  readonly record?: (event: MeshEvent, effects: readonly Effect[]) => void
}

/** The writer without its thread: the driver, refolds, and the messages of its one client. */
export class WriterCore {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #driver: LogDriver
  #refoldProgress: WriterStatus['refold'] = null
  #requestNext = -1
  #stopAfter: number | null = null
  #isRunning = false
  /** Recomputations that wait, the first one under way. */
  readonly #refolds: { readonly scope: 'all' | LogId; readonly request: number | null }[] = []
  #refold: Refold | null = null
  #keptRoles: string | null = null
  #isTending = false

  private constructor(ports: WriterPorts, options: WriterOptions, driver: LogDriver) {
    this.#ports = ports
    this.#options = options
    this.#driver = driver
  }

  /** Loads what stands and starts the machine. Throws StorageFault when the store is not what it says. */
  static async start(ports: WriterPorts, options: WriterOptions): Promise<WriterCore> {
    const { self } = options
    const now = (): Now => ({ wallMs: ports.wallMs(), monoMs: ports.monoMs() })
    const meshKey = formatVerifierKey(
      verifierKey(self.name, 0x01, publicKeyFromSeed(self.meshSeed)),
    )
    const state = bootState({
      self: {
        name: self.name,
        serverName: self.serverName,
        meshKey,
        matrixKeys: self.matrixKeys,
        recoveryKey: null,
      },
      limits: { skewMaxMs: options.skewMaxMs },
      peers: options.peers,
      logs: await loadLogs(ports.storage),
      now: now(),
    })
    const core: { current: WriterCore | null } = { current: null }
    const driver = new LogDriver(state, {
      storage: ports.storage,
      signer: createSigner(self.name, self.meshSeed),
      isOwnWord: (log, via) => ports.roles.groupOf(log, via) === ownGroup,
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
    await this.#refoldWhatChanged(this.#options.peers, true)
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
    if (this.#isRunning && !this.#isTending) this.#tend()
    if (this.#isRunning) this.#driver.handle({ type: 'tick' })
  }

  /** Upkeep of the store goes between events, a bounded piece at a time. */
  #tend(): void {
    this.#isTending = true
    this.#driver.task(async () => {
      const { done } = await this.#ports.storage.tend()
      this.#isTending = false
      if (!done) this.#tend()
    })
  }

  take(message: ToWriter): void {
    switch (message.type) {
      case 'start':
        return
      case 'run':
        void this.#run()
        return
      case 'inputs':
        for (const input of message.inputs) this.take({ type: 'input', input })
        return
      case 'input':
        this.#driver.handle(message.input)
        if (message.input.type === 'peers-changed')
          void this.#refoldWhatChanged(message.input.peers, false)
        return
      case 'status':
        this.#ports.post({ type: 'status', request: message.request, status: this.status() })
        return
      case 'refold':
        this.#startRefold(message.scope, message.request)
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
  async #refoldWhatChanged(peers: readonly Peer[], isStart: boolean): Promise<void> {
    const { storage, roles } = this.#ports
    this.#keptRoles ??= await storage.readMeta(rolesMetaName)
    if (
      isStart &&
      this.#options.pepper !== null &&
      this.#options.pepper !== (await storage.readPepper())
    ) {
      this.#startRefold('all', null)
    }
    const changed = roles.update(peers)
    for (const log of this.#driver.state.logs.values()) {
      if (changed.includes(log.origin)) this.#startRefold(log.log, null)
    }
    if (this.#refolds.length === 0) this.#keepRoles()
  }

  /** Stored only once the index follows: a crash in between recomputes again. */
  #keepRoles(): void {
    const text = this.#ports.roles.format()
    if (text === this.#keptRoles) return
    this.#keptRoles = text
    const change = { accounts: [], meta: { [rolesMetaName]: text } }
    this.#driver.handle({ type: 'side', request: this.#requestNext--, change })
  }

  #startRefold(scope: 'all' | LogId, request: number | null): void {
    this.#refolds.push({ scope, request })
    if (this.#refolds.length === 1) this.#driver.task(() => this.#refoldBatch())
  }

  /** One bounded batch of the first recomputation that waits; events go before the next one. */
  async #refoldBatch(): Promise<void> {
    const { storage, post } = this.#ports
    const [first] = this.#refolds
    if (first === undefined) return
    this.#refold ??= await storage.startRefold(
      await this.#scopeOf(first.scope),
      (log, index, threepid) => this.#applies(log, index, threepid),
    )
    const { done, linesDone, linesTotal } = await this.#refold.step()
    this.#refoldProgress = done ? null : { linesDone, linesTotal }
    if (done) {
      this.#refold = null
      this.#refolds.shift()
      if (first.scope === 'all')
        post({ type: 'pepper', pepper: (await storage.readPepper()) ?? '' })
      if (first.request !== null)
        post({ type: 'refolded', request: first.request, lines: linesDone })
      if (this.#refolds.length === 0) return this.#keepRoles()
    }
    this.#driver.task(() => this.#refoldBatch())
  }

  async #scopeOf(scope: 'all' | LogId): Promise<RefoldScope> {
    if (scope !== 'all') return { type: 'log', log: scope }
    return {
      type: 'all',
      pepper: this.#options.pepper ?? (await this.#ports.storage.readPepper()) ?? '',
    }
  }

  #applies(log: LogId, index: number, threepid: Threepid): boolean {
    const stands = this.#driver.state.logs.get(log)
    if (stands === undefined || (stands.haltedAt !== null && index >= stands.haltedAt)) return false
    return this.#ports.roles.accepts(stands.origin, threepid)
  }
}

export function failureMessage(error: unknown): FromWriter {
  const fault = error instanceof Error ? error : new Error(String(error))
  const code = 'code' in fault && fault.name === 'StorageFault' ? (fault.code as never) : null
  return { type: 'failed', message: fault.message, stack: fault.stack ?? '', code }
}
