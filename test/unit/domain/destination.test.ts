import { expect, test } from 'vitest'
import { isOwnDestination, ownDestinations } from '../../../src/domain/destination.ts'

const own = ownDestinations({
  serverName: 'id.example.org',
  publicBaseUrl: 'https://www.example.org:8443/identity/',
  aliases: ['old.example.net/is', 'older.example.net:444'],
})

test.each([
  'id.example.org',
  'ID.Example.org',
  'id.example.org/',
  'id.example.org/identity/',
  'www.example.org',
  'www.example.org:8443',
  'www.example.org:8443/identity',
  'old.example.net',
  'old.example.net/is',
  'older.example.net:444',
  'older.example.net',
])('%s is ours', (destination) => {
  expect(isOwnDestination(own, destination)).toBe(true)
})

test.each([
  '',
  '/',
  'example.org',
  'evil.example',
  'evil.example/id.example.org',
  'id.example.org.evil.example',
  'xid.example.org',
  'id.example.org:8443',
  'id.example.org@evil.example',
  'evil.example@id.example.org',
  'id.example.org?x',
  'id.example.org#x',
  'id.example.org\\evil.example',
  'https://id.example.org',
  ' id.example.org',
  'id.example.org ',
  'id.example.org/a b',
  'id.example.org/\n',
  'www.example.org:443',
  `id.example.org/${'a'.repeat(2_000)}`,
])('%j is not', (destination) => {
  expect(isOwnDestination(own, destination)).toBe(false)
})

test('the usual port of the base URL may be said', () => {
  const usual = ownDestinations({
    serverName: 'a.example:1234',
    publicBaseUrl: 'https://b.example',
    aliases: [],
  })
  for (const name of ['a.example', 'a.example:1234', 'b.example', 'b.example:443']) {
    expect(isOwnDestination(usual, name)).toBe(true)
  }
  expect(isOwnDestination(usual, 'b.example:80')).toBe(false)
})

test('an address is ours with and without port too', () => {
  const local = ownDestinations({
    serverName: 'id.example.org',
    publicBaseUrl: 'http://[::1]:8090',
    aliases: ['127.0.0.1:8090'],
  })
  for (const name of ['[::1]', '[::1]:8090', '127.0.0.1', '127.0.0.1:8090/']) {
    expect(isOwnDestination(local, name)).toBe(true)
  }
})
