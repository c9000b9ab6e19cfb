import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { RefusalError } from '../domain/refusal.ts'
import { parseBody } from './body.ts'
import type { JsonObject } from './endpoint.ts'
import { parseParameters, parseQuery } from './query.ts'

/**
 * The parameters of an API v1 request, wherever its sender put them: a JSON object, a form, the query, or an empty body
 * and the query. The body wins over the query. What begins like a JSON object is one, whatever the content type says,
 * for no form begins so.
 */
export function readSentParameters(request: IncomingMessage, bytes: Buffer): JsonObject {
  const query = withoutToken(parseQuery(request.url ?? ''))
  const first = firstSolid(bytes)
  if (first === null) return query
  const isForm = isOfType(request, 'application/x-www-form-urlencoded')
  const isJson =
    first === '{' || (!isForm && (isOfType(request, 'application/json') || !mayBeForm(bytes)))
  if (isJson && bytes.toString('latin1').trim() === 'null') return query
  return { ...query, ...(isJson ? parseBody(bytes) : parseForm(bytes)) }
}

function parseForm(bytes: Buffer): JsonObject {
  const text = bytes.toString('latin1')
  // Forms are ASCII, percent-encoded; who sends other bytes means something that cannot be told.
  if (/[^\x20-\x7e]/.test(text.trim())) {
    throw new RefusalError('param-invalid', 'expected a form that is percent-encoded')
  }
  return parseParameters(text.trim())
}

function mayBeForm(bytes: Buffer): boolean {
  return bytes.includes('=') && !/^\s*["[]/.test(bytes.toString('latin1', 0, 64))
}

/** A homeserver's token is no parameter. */
function withoutToken(query: JsonObject): JsonObject {
  if (!('access_token' in query)) return query
  const { access_token: _token, ...rest } = query
  return rest
}

function isOfType({ headers }: IncomingMessage, type: string): boolean {
  return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() === type
}

function firstSolid(bytes: Buffer): string | null {
  for (const byte of bytes) if (byte > 0x20) return String.fromCharCode(byte)
  return null
}
