import { Buffer } from 'node:buffer'
import { fromAnyBase64 } from '../domain/base64.ts'
import { isOwnDestination, type Destinations } from '../domain/destination.ts'
import { verify } from '../domain/ed25519.ts'
import { isHomeserverCovered } from '../domain/homeserver-pattern.ts'
import { signedContentLengthMax, signedNamesMax, xMatrixHeadersMax } from '../domain/api-limits.ts'
import { canonicalJson } from '../domain/matrix-json.ts'
import { RefusalError } from '../domain/refusal.ts'
import { isXMatrix, parseXMatrix, type XMatrix } from '../domain/x-matrix.ts'
import { callableServerName, type HomeserverDeps } from './homeserver-call.ts'
import type { ServerKeys } from './server-keys.ts'

export type VerifyRequestDeps = Pick<HomeserverDeps, 'mayConnect' | 'logger'> & {
  readonly keys: Pick<ServerKeys, 'find'>
  readonly destinations: Destinations
  /** Homeservers whose keys are asked for: names, `*.example.org`, or `*` for all. */
  readonly homeserversAllowed: readonly string[]
}

/** A request as its sender signed it. */
export type SignedRequest = {
  readonly method: 'POST'
  /** The path as declared, without what a proxy may have put in front of it. */
  readonly uri: string
  /** The JSON body as it was sent. */
  readonly content: Readonly<Record<string, unknown>>
  /** All Authorization headers. */
  readonly authorizations: readonly string[]
  /** The only homeserver that may sign this; compared exactly. */
  readonly origin: string
}

/** Whether somebody claims a signature of a homeserver, rightly or not. */
export function isSigned(authorizations: readonly string[]): boolean {
  return authorizations.some(isXMatrix)
}

/**
 * Resolves when the homeserver `origin` signed this request for us (Server-Server API, "Request Authentication"). Of
 * several X-Matrix headers each is a signature, and each must hold. What was signed once holds for ever: Ed25519 is
 * deterministic, so the same unbind after another bind bears the same signature. Refuses with signature-invalid,
 * homeserver-not-allowed, and homeserver-unreachable when the keys cannot be had.
 */
export async function verifyRequest(
  deps: VerifyRequestDeps,
  request: SignedRequest,
): Promise<void> {
  const claims = readClaims(deps, request)
  const { origin } = request
  const server = callableServerName(deps, origin)
  if (server === null) throw invalid('the origin is no homeserver')
  if (!isHomeserverCovered(deps.homeserversAllowed, origin)) {
    throw new RefusalError('homeserver-not-allowed', 'this homeserver may not sign requests here')
  }
  const contentJson = canonicalContent(request.content)
  for (const claim of claims) {
    const key = await deps.keys.find(server, claim.keyId)
    if (key === null) throw invalid('the homeserver does not sign with this key')
    if (!holds(deps, { request, claim, contentJson, key })) {
      deps.logger.debug({ origin, destination: claim.destination }, 'signature does not hold')
      throw invalid('the signature does not hold for this request')
    }
  }
}

/** All that can be seen without a key, so that nobody has us call a server over a header that is no good anyway. */
function readClaims({ destinations }: VerifyRequestDeps, request: SignedRequest): XMatrix[] {
  const headers = request.authorizations.filter(isXMatrix)
  if (headers.length === 0 || headers.length > xMatrixHeadersMax) {
    throw invalid(`expected 1 to ${xMatrixHeadersMax} signatures of a homeserver`)
  }
  return headers.map((header) => {
    const claim = parseXMatrix(header)
    if (claim === null) throw invalid('expected X-Matrix with origin, key and sig, each once')
    if (claim.origin !== request.origin) throw invalid('this homeserver has no say here')
    if (claim.destination !== null && !isOwnDestination(destinations, claim.destination)) {
      throw invalid('the request is signed for another server')
    }
    return claim
  })
}

function canonicalContent(content: object): string {
  const text = canonicalOrNull(content)
  if (text === null || text.length > signedContentLengthMax) {
    throw invalid('expected a body that can be signed')
  }
  return text
}

function canonicalOrNull(content: object): string | null {
  try {
    return canonicalJson(content)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function holds(
  { destinations }: VerifyRequestDeps,
  given: {
    readonly request: SignedRequest
    readonly claim: XMatrix
    readonly contentJson: string
    readonly key: Uint8Array
  },
): boolean {
  const { request, claim, contentJson, key } = given
  const signature = fromAnyBase64(claim.signature)
  if (signature === null) return false
  return signedTexts({ request, claim, contentJson, destinations }).some((text) =>
    verify(key, Buffer.from(text), signature),
  )
}

/**
 * The texts the signature may cover, canonical JSON of the request. Homeservers put the destination in as
 * `destination_is`, the specification as `destination`. Who does not say it in the header, as older ones do not, may
 * have signed for any of our names, or for nobody in particular.
 */
function signedTexts(given: {
  readonly request: SignedRequest
  readonly claim: XMatrix
  readonly contentJson: string
  readonly destinations: Destinations
}): string[] {
  const { request, claim, contentJson, destinations } = given
  const { method, uri, origin } = request
  const rest = `"method":"${method}","origin":${JSON.stringify(origin)},"uri":${JSON.stringify(uri)}}`
  const named = (member: string) => (destination: string) =>
    `{"content":${contentJson},"${member}":${JSON.stringify(destination)},${rest}`
  const names =
    claim.destination === null
      ? [...destinations.names].slice(0, signedNamesMax)
      : [claim.destination]
  const texts = [...names.map(named('destination_is')), ...names.map(named('destination'))]
  return claim.destination === null ? [...texts, `{"content":${contentJson},${rest}`] : texts
}

function invalid(message: string): RefusalError {
  return new RefusalError('signature-invalid', message)
}
