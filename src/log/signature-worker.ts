import { parentPort, workerData } from 'node:worker_threads'
import type { Association } from '../domain/association.ts'
import { judgeAssociation, type AssociationKeys } from './association-keys.ts'
import type { BatchVerdict, LineBatch } from './signature-pool.ts'

type BindLine = { readonly a: Association; readonly via?: string }

/** A thread that checks the signatures of associations; it has neither store nor secret. */
function judge(keys: ReadonlyMap<string, AssociationKeys>, batch: LineBatch): BatchVerdict {
  const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength)
  const known = keys.get(batch.group) ?? new Map<string, Uint8Array[]>()
  const bad: number[] = []
  const unknown: number[] = []
  let foreign = 0
  let start = 0
  for (const [i, end] of batch.ends.entries()) {
    // The reader has read every line it hands over, and found a bind.
    const { a, via } = JSON.parse(bytes.toString('utf8', start, end)) as BindLine
    const verdict = judgeAssociation(a, known)
    if (verdict === 'bad') bad.push(batch.indexes[i] as number)
    if (verdict === 'unknown' && via === undefined) unknown.push(batch.indexes[i] as number)
    if (verdict === 'unknown' && via !== undefined) foreign++
    start = end
  }
  return { batch: batch.batch, bad, unknown, foreign }
}

const keys = workerData as ReadonlyMap<string, AssociationKeys>
parentPort?.on('message', (batch: LineBatch) => parentPort?.postMessage(judge(keys, batch)))
