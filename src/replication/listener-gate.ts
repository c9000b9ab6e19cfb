import { LRUCache } from 'lru-cache'
import {
  handshakeAddressesMax,
  handshakesBurstFactor,
  handshakesOpenMax,
  handshakesOpenPerAddressMax,
  handshakesPerSecond,
  handshakesPerSecondPerAddress,
  meshConnectionsMax,
} from '../domain/limits.ts'

export type GateLimits = {
  readonly connectionsMax: number
  readonly handshakesOpenMax: number
  readonly handshakesOpenPerAddressMax: number
  readonly handshakesPerSecond: number
  readonly handshakesPerSecondPerAddress: number
}

const defaults: GateLimits = {
  connectionsMax: meshConnectionsMax,
  handshakesOpenMax,
  handshakesOpenPerAddressMax,
  handshakesPerSecond,
  handshakesPerSecondPerAddress,
}

/** A connection that was let in; both must be told, each counts once. */
export type Admission = { handshakeEnded(): void; connectionEnded(): void }

/** Source: tokens refilled per second up to a burst, and handshakes begun and not ended. */
type Source = { tokens: number; atMs: number; open: number }

/** Decides before a byte is read whether a TCP connection may begin a TLS handshake. */
export class ListenerGate {
  readonly #nowMs: () => number
  readonly #limits: GateLimits
  readonly #all: Source
  readonly #sources = new LRUCache<string, Source>({ max: handshakeAddressesMax })
  #connections = 0

  constructor(nowMs: () => number, limits: Partial<GateLimits> = {}) {
    this.#nowMs = nowMs
    this.#limits = { ...defaults, ...limits }
    this.#all = this.#newSource(this.#limits.handshakesPerSecond)
  }

  /** The reason in words when it may not. */
  admit(address: string): Admission | { readonly problem: string } {
    const limits = this.#limits
    if (this.#connections >= limits.connectionsMax) return { problem: 'too many connections' }
    const all = this.#all
    const source = this.#sourceOf(address)
    if (source.open >= limits.handshakesOpenPerAddressMax || all.open >= limits.handshakesOpenMax) {
      return { problem: 'too many unfinished handshakes' }
    }
    // The address pays first: one that exceeds its own rate takes nothing from the others.
    if (!this.#takes(source, limits.handshakesPerSecondPerAddress)) {
      return { problem: 'too many handshakes from this address' }
    }
    if (!this.#takes(all, limits.handshakesPerSecond)) return { problem: 'too many handshakes' }
    return this.#counted(source)
  }

  #counted(source: Source): Admission {
    const all = this.#all
    source.open++
    all.open++
    this.#connections++
    let isShaking = true
    let isConnected = true
    const handshakeEnded = (): void => {
      if (!isShaking) return
      isShaking = false
      source.open--
      all.open--
    }
    const connectionEnded = (): void => {
      handshakeEnded()
      if (isConnected) this.#connections--
      isConnected = false
    }
    return { handshakeEnded, connectionEnded }
  }

  #takes(source: Source, perSecond: number): boolean {
    const nowMs = this.#nowMs()
    const refill = (Math.max(0, nowMs - source.atMs) / 1000) * perSecond
    source.tokens = Math.min(perSecond * handshakesBurstFactor, source.tokens + refill)
    source.atMs = nowMs
    if (source.tokens < 1) return false
    source.tokens--
    return true
  }

  #sourceOf(address: string): Source {
    const network = networkOf(address)
    const known = this.#sources.get(network)
    if (known !== undefined) return known
    const source = this.#newSource(this.#limits.handshakesPerSecondPerAddress)
    this.#sources.set(network, source)
    return source
  }

  #newSource(perSecond: number): Source {
    return { tokens: perSecond * handshakesBurstFactor, atMs: this.#nowMs(), open: 0 }
  }
}

/** One IPv4 address, or the /64 of an IPv6 one, which belongs to one customer as a whole. */
function networkOf(address: string): string {
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1)
  const [head = '', tail = ''] = address.split('::')
  const groups = head.split(':')
  const isWhole = !address.includes('::')
  const missing = isWhole ? 0 : 8 - groups.length - tail.split(':').length
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...tail.split(':')]
    .slice(0, 4)
    .join(':')
}
