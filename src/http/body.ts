import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { bodyBytesMax } from '../domain/limits.ts'
import { RefusalError } from '../domain/refusal.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import type { JsonObject } from './endpoint.ts'

/** The sender went away before its body was complete: nobody is left to answer. */
export class RequestAborted extends Error {
  constructor(options: { cause: unknown }) {
    super('the request ended before its body did', options)
    this.name = 'RequestAborted'
  }
}

/**
 * The JSON object a request carries, whatever its content type says (Identity Service API, "API standards").
 * Refuses with body-too-large, body-not-json, body-not-object; throws RequestAborted.
 */
export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const value = parseStrictJson(await readBytes(request))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RefusalError('body-not-object', 'expected a JSON object as body')
  }
  return value as JsonObject
}

/** Whether the sender announced more than a body may have. */
export function isAnnouncedTooLarge(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) > bodyBytesMax
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  if (isAnnouncedTooLarge(request)) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    let first: Buffer | null = null
    let rest: Buffer[] | null = null
    let length = 0
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      if (length > bodyBytesMax) {
        request.removeListener('data', onData)
        reject(tooLarge())
      } else if (first === null) first = chunk
      else (rest ??= [first]).push(chunk)
    }
    request.on('data', onData)
    request.on('end', () => {
      resolve(rest === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, length))
    })
    request.on('error', (cause) => reject(new RequestAborted({ cause })))
  })
}

function tooLarge(): RefusalError {
  return new RefusalError('body-too-large', `expected a body of at most ${bodyBytesMax} bytes`)
}
