import { bindLineBytesMax, addressBytesMax, mxidBytesMax } from './limits.ts'
import { isStamp, type Stamp } from './stamp.ts'
import type { Medium, Threepid } from './threepid.ts'

/** What admission needs of a bind: not what was signed, only whose it is and when it was written. */
export type PlainBind = {
  readonly kind: 'bind'
  readonly stamp: Stamp
  readonly threepid: Threepid
}

/** Printable ASCII without quote and backslash: such a string is its own JSON, and its length is its size in bytes. */
const character = '[ !#-[\\]-~]'
const time = '(?:0|[1-9][0-9]{0,14})'
const plainBind = new RegExp(
  `^\\{"a":\\{"address":"(${character}+)","medium":"(email|msisdn)","mxid":"(${character}+)",` +
    `"not_after":${time},"not_before":${time},` +
    `"signatures":\\{"${character}*":\\{"${character}*":"${character}*"\\}\\},"ts":${time}\\},` +
    `"k":"bind","t":([1-9][0-9]{0,15}),"z":"(${character}{22,64})"\\}$`,
)

const addressStart = '{"a":{"address":"'.length

/**
 * Reads a bind in the form nearly every one has, at a third of what parseEntry costs, which is what a catch-up of a
 * million mostly is. `bytes` are
 * the same line as it came. Null for everything else, malformed lines included: those are for parseEntry. What it accepts,
 * parseEntry reads alike (test/unit/domain/plain-bind.test.ts).
 */
export function readPlainBind(line: string, bytes: Buffer): PlainBind | null {
  if (line.length > bindLineBytesMax) return null
  const found = plainBind.exec(line)
  if (found === null) return null
  const [, address = '', medium, mxid = '', digits] = found
  const stamp = Number(digits)
  if (!isStamp(stamp) || address.length > addressBytesMax || mxid.length > mxidBytesMax) return null
  // A part of a string holds the whole of it, here the text of a segment: the address is made anew.
  const copy = bytes.toString('latin1', addressStart, addressStart + address.length)
  return { kind: 'bind', stamp, threepid: { medium: medium as Medium, address: copy } }
}
