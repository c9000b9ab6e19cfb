import { expect, test } from 'vitest'
import {
  isInNetwork,
  mayConnect,
  parseNetwork,
  parseNetworkAddress,
  type Network,
  type NetworkAddress,
} from '../../../src/domain/network-address.ts'

function address(text: string): NetworkAddress {
  const parsed = parseNetworkAddress(text)
  if (parsed === null) throw new Error(`no address: ${text}`)
  return parsed
}

function network(text: string): Network {
  const parsed = parseNetwork(text)
  if (parsed === null) throw new Error(`no network: ${text}`)
  return parsed
}

test.each([
  '0.0.0.0',
  '0.1.2.3',
  '10.255.255.255',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.19.255.255',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:a00:1',
  '64:ff9b::10.0.0.1',
  '64:ff9b:1::1',
  '2002:7f00:1::',
  '2002:c0a8:1::1',
  '2001:0:1::1',
  '2001:db8::1',
  'fc00::1',
  'fd00::1',
  'fe80::1',
  'febf::1',
  'fec0::1',
  'ff02::1',
])('%s is not public', (text) => {
  expect(mayConnect(address(text), [])).toBe(false)
})

test.each([
  '1.1.1.1',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450::1',
  '::ffff:1.1.1.1',
  '64:ff9b::1.1.1.1',
  '2002:101:101::1',
])('%s is public', (text) => {
  expect(mayConnect(address(text), [])).toBe(true)
})

test('an allowed network is an exception for itself alone', () => {
  const allowed = [network('127.0.0.1/32'), network('fd00:1::/32')]
  expect(mayConnect(address('127.0.0.1'), allowed)).toBe(true)
  expect(mayConnect(address('::ffff:127.0.0.1'), allowed)).toBe(true)
  expect(mayConnect(address('64:ff9b::127.0.0.1'), allowed)).toBe(true)
  expect(mayConnect(address('127.0.0.2'), allowed)).toBe(false)
  expect(mayConnect(address('fd00:1:2::3'), allowed)).toBe(true)
  expect(mayConnect(address('fd00:2::3'), allowed)).toBe(false)
})

test('networks of both families are read, with every length of prefix', () => {
  expect(isInNetwork(address('1.2.3.4'), network('0.0.0.0/0'))).toBe(true)
  expect(isInNetwork(address('::1'), network('0.0.0.0/0'))).toBe(false)
  expect(isInNetwork(address('10.1.2.3'), network('::ffff:10.0.0.0/104'))).toBe(true)
  expect(isInNetwork(address('10.128.0.1'), network('10.128.0.0/9'))).toBe(true)
  expect(isInNetwork(address('10.127.0.1'), network('10.128.0.0/9'))).toBe(false)
  expect(isInNetwork(address('1.2.3.4'), network('1.2.3.4'))).toBe(true)
})

test.each([
  '',
  '10.0.0.0/33',
  '10.0.0.1/8',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '::/129',
  'fd00::1/8',
  'x/8',
])('%j is no network', (text) => {
  expect(parseNetwork(text)).toBeNull()
})
