import { expect, test } from 'vitest'
import { isHomeserverCovered } from '../../../src/domain/homeserver-pattern.ts'

test.each([
  [['*'], 'anything.example:8448'],
  [['hs.example'], 'HS.example'],
  [['*.Example.org'], 'a.b.example.org'],
  [['no.example', 'hs.example'], 'hs.example'],
])('%j covers %s', (patterns, name) => {
  expect(isHomeserverCovered(patterns, name)).toBe(true)
})

test.each([
  [[], 'hs.example'],
  [['hs.example'], 'hs.example:8448'],
  [['hs.example'], 'xhs.example'],
  [['hs.example'], 'hs.example.evil'],
  [['*.example.org'], 'example.org'],
  [['*.example.org'], 'evilexample.org'],
])('%j does not cover %s', (patterns, name) => {
  expect(isHomeserverCovered(patterns, name)).toBe(false)
})
