import { LRUCache } from 'lru-cache'
import { fromAnyBase64 } from '../domain/base64.ts'
import { isAcceptablePublicKey } from '../domain/ed25519.ts'
import { isFields, isTime, type Fields } from '../domain/entry-shapes.ts'
import {
  serverKeysAskingMax,
  serverKeysBytesMax,
  serverKeysCacheMax,
  serverKeysKeptMaxMs,
  serverKeysMax,
  serverKeysRetryMs,
} from '../domain/api-limits.ts'
import { verifySignedJson } from '../domain/matrix-json.ts'
import { isRefusal, RefusalError } from '../domain/refusal.ts'
import type { ServerName } from '../domain/server-name.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import type { Clock } from '../platform/clock.ts'
import { HttpFault, type HttpReply } from '../platform/http-client.ts'
import { callHomeserver, type HomeserverDeps } from './homeserver-call.ts'

export type ServerKeysDeps = HomeserverDeps & { readonly clock: Pick<Clock, 'wallMs' | 'monoMs'> }

/** What a server said of its keys, checked. */
export type KeyStatement = {
  /** By key id, `ed25519:…`: 32 bytes each. */
  readonly keys: ReadonlyMap<string, Uint8Array>
  /** Milliseconds since the epoch; from then on it says nothing. */
  readonly validUntilMs: number
}

/** `statement` null: the server was not reached. `askedMs` on the clock that never jumps. */
type Kept = { readonly statement: KeyStatement | null; readonly askedMs: number }

/**
 * The signing keys of homeservers, asked at their federation API and kept as long as they say, a week at most. Keys a
 * server no longer signs with (`old_verify_keys`) are none: a request is signed now.
 */
export class ServerKeys {
  readonly #deps: ServerKeysDeps
  readonly #kept = new LRUCache<string, Kept>({ max: serverKeysCacheMax })
  readonly #asking = new Map<string, Promise<Kept>>()

  constructor(deps: ServerKeysDeps) {
    this.#deps = deps
  }

  /**
   * A key the server signs with now; null when it offers none of this id, or says what does not hold. Refuses with
   * homeserver-unreachable when it says nothing.
   */
  async find(server: ServerName, keyId: string): Promise<Uint8Array | null> {
    const kept = this.#kept.get(server.text)
    const known = this.#keyOf(kept, keyId)
    if (known !== null) return known
    const { statement } = this.#isAnswered(kept) ? kept : await this.#ask(server)
    if (statement === null) {
      throw new RefusalError(
        'homeserver-unreachable',
        'the homeserver gave no usable answer about its signing keys',
      )
    }
    return this.#keyOf({ statement }, keyId)
  }

  /** Whoever names one unknown key after the other would have us call a third party each time. */
  #isAnswered(kept: Kept | undefined): kept is Kept {
    if (kept === undefined || this.#isExpired(kept.statement)) return false
    return this.#deps.clock.monoMs() - kept.askedMs < serverKeysRetryMs
  }

  #isExpired(statement: KeyStatement | null): boolean {
    return statement !== null && this.#deps.clock.wallMs() >= statement.validUntilMs
  }

  #keyOf(kept: Pick<Kept, 'statement'> | undefined, keyId: string): Uint8Array | null {
    const statement = kept?.statement ?? null
    return this.#isExpired(statement) ? null : (statement?.keys.get(keyId) ?? null)
  }

  /** However many requests wait for a server, it is asked once. */
  #ask(server: ServerName): Promise<Kept> {
    const asking = this.#asking.get(server.text)
    if (asking !== undefined) return asking
    if (this.#asking.size >= serverKeysAskingMax) {
      return Promise.resolve({ statement: null, askedMs: this.#deps.clock.monoMs() })
    }
    const asked = this.#askNow(server).finally(() => this.#asking.delete(server.text))
    this.#asking.set(server.text, asked)
    return asked
  }

  async #askNow(server: ServerName): Promise<Kept> {
    const { clock } = this.#deps
    const reply = await askKeys(this.#deps, server)
    // That we were too busy to ask says nothing about the server.
    if (reply === 'busy') return { statement: null, askedMs: clock.monoMs() }
    const said = readReply(reply, server.text, clock.wallMs())
    // A server that is away or confused for a moment has not taken back what it said.
    const before = this.#kept.get(server.text)?.statement ?? null
    const isBeforeValid = before !== null && before.keys.size > 0 && !this.#isExpired(before)
    const statement = isBeforeValid && (said?.keys.size ?? 0) === 0 ? before : said
    const kept = { statement, askedMs: clock.monoMs() }
    this.#kept.set(server.text, kept)
    return kept
  }
}

async function askKeys(
  deps: ServerKeysDeps,
  server: ServerName,
): Promise<HttpReply | 'busy' | null> {
  try {
    return await callHomeserver(deps, server, {
      method: 'GET',
      path: '/_matrix/key/v2/server',
      answerBytesMax: serverKeysBytesMax,
    })
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return error.reason === 'busy' ? 'busy' : null
  }
}

/** Null when the server gave no answer about keys; no keys when what it says proves none. */
function readReply(
  reply: HttpReply | null,
  serverName: string,
  nowMs: number,
): KeyStatement | null {
  if (reply?.status !== 200) return null
  const statement = readKeyStatement(jsonOrNull(reply.body), serverName, nowMs)
  return statement ?? { keys: new Map(), validUntilMs: nowMs + serverKeysRetryMs }
}

function jsonOrNull(body: Uint8Array): unknown {
  try {
    return parseStrictJson(body)
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/**
 * Reads the answer of `/_matrix/key/v2/server` (Server-Server API, "Publishing Keys"). Null unless it names this
 * server, is valid now, and bears the signature of every Ed25519 key it offers: nobody can offer a key he does not
 * hold. Keys of other algorithms are passed over.
 */
export function readKeyStatement(
  value: unknown,
  serverName: string,
  nowMs: number,
): KeyStatement | null {
  if (!isFields(value) || value['server_name'] !== serverName) return null
  const { valid_until_ts: until, verify_keys: offered } = value
  if (!isTime(until) || until <= nowMs || !isFields(offered)) return null
  const offers = Object.entries(offered).filter(([keyId]) => keyId.startsWith('ed25519:'))
  if (offers.length === 0 || offers.length > serverKeysMax) return null
  const keys = new Map<string, Uint8Array>()
  for (const [keyId, offer] of offers) {
    const key = readKey(offer)
    if (key === null || !verifySignedJson(value, serverName, keyId, key)) return null
    keys.set(keyId, key)
  }
  return { keys, validUntilMs: Math.min(until, nowMs + serverKeysKeptMaxMs) }
}

function readKey(offer: unknown): Uint8Array | null {
  const text = isFields(offer) ? ownText(offer, 'key') : null
  const key = text === null ? null : fromAnyBase64(text)
  return key !== null && isAcceptablePublicKey(key) ? key : null
}

function ownText(fields: Fields, name: string): string | null {
  const text = Object.hasOwn(fields, name) ? fields[name] : null
  return typeof text === 'string' ? text : null
}
