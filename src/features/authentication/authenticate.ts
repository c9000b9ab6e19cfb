/**
 * Owns: whether an access token is good, and whose it is.
 * Relies on: domain/access-token, the account port of whoever stores them.
 * Never: stores or logs a token, or lets garbage reach storage.
 */
import { LRUCache } from 'lru-cache'
import { hashToken, isGenuineToken } from '../../domain/access-token.ts'
import { tokenMemoryMs, tokensRememberedMax } from '../../domain/api-limits.ts'
import type { Caller } from '../../http/endpoint.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Account } from '../../storage/storage.ts'

export type AuthenticationDeps = {
  /** The site's secret: tokens bear a MAC under it (DESIGN 2.6). */
  readonly secret: Uint8Array
  readonly findAccount: (tokenHash: Uint8Array) => Promise<Account | null>
  /** Whether a user has accepted every policy; absent where there are none. */
  readonly hasAcceptedTerms?: (mxid: string) => Promise<boolean>
  readonly clock: Pick<Clock, 'monoMs'>
}

type Remembered = { readonly caller: Caller; readonly untilMs: number }

/**
 * Knows callers by their tokens. What was found is remembered for tokenMemoryMs, so that another process over the same
 * store is believed at most that long after it ended a token; this one forgets at once. Who has yet to accept the terms
 * is not remembered: the acceptance counts from the next request on, at every token of the user, with nothing to forget.
 */
export class Authenticator {
  readonly #deps: AuthenticationDeps
  readonly #remembered = new LRUCache<string, Remembered>({ max: tokensRememberedMax })
  /** Counts what was forgotten: a search begun before must not remember what it finds after. */
  #forgotten = 0

  constructor(deps: AuthenticationDeps) {
    this.#deps = deps
  }

  /** Null for a token that is garbage or not known. Answers without a promise where it remembers. */
  authenticate(token: string): Caller | null | Promise<Caller | null> {
    const { secret, clock } = this.#deps
    const remembered = this.#remembered.get(token)
    if (remembered !== undefined && clock.monoMs() < remembered.untilMs) return remembered.caller
    return isGenuineToken(secret, token) ? this.#find(token) : null
  }

  /** To be called once the token is no longer stored. */
  forget(token: string): void {
    this.#forgotten++
    this.#remembered.delete(token)
  }

  async #find(token: string): Promise<Caller | null> {
    const { findAccount, hasAcceptedTerms, clock } = this.#deps
    const forgotten = this.#forgotten
    const untilMs = clock.monoMs() + tokenMemoryMs
    const account = await findAccount(hashToken(token))
    if (account === null) {
      this.#remembered.delete(token)
      return null
    }
    const { mxid } = account
    const caller = { mxid, token, hasAcceptedTerms: (await hasAcceptedTerms?.(mxid)) ?? true }
    if (!caller.hasAcceptedTerms) this.#remembered.delete(token)
    else if (forgotten === this.#forgotten) this.#remembered.set(token, { caller, untilMs })
    return caller
  }
}
