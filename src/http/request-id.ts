import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

const sanePattern = /^[A-Za-z0-9._-]{1,64}$/

/**
 * The id a request has in logs and answers: the one its sender or a proxy gave, when it is short and plain, or the
 * next of this process. `random8` keeps the ids of two processes apart.
 */
export function createRequestIds(random8: Uint8Array): (request: IncomingMessage) => string {
  const prefix = Buffer.from(random8).toString('hex')
  let count = 0
  return (request) => {
    const given = request.headers['x-request-id']
    if (typeof given === 'string' && sanePattern.test(given)) return given
    count++
    return `${prefix}-${count.toString(36)}`
  }
}
