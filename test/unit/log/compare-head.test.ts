import { describe, expect, test } from 'vitest'
import {
  parseVerifierKey,
  signCheckpoint,
  type VerifierKey,
} from '../../../src/domain/checkpoint.ts'
import { checkForkProof, parseForkProof } from '../../../src/domain/fork-proof.ts'
import { compareHead, type HeadComparison } from '../../../src/log/compare-head.ts'
import { keysOf, log, ToldLog, verifierKeys } from './told-log.ts'

const keys = verifierKeys.map(parseVerifierKey).filter((key): key is VerifierKey => key !== null)
const sizes = [1, 2, 3, 4, 7, 8, 255, 256, 257, 300, 511, 512, 600]
const one = new ToldLog(600, 'one', 2)
const other = new ToldLog(600, 'other', 2)

/** Ours holds `ours` lines of the first log; the peer shows a head of `theirs` lines of a log. */
function compare(ours: number, told: ToldLog, theirs: number): Promise<HeadComparison> {
  return compareHead(
    one,
    one.stored(ours),
    {
      note: told.note(theirs),
      entriesFrom: async (from) => told.chunk(from, Math.min(theirs, from + 100), theirs),
    },
    verifierKeys,
  )
}

describe('the head of a peer', () => {
  test.each(sizes)('of one history is told apart at every size from %i lines', async (ours) => {
    for (const theirs of sizes) {
      const { type } = await compare(ours, one, theirs)
      expect(type).toBe(theirs === ours ? 'equal' : theirs < ours ? 'behind' : 'ahead')
    }
  })

  test.each(sizes)(
    'of another history is a proved fork, or unproved, from %i lines',
    async (ours) => {
      for (const theirs of sizes) {
        const found = await compare(ours, other, theirs)
        if (Math.min(ours, theirs) <= 2) {
          expect(found.type).toBe(theirs === ours ? 'equal' : theirs < ours ? 'behind' : 'ahead')
        } else if (theirs > ours) {
          expect(found.type).toBe('unproved')
        } else {
          const proof = found.type === 'fork' ? found.proof : ''
          const verdict = checkForkProof(parseForkProof(proof), keys)
          expect(verdict).toMatchObject({ isContradiction: true, isSigned: true })
          expect(Buffer.byteLength(proof)).toBeLessThan(4_000)
        }
      }
    },
  )

  test('that its origin did not sign accuses nobody', async () => {
    const note = other.note(300, keysOf('oslo.id.example.org').seed)
    const entriesFrom = async (): Promise<AsyncIterable<Uint8Array>> => one.chunk(0, 1, 300)
    const found = await compareHead(one, one.stored(300), { note, entriesFrom }, verifierKeys)
    expect(found.type).toBe('unproved')
  })

  test('is not compared with that of another log of the same origin', async () => {
    const { seed, publicKey } = keysOf('paris.id.example.org')
    const checkpoint = { log: `${log}a`.replace('~k', '~'), size: 300, root: other.root(300) }
    const note = signCheckpoint(checkpoint, seed, publicKey)
    const entriesFrom = async (): Promise<AsyncIterable<Uint8Array>> => other.chunk(0, 1, 300)
    const found = await compareHead(one, one.stored(300), { note, entriesFrom }, verifierKeys)
    expect(found.type).toBe('unproved')
  })

  test('of no lines is behind, whatever it states', async () => {
    const { seed, publicKey } = keysOf('paris.id.example.org')
    for (const root of [other.root(0), other.root(3)]) {
      const note = signCheckpoint({ log, size: 0, root }, seed, publicKey)
      const entriesFrom = async (): Promise<AsyncIterable<Uint8Array>> => other.chunk(0, 1, 300)
      const found = await compareHead(one, one.stored(8), { note, entriesFrom }, verifierKeys)
      expect(found.type).toBe('behind')
    }
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['garbage', Buffer.from('garbage\n')],
  ])('whose lines are %s is unproved', async (_, bytes) => {
    const entriesFrom = async (): Promise<AsyncIterable<Uint8Array>> =>
      (async function* () {
        yield bytes
      })()
    const theirs = { note: one.note(300), entriesFrom }
    const found = await compareHead(one, one.stored(200), theirs, verifierKeys)
    expect(found.type).toBe('unproved')
  })
})
