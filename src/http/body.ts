import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { bodyBytesMax } from '../domain/api-limits.ts'
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

/** Whether the sender announced more than a body may have. */
export function isAnnouncedTooLarge(request: IncomingMessage): boolean {
  const announced = request.headers['content-length']
  return announced !== undefined && Number(announced) > bodyBytesMax
}

/**
 * Collects the bytes of a body and hands them over once, or says once why there are none: RefusalError
 * body-too-large, or RequestAborted. By callbacks, for this runs with every lookup.
 */
export function readBody(
  request: IncomingMessage,
  onBody: (bytes: Buffer) => void,
  onFault: (error: Error) => void,
): void {
  if (isAnnouncedTooLarge(request)) {
    onFault(tooLarge())
    return
  }
  let bytes: Buffer = nothing
  let rest: Buffer[] | null = null
  let length = 0
  let isSettled = false
  const settle = (fault: Error | null): void => {
    if (isSettled) return
    isSettled = true
    if (fault !== null) onFault(fault)
    else onBody(rest === null ? bytes : Buffer.concat(rest, length))
  }
  request.on('data', (chunk: Buffer) => {
    const isFirst = length === 0
    length += chunk.length
    if (length > bodyBytesMax) settle(tooLarge())
    else if (isFirst) bytes = chunk
    else (rest ??= [bytes]).push(chunk)
  })
  request.on('end', () => settle(null))
  request.on('error', (cause) => settle(new RequestAborted({ cause })))
}

/**
 * The JSON object in a body, whatever its content type says (Identity Service API, "API standards").
 * Refuses with body-not-json or body-not-object.
 */
export function parseBody(bytes: Buffer): JsonObject {
  const value = parseStrictJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RefusalError('body-not-object', 'expected a JSON object as body')
  }
  return value as JsonObject
}

const nothing = Buffer.alloc(0)

function tooLarge(): RefusalError {
  return new RefusalError('body-too-large', `expected a body of at most ${bodyBytesMax} bytes`)
}
