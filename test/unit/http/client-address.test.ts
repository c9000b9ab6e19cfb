import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { parseNetwork } from '../../../src/domain/network-address.ts'
import { clientAddress } from '../../../src/http/client-address.ts'

function from(remoteAddress: string, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage
}

const trusted = ['127.0.0.1', '10.0.0.0/8', '::1'].flatMap((text) => parseNetwork(text) ?? [])

test.each([
  ['nobody trusted says otherwise', '192.0.2.1', '198.51.100.9', '192.0.2.1'],
  ['a proxy forwards', '127.0.0.1', '198.51.100.9', '198.51.100.9'],
  ['the client made up what stands left', '127.0.0.1', '1.1.1.1, 198.51.100.9', '198.51.100.9'],
  ['two proxies forward', '127.0.0.1', '1.1.1.1, 198.51.100.9, 10.1.1.1', '198.51.100.9'],
  ['all are proxies', '127.0.0.1', '10.1.1.2, 10.1.1.1', '10.1.1.2'],
  ['the proxy wrote nonsense', '127.0.0.1', '198.51.100.9, unknown', '127.0.0.1'],
  ['the proxy wrote nothing', '127.0.0.1', undefined, '127.0.0.1'],
  ['IPv4 comes as IPv6', '::ffff:127.0.0.1', '::ffff:198.51.100.9', '198.51.100.9'],
  ['IPv6 comes', '::1', '2001:db8::9', '2001:db8::9'],
])('the client is known when %s', (_name, remote, forwarded, expected) => {
  expect(clientAddress(from(remote, forwarded), trusted)).toBe(expected)
})

test('without trusted proxies nobody is believed', () => {
  expect(clientAddress(from('127.0.0.1', '198.51.100.9'), [])).toBe('127.0.0.1')
})
