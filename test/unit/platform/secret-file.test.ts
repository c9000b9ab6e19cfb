import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  createFile,
  fileMode,
  readPublicFile,
  readSecretFile,
  replaceFile,
} from '../../../src/platform/secret-file.ts'

let folder = ''
let file = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-secret-'))
  file = join(folder, 'a key')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('what is made can be read by its owner alone, and leaves nothing beside it', () => {
  createFile(file, 'secret')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readSecretFile(file).toString()).toBe('secret')
  expect(readdirSync(folder)).toEqual(['a key'])
})

test('a file that is there is never overwritten', () => {
  createFile(file, 'first')
  expect(() => createFile(file, 'second')).toThrow(expect.objectContaining({ code: 'exists' }))
  expect(readFileSync(file, 'utf8')).toBe('first')
  expect(readdirSync(folder)).toEqual(['a key'])
})

test('every mode wider than the owner is refused with the command that helps', () => {
  createFile(file, 'secret')
  for (const mode of [0o640, 0o604, 0o620, 0o601, 0o666]) {
    chmodSync(file, mode)
    expect(() => readSecretFile(file), mode.toString(8)).toThrow(`run: chmod 600 '${file}'`)
  }
  chmodSync(file, 0o400)
  expect(readSecretFile(file).toString()).toBe('secret')
})

test('a missing file, a folder and a file too large are told apart', () => {
  expect(() => readSecretFile(file)).toThrow(expect.objectContaining({ code: 'missing' }))
  mkdirSync(file)
  expect(() => readPublicFile(file)).toThrow(expect.objectContaining({ code: 'not-a-file' }))
  writeFileSync(join(folder, 'big'), Buffer.alloc(256 * 1024 + 1))
  expect(() => readPublicFile(join(folder, 'big'))).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  )
})

test('replacing leaves the new content with the mode asked for', () => {
  replaceFile(file, 'one', 0o644)
  replaceFile(file, 'two', fileMode(file) ?? 0o600)
  expect(readFileSync(file, 'utf8')).toBe('two')
  expect(fileMode(file)).toBe(0o644)
  expect(fileMode(join(folder, 'none'))).toBeNull()
  expect(readdirSync(folder)).toEqual(['a key'])
})
