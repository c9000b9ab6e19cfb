/**
 * Lines of all logs share one table, ordered by log and index: id = log number × 2^32 + index. With log numbers below
 * 2^21 every id is a safe integer, so no BigInt is ever made.
 */
const linesPerLog = 2 ** 32
const logNumberMax = 2 ** 21 - 1

export type LogNumber = number
export type LineId = number

export function lineId(no: LogNumber, index: number): LineId {
  if (no > logNumberMax || index >= linesPerLog) {
    throw new RangeError(`line ${index} of log number ${no} is beyond what the store can number`)
  }
  return no * linesPerLog + index
}

export function logNumberOf(id: LineId): LogNumber {
  return Math.floor(id / linesPerLog)
}

/** A bitwise remainder: 2^32 is where ToUint32 wraps. */
export function indexOf(id: LineId): number {
  return id >>> 0
}
