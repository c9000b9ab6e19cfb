import { createHash } from 'node:crypto'
import { toBase64 } from './base64.ts'
import type { LogId } from './log-id.ts'

/**
 * Closed logs stand in `heads` as one digest (DESIGN 2.2): SHA-256 over "<log> <size> <root, base64>\n" for each,
 * in order of their log ids, as standard base64.
 */
export function closedDigest(
  logs: readonly { log: LogId; size: number; root: Uint8Array }[],
): string {
  const hash = createHash('sha256')
  const sorted = [...logs].sort((a, b) => (a.log < b.log ? -1 : 1))
  for (const { log, size, root } of sorted) hash.update(`${log} ${size} ${toBase64(root)}\n`)
  return hash.digest('base64')
}
