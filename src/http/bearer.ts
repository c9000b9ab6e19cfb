import type { IncomingMessage } from 'node:http'
import { RefusalError } from '../domain/refusal.ts'
import { countAuthorizations } from './authorizations.ts'

const bearerPattern = /^bearer +([^\s,]+)$/i

/**
 * The access token of a request: the Authorization header, or the query parameter `access_token` that homeservers
 * still send (Identity Service API v1.11 deprecates it). Refuses with token-missing or token-unknown.
 */
export function readBearerToken(request: IncomingMessage): string {
  const header = request.headers.authorization
  if (header === undefined) return readQueryToken(request.url ?? '')
  // Node keeps the first of several Authorization headers; a proxy may have looked at another.
  if (countAuthorizations(request.rawHeaders) > 1) {
    throw new RefusalError('token-unknown', 'expected one Authorization header')
  }
  const token = bearerPattern.exec(header)?.[1]
  if (token === undefined) throw new RefusalError('token-missing', 'expected a bearer token')
  return token
}

function readQueryToken(url: string): string {
  const start = url.indexOf('?')
  const tokens = start < 0 ? [] : new URLSearchParams(url.slice(start + 1)).getAll('access_token')
  const [token] = tokens
  if (token === undefined || token === '') {
    throw new RefusalError('token-missing', 'expected a bearer token')
  }
  if (tokens.length > 1) throw new RefusalError('token-unknown', 'expected one access_token')
  return token
}
