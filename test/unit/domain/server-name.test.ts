import { expect, test } from 'vitest'
import { parseMxid } from '../../../src/domain/mxid.ts'
import { parseIpv6, parseServerName } from '../../../src/domain/server-name.ts'

test.each([
  ['matrix.org', { host: 'matrix.org', kind: 'dns', port: null }],
  ['Matrix.ORG:8888', { host: 'Matrix.ORG', kind: 'dns', port: 8888 }],
  ['1.2.3.4', { host: '1.2.3.4', kind: 'ipv4', port: null }],
  ['1.2.3.4:1', { host: '1.2.3.4', kind: 'ipv4', port: 1 }],
  ['[1234:5678::abcd]', { host: '1234:5678::abcd', kind: 'ipv6', port: null }],
  ['[::ffff:127.0.0.1]:65535', { host: '::ffff:127.0.0.1', kind: 'ipv6', port: 65535 }],
  ['localhost', { host: 'localhost', kind: 'dns', port: null }],
  ['0-0.example', { host: '0-0.example', kind: 'dns', port: null }],
])('%s is a server name', (text, parts) => {
  expect(parseServerName(text)).toEqual({ text, ...parts })
})

test.each([
  '',
  'a/b',
  'a?b',
  'a#b',
  'a@b',
  'a\\b',
  'a%41',
  'a\r\nb',
  'a b',
  'exämple.org',
  'a_b.example',
  'a..b',
  '.a',
  'a.',
  '-a.example',
  'a-.example',
  `${'a'.repeat(64)}.example`,
  `${'a.'.repeat(150)}b`,
  'a:0',
  'a:65536',
  'a:08448',
  'a:',
  'a:1:2',
  'a:8448\n',
  ':8448',
  '2130706433',
  '0177.0.0.1',
  '0x7f.1',
  '0x7f000001',
  '127.1',
  '1.2.3.256',
  '1.2.3.4.5',
  '1.2.3.04',
  '::1',
  '[::1',
  '[:::1]',
  '[1::2::3]',
  '[1:2:3:4:5:6:7]',
  '[1:2:3:4:5:6:7:8:9]',
  '[::1%25lo]',
  '[::1.2.3]',
  '[12345::]',
  '[]',
])('%j is no server name', (text) => {
  expect(parseServerName(text)).toBeNull()
})

test('an IPv6 address has eight groups however it is written', () => {
  expect(parseIpv6('::')).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  expect(parseIpv6('1::8')).toEqual([1, 0, 0, 0, 0, 0, 0, 8])
  expect(parseIpv6('::ffff:127.0.0.1')).toEqual([0, 0, 0, 0, 0, 0xffff, 0x7f00, 1])
  expect(parseIpv6('1:2:3:4:5:6:7:8')).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(parseIpv6('1:2:3:4:5:6:7::')).toEqual([1, 2, 3, 4, 5, 6, 7, 0])
})

test.each([
  ['@alice:example.org', 'alice', 'example.org'],
  ['@Alice/=_-.:example.org:8448', 'Alice/=_-.', 'example.org:8448'],
  ['@al ice日:[::1]', 'al ice日', '[::1]'],
  ['@__proto__:a', '__proto__', 'a'],
])('%s is a Matrix ID', (text, localpart, serverName) => {
  expect(parseMxid(text)).toEqual({ localpart, serverName })
})

test.each([
  '',
  'alice:example.org',
  '@alice',
  '@:example.org',
  '@alice:',
  '@alice:evil:good',
  '@a\u0000b:example.org',
  '@a\nb:example.org',
  '@a\ud800:example.org',
  '#a:example.org',
  ' @a:example.org',
  '@a:example.org ',
  `@${'a'.repeat(250)}:ab.cd`,
  `@${'日'.repeat(82)}:ab.cdefg`,
])('%j is no Matrix ID', (text) => {
  expect(parseMxid(text)).toBeNull()
})
