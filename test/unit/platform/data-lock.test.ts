import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takeDataLock } from '../../../src/platform/data-lock.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-lock-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a second holder is refused by the pid of the first, until that one lets go', () => {
  const first = takeDataLock(folder)
  expect(() => takeDataLock(folder)).toThrow(
    expect.objectContaining({ name: 'DataLockHeldError', pid: process.pid }),
  )
  first.release()
  takeDataLock(folder).release()
})

test('a folder that is not there is said to be missing, and not made', () => {
  const gone = join(folder, 'gone')
  expect(() => takeDataLock(gone)).toThrow(
    expect.objectContaining({ name: 'DataFolderMissingError', message: `${gone} does not exist` }),
  )
  expect(existsSync(gone)).toBe(false)
})
