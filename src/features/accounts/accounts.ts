import { hashToken, mintAccessToken } from '../../domain/access-token.ts'
import { isHomeserverCovered } from '../../domain/homeserver-pattern.ts'
import { tokensPerUserMax } from '../../domain/api-limits.ts'
import { RefusalError } from '../../domain/refusal.ts'
import { parseServerName } from '../../domain/server-name.ts'
import type { RateLimits } from '../../http/endpoint.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { AccountChange } from '../../storage/storage.ts'

export type AccountsDeps = {
  /** The site's secret: tokens bear a MAC under it (DESIGN 2.6). */
  readonly secret: Uint8Array
  /** Asks the homeserver whose OpenID token this is. Refuses with homeserver-refused or homeserver-unreachable. */
  readonly vouch: (serverName: string, openidToken: string) => Promise<string>
  /** Durable when it resolves. */
  readonly saveToken: (change: Extract<AccountChange, { type: 'save' }>) => Promise<void>
  readonly removeToken: (tokenHash: Uint8Array) => Promise<void>
  /** Ends what this process remembers of a token. */
  readonly forgetToken: (token: string) => void
  /** Homeservers that may vouch: names, `*.example.org`, or `*` for all. */
  readonly homeserversAllowed: readonly string[]
  readonly rateLimits: RateLimits
  readonly clock: Pick<Clock, 'wallMs'>
  readonly random: Pick<Random, 'bytes'>
}

const tokenRandomBytes = 32

/**
 * A new access token for the user an OpenID token belongs to. Refuses with server-name-invalid,
 * homeserver-not-allowed, limit-exceeded, homeserver-refused or homeserver-unreachable.
 */
export async function register(
  deps: AccountsDeps,
  { serverName, openidToken }: { serverName: string; openidToken: string },
): Promise<string> {
  if (parseServerName(serverName) === null) {
    throw new RefusalError('server-name-invalid', 'expected the name of a homeserver')
  }
  if (!isHomeserverCovered(deps.homeserversAllowed, serverName)) {
    throw new RefusalError('homeserver-not-allowed', 'this homeserver may not vouch for users here')
  }
  deps.rateLimits.spend('homeserver', serverName.toLowerCase())
  const mxid = await deps.vouch(serverName, openidToken)
  const token = mintAccessToken(deps.secret, deps.random.bytes(tokenRandomBytes))
  await deps.saveToken({
    type: 'save',
    tokenHash: hashToken(token),
    mxid,
    createdAtMs: deps.clock.wallMs(),
    perUserMax: tokensPerUserMax,
  })
  return token
}

/** Ends this token and no other of its user. */
export async function logout(
  { removeToken, forgetToken }: Pick<AccountsDeps, 'removeToken' | 'forgetToken'>,
  token: string,
): Promise<void> {
  await removeToken(hashToken(token))
  forgetToken(token)
}
