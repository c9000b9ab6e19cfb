import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  certificateExpiryMs,
  certificateFacts,
  createTlsKey,
  renewedWhenDue,
  selfSignedCertificate,
  spkiPin,
} from '../../../src/platform/certificate.ts'

const dayMs = 86_400_000
const nowMs = Date.UTC(2026, 10, 21)
const keyPem = createTlsKey()
const name = 'paris.id.example.org'

test('a self-signed certificate is for its key, names the node and is valid from yesterday', async () => {
  const pem = await selfSignedCertificate({ keyPem, name, nowMs, daysValid: 365 })
  const certificate = new X509Certificate(pem)
  const facts = certificateFacts(certificate)
  expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(facts.names(name)).toBe(true)
  expect(facts.validFromMs).toBe(nowMs - dayMs)
  expect(certificateExpiryMs(pem)).toBe(nowMs + 365 * dayMs)
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
})

test('a certificate names exactly its SAN: neither a part, nor a subdomain, nor the CN', async () => {
  const pem = await selfSignedCertificate({ keyPem, name: 'id.example.org', nowMs, daysValid: 9 })
  const facts = certificateFacts(new X509Certificate(pem))
  expect(facts.names('example.org')).toBe(false)
  expect(facts.names('paris.id.example.org')).toBe(false)
  const wild = await selfSignedCertificate({ keyPem, name: '*.example.org', nowMs, daysValid: 9 })
  expect(certificateFacts(new X509Certificate(wild)).names('id.example.org')).toBe(false)
})

test('a name too long for a CN stands in the SAN', async () => {
  const longName = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.org`
  const pem = await selfSignedCertificate({ keyPem, name: longName, nowMs, daysValid: 9 })
  expect(certificateFacts(new X509Certificate(pem)).names(longName)).toBe(true)
})

test('the pin of a key is the pin of every certificate under it', async () => {
  const one = await selfSignedCertificate({ keyPem, name, nowMs, daysValid: 1 })
  const two = await selfSignedCertificate({ keyPem, name, nowMs: nowMs + dayMs, daysValid: 2 })
  expect(spkiPin(keyPem)).toMatch(/^sha256:[A-Za-z0-9+/]{43}=$/)
  expect(spkiPin(one)).toBe(spkiPin(keyPem))
  expect(spkiPin(two)).toBe(spkiPin(keyPem))
  expect(spkiPin(createTlsKey())).not.toBe(spkiPin(keyPem))
})

test('a certificate is renewed under the same key when fewer than thirty days are left', async () => {
  const certPem = await selfSignedCertificate({ keyPem, name, nowMs, daysValid: 90 })
  const present = { keyPem, certPem, name, daysValid: 90 }
  expect(await renewedWhenDue({ ...present, nowMs: nowMs + 60 * dayMs })).toBeNull()
  const renewed = await renewedWhenDue({ ...present, nowMs: nowMs + 61 * dayMs })
  expect(certificateExpiryMs(renewed ?? '')).toBe(nowMs + 151 * dayMs)
  expect(spkiPin(renewed ?? '')).toBe(spkiPin(certPem))
})

test('a certificate for another key is not renewed but reported', async () => {
  const certPem = await selfSignedCertificate({ keyPem, name, nowMs, daysValid: 90 })
  const other = { keyPem: createTlsKey(), certPem, name, daysValid: 90, nowMs }
  await expect(renewedWhenDue(other)).rejects.toThrow('not made for the TLS key')
})
