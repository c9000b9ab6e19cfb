/**
 * Owns: the mechanics every room shares; here TLS keys, self-signed certificates and what a certificate says.
 * Relies on: node:crypto, @peculiar/x509 (loaded only when a certificate is made).
 * Never: knows of Matrix, of peers or of logs.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto'

const dayMs = 86_400_000
/** A certificate is renewed when fewer days than this are left (replication.md 3.11). */
export const renewalDays = 30
/** Peers' clocks may be behind ours when they first see a certificate. */
const backdatedMs = dayMs
/** RFC 5280 appendix A.1, ub-common-name: longer names stand in the SAN alone. */
const commonNameCharsMax = 64

/** What is looked at in a certificate somebody presents. */
export type CertificateFacts = {
  /** "sha256:" + standard base64 of SHA-256 over the SPKI DER. */
  readonly pin: string
  /** As OpenSSL writes dates, for messages. */
  readonly validFrom: string
  readonly validTo: string
  readonly validFromMs: number
  readonly validToMs: number
  /** Whether `name` stands in the SAN as a DNS name, exactly: neither wildcards nor the CN count. */
  names(name: string): boolean
}

/** A new P-256 key, PKCS8 PEM. */
export function createTlsKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/**
 * A certificate for both ends of a connection, signed by its own key (P-256, PKCS8 PEM); `name` in the SAN.
 * Valid from a day before `nowMs`. Returns PEM.
 */
export async function selfSignedCertificate(wanted: {
  readonly keyPem: string
  readonly name: string
  readonly nowMs: number
  readonly daysValid: number
}): Promise<string> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const { keyPem, name, nowMs, daysValid } = wanted
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [name.length <= commonNameCharsMax ? name : 'mycelid node'] }],
      notBefore: new Date(nowMs - backdatedMs),
      notAfter: new Date(nowMs + daysValid * dayMs),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      keys: await webKeys(keyPem),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      ],
    },
    webcrypto,
  )
  return `${certificate.toString('pem')}\n`
}

/**
 * A new certificate under the same key when fewer than `renewalDays` are left of the present one; null when not due.
 * Peers pin the key, so they notice nothing.
 */
export async function renewedWhenDue(present: {
  readonly keyPem: string
  readonly certPem: string
  readonly name: string
  readonly nowMs: number
  readonly daysValid: number
}): Promise<string | null> {
  const { certPem, keyPem, nowMs } = present
  if (spkiPin(certPem) !== spkiPin(keyPem)) {
    throw new Error('the TLS certificate was not made for the TLS key beside it')
  }
  if (certificateExpiryMs(certPem) - nowMs >= renewalDays * dayMs) return null
  return await selfSignedCertificate(present)
}

/** notAfter of the first certificate in a PEM text, in milliseconds since 1970. */
export function certificateExpiryMs(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo)
}

/** "sha256:" + standard base64 of SHA-256 over the SPKI DER of a certificate, a private or a public key (PEM). */
export function spkiPin(pem: string): string {
  if (pem.includes('BEGIN CERTIFICATE')) return pinOf(new X509Certificate(pem).publicKey)
  if (pem.includes('PRIVATE KEY')) return pinOf(createPublicKey(createPrivateKey(pem)))
  return pinOf(createPublicKey(pem))
}

/** Throws when the certificate bears a key that OpenSSL cannot read. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const { validFrom, validTo } = certificate
  return {
    pin: pinOf(certificate.publicKey),
    validFrom,
    validTo,
    validFromMs: Date.parse(validFrom),
    validToMs: Date.parse(validTo),
    names: (name) =>
      certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined,
  }
}

function pinOf(key: X509Certificate['publicKey']): string {
  const spki = key.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('base64')}`
}

/** Sixteen random bytes, positive (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

async function webKeys(keyPem: string) {
  const key = createPrivateKey(keyPem)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}
