import { expect, test } from 'vitest'
import { appendSignature, parseNote, parseVerifierKey } from '../../../src/domain/checkpoint.ts'
import { checkEntryProof } from '../../../src/domain/entry-proof.ts'
import { cosignedNote } from '../../../src/log/cosigned-note.ts'
import { proveEntry } from '../../../src/log/prove-entry.ts'
import { keysOf, ToldLog, verifierKeys } from './told-log.ts'

const [lyon, oslo] = ['lyon.id.example.org', 'oslo.id.example.org']
const known = [...verifierKeys, keysOf(lyon).vkey, keysOf(oslo).vkey].flatMap(
  (text) => parseVerifierKey(text) ?? [],
)
const told = new ToldLog(300)
const cosigned = (size: number, ...names: string[]): string =>
  names.reduce((note, name) => appendSignature(note, told.cosignature(size, name)), told.note(size))

async function chosen(index: number, ...offered: string[]): Promise<{ size: number; by: number }> {
  const stored = told.stored(300)
  const note = await cosignedNote(told, stored, index, { offered, keys: known })
  const verdict = checkEntryProof(await proveEntry(told, { ...stored, note }, index), known)
  expect(verdict).toMatchObject({ isIncluded: true, isSigned: true, unknown: [] })
  return { size: verdict.checkpoint.size, by: verdict.cosigners.length }
}

test('a line is proved under the head that most peers signed', async () => {
  expect(await chosen(10)).toEqual({ size: 300, by: 0 })
  expect(await chosen(10, cosigned(290, lyon))).toEqual({ size: 290, by: 1 })
  expect(await chosen(10, cosigned(290, lyon), cosigned(290, oslo))).toEqual({ size: 290, by: 2 })
  expect(await chosen(10, cosigned(290, lyon), cosigned(300, oslo))).toEqual({ size: 300, by: 1 })
})

test('a head that does not cover the line is of no use', async () => {
  expect(await chosen(295, cosigned(290, lyon, oslo))).toEqual({ size: 300, by: 0 })
})

test('a head of another history, or of more lines than are here, is left out', async () => {
  const other = new ToldLog(300, 'other')
  const forked = appendSignature(other.note(290), other.cosignature(290, lyon))
  expect(await chosen(10, forked)).toEqual({ size: 300, by: 0 })
  const longer = new ToldLog(400)
  const ahead = appendSignature(longer.note(400), longer.cosignature(400, lyon))
  expect(await chosen(10, ahead)).toEqual({ size: 300, by: 0 })
})

test('signatures that do not verify are not passed on', async () => {
  const wrong = appendSignature(told.note(300), told.cosignature(290, lyon))
  const stored = told.stored(300)
  const note = await cosignedNote(told, stored, 10, { offered: [wrong], keys: known })
  expect(parseNote(note)?.signatures).toHaveLength(1)
})

test('a line that no signed head covers, or that is blank, is not proved', async () => {
  await expect(proveEntry(told, told.stored(300, 290), 290)).rejects.toMatchObject({ code: 'gap' })
  await expect(proveEntry(told, told.stored(300, 0), 0)).rejects.toMatchObject({ code: 'gap' })
  const blank = {
    readSubtrees: told.readSubtrees.bind(told),
    readLines: async () => [{ index: 3, blankHash: told.leaf(3) }],
  }
  await expect(proveEntry(blank, told.stored(300), 3)).rejects.toMatchObject({
    code: 'blank-unexplained',
  })
})
