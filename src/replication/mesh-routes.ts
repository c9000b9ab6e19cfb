import { parseLogId, type LogId } from '../domain/log-id.ts'
import { RefusalError } from '../domain/refusal.ts'

export type MeshRoute =
  | { readonly call: 'heads'; readonly full: boolean }
  | { readonly call: 'push' }
  | { readonly call: 'entries'; readonly log: LogId; readonly from: number }

const base = '/_mesh/v1/'
const indexPattern = /^(0|[1-9][0-9]{0,15})$/

/** The three calls of the mesh (docs/protocol.md, "Calls"). Refuses what is none of them, by name. */
export function meshRoute(method: string, target: string): MeshRoute {
  const question = target.indexOf('?')
  const path = question < 0 ? target : target.slice(0, question)
  const query = new URLSearchParams(question < 0 ? '' : target.slice(question + 1))
  const segments = path.startsWith(base) ? path.slice(base.length).split('/') : []
  if (segments.length === 1 && segments[0] === 'heads') {
    requireMethod(method, 'GET')
    return { call: 'heads', full: query.get('full') === '1' }
  }
  if (segments.length === 1 && segments[0] === 'push') {
    requireMethod(method, 'POST')
    return { call: 'push' }
  }
  if (segments.length === 3 && segments[0] === 'logs' && segments[2] === 'entries') {
    requireMethod(method, 'GET')
    return { call: 'entries', log: logOf(segments[1] ?? ''), from: indexOf(query.get('from')) }
  }
  throw new RefusalError('path-unknown', `nothing is at this path under ${base}`)
}

/** A log id is one path segment, so its slash is percent-encoded (DESIGN 2.5). */
export function entriesPath(log: LogId, from: number): string {
  return `${base}logs/${encodeURIComponent(log)}/entries?from=${from}`
}

export function headsPath(full: boolean): string {
  return full ? `${base}heads?full=1` : `${base}heads`
}

export const pushPath = `${base}push`

function requireMethod(method: string, allow: 'GET' | 'POST'): void {
  if (method === allow) return
  throw new RefusalError('method-unknown', `expected ${allow}, got ${method}`, { allow })
}

function logOf(segment: string): LogId {
  const log = decoded(segment)
  if (log === null || parseLogId(log) === null) {
    throw new RefusalError('log-unknown', 'expected a log id, percent-encoded as one path segment')
  }
  return log
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}

function indexOf(text: string | null): number {
  if (text === null) throw new RefusalError('param-missing', 'expected ?from=<index>')
  const index = Number(text)
  if (indexPattern.test(text) && Number.isSafeInteger(index)) return index
  throw new RefusalError('param-invalid', 'expected from to be an index of an entry')
}
