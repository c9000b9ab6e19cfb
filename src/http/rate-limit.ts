import { bucketsPerGenerationMax } from '../domain/api-limits.ts'
import { RefusalError } from '../domain/refusal.ts'
import { fullAfter, waitMs, type BucketRate } from '../domain/token-bucket.ts'
import type { RateLimits, RateScope } from './endpoint.ts'

/**
 * Where buckets are kept: of one process here, for one process at a time serves a SQLite node (it holds the lock of
 * its data folder). A store that several processes share takes this place when there is one.
 */
export interface BucketStore {
  /** 0 when granted, else the milliseconds until it may be asked again. */
  take(key: string, rate: BucketRate, cost: number, nowMs: number): number
}

export type RateLimitDeps = {
  readonly rates: Readonly<Record<RateScope, BucketRate>>
  readonly clock: { monoMs(): number }
  readonly storeOf?: (scope: RateScope) => BucketStore
}

/** For nodes whose operator, or a proxy before them, limits otherwise. */
export const noRateLimits: RateLimits = { spend: () => {} }

/**
 * A bucket for every key of every scope. Synchronous, as lookups pass here: a limiter that answers by promise and sets
 * a timer per key cost a lookup more than finding its caller.
 */
export function createRateLimits(deps: RateLimitDeps): RateLimits {
  const { rates, clock, storeOf = () => new MemoryBuckets() } = deps
  const stores: Record<RateScope, BucketStore> = {
    client: storeOf('client'),
    user: storeOf('user'),
    lookup: storeOf('lookup'),
    threepid: storeOf('threepid'),
    homeserver: storeOf('homeserver'),
    country: storeOf('country'),
  }
  return {
    spend: (scope, key, cost = 1) => {
      const afterMs = stores[scope].take(key, rates[scope], cost, clock.monoMs())
      if (afterMs === 0) return
      const details = { retry_after_ms: afterMs }
      throw new RefusalError('limit-exceeded', 'too many requests; try again later', details)
    },
  }
}

/**
 * Keys stay in memory and are never written anywhere. Two generations: what is not asked for while a whole one fills
 * is forgotten, so memory is bounded without a timer per key. Who could make that many keys to be forgotten would not
 * need it, for every one of them is a full bucket.
 */
export class MemoryBuckets implements BucketStore {
  readonly #countMax: number
  /** Key to the time its bucket will be full. */
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  constructor(countMax = bucketsPerGenerationMax) {
    this.#countMax = countMax
  }

  /** Buckets held. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  take(key: string, rate: BucketRate, cost: number, nowMs: number): number {
    const held = this.#young.get(key)
    const fullAtMs = held ?? this.#old.get(key) ?? 0
    const wait = waitMs(fullAtMs, rate, nowMs)
    if (held === undefined && this.#young.size >= this.#countMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    // Also what was refused moves on: who is busy must not be forgotten.
    this.#young.set(key, wait === 0 ? fullAfter(fullAtMs, rate, cost, nowMs) : fullAtMs)
    return wait
  }
}
