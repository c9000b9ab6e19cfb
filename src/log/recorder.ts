import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import type { Effect, MeshEvent } from '../mesh/events.ts'

/**
 * A recording of the machine: each event with the effects it had, length-prefixed v8 structured clones. Replayed
 * through step it must give the same effects. It holds everything the lines hold: personal data, file mode 0600.
 */
export type Recorded = { readonly event: MeshEvent; readonly effects: readonly Effect[] }

export function openRecorder(file: string): (event: MeshEvent, effects: readonly Effect[]) => void {
  const descriptor = openSync(file, 'a', 0o600)
  process.once('exit', () => closeSync(descriptor))
  return (event, effects) => {
    const bytes = serialize({ event, effects })
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    writeSync(descriptor, Buffer.concat([length, bytes]))
  }
}

export function* readRecording(file: string): Generator<Recorded> {
  const bytes = readFileSync(file)
  let position = 0
  while (position + 4 <= bytes.length) {
    const length = bytes.readUInt32BE(position)
    yield deserialize(bytes.subarray(position + 4, position + 4 + length)) as Recorded
    position += 4 + length
  }
}
