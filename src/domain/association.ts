/**
 * Owns: what is true: pure types and rules of logs, claims, addresses, signatures, and every bound.
 * Relies on: node:crypto alone.
 * Never: reads a clock, draws chance, does I/O, or knows another room.
 */
import type { Threepid } from './threepid.ts'

/** signatures / entity name / key id → unpadded base64 (Matrix specification, appendix "Signing JSON"). */
export type Signatures = Readonly<Record<string, Readonly<Record<string, string>>>>

/**
 * A signed association as the Identity Service API answers it (3pid/bind, v1 lookup). Times are milliseconds since
 * the epoch.
 */
export type Association = {
  readonly address: string
  readonly medium: Threepid['medium']
  readonly mxid: string
  readonly ts: number
  readonly not_before: number
  readonly not_after: number
  readonly signatures: Signatures
}
