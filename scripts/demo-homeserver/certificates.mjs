// A certificate authority of its own and a certificate under it, for the demonstration homeserver.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const hourMs = 3_600_000
const lifetimeMs = 10 * 365 * 24 * hourMs

function validity() {
  return {
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + lifetimeMs),
    signingAlgorithm: algorithm,
    serialNumber: `01${randomBytes(8).toString('hex')}`,
  }
}

/** PEM texts; `host` is a DNS name or an IP address. The authority's key is forgotten: it signs once. */
export async function makeCertificates(host) {
  const authorityKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const serverKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      ...validity(),
      name: 'CN=Demonstration homeserver CA',
      keys: authorityKeys,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    },
    webcrypto,
  )
  const subjectName = { type: isIP(host) === 0 ? 'dns' : 'ip', value: host }
  const certificate = await X509CertificateGenerator.create(
    {
      ...validity(),
      subject: `CN=${host}`,
      issuer: authority.subject,
      publicKey: serverKeys.publicKey,
      signingKey: authorityKeys.privateKey,
      extensions: [new SubjectAlternativeNameExtension([subjectName])],
    },
    webcrypto,
  )
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey))
  return {
    ca: `${authority.toString('pem')}\n`,
    cert: `${certificate.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  }
}
