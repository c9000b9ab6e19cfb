import 'reflect-metadata'
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import * as x509 from '@peculiar/x509'
import type { Peer } from '../../src/domain/peer.ts'
import { createTlsKey, selfSignedCertificate, spkiPin } from '../../src/platform/certificate.ts'
import type { MeshTls } from '../../src/replication/tls-identity.ts'

export const dayMs = 86_400_000

/** Somebody with a key and a certificate. */
export type Party = { readonly name: string; readonly tls: MeshTls; readonly pin: string }

export async function party(
  name: string,
  { keyPem = createTlsKey(), daysValid = 365, nowMs = Date.now() } = {},
): Promise<Party> {
  const certPem = await selfSignedCertificate({ keyPem, name, nowMs, daysValid })
  return { name, tls: { keyPem, certPem, mode: 'pinned' }, pin: spkiPin(keyPem) }
}

export function peerRow(name: string, ...tlsPins: string[]): Peer {
  return { name, url: null, keys: [], tlsPins, role: { type: 'sibling' } }
}

/** A certificate authority of its own. */
export class Authority {
  readonly #keys: CryptoKeyPair
  readonly #certificate: x509.X509Certificate

  constructor(keys: CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys
    this.#certificate = certificate
  }

  get pem(): string {
    return this.#certificate.toString('pem')
  }

  static async create(name: string): Promise<Authority> {
    const keys = await webKeys(createTlsKey())
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: '01',
        name: [{ CN: [name] }],
        notBefore: new Date(Date.now() - dayMs),
        notAfter: new Date(Date.now() + 30 * dayMs),
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        keys,
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    )
    return new Authority(keys, certificate)
  }

  /** `sans` null: a certificate with a CN alone. */
  async issue(commonName: string, sans: readonly string[] | null): Promise<Party> {
    const keyPem = createTlsKey()
    const keys = await webKeys(keyPem)
    const names = (sans ?? []).map((value) => ({ type: 'dns' as const, value }))
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: '02',
        subject: [{ CN: [commonName] }],
        issuer: this.#certificate.subjectName,
        notBefore: new Date(Date.now() - dayMs),
        notAfter: new Date(Date.now() + 30 * dayMs),
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          await x509.AuthorityKeyIdentifierExtension.create(this.#certificate, false, webcrypto),
          ...(sans === null ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
        ],
      },
      webcrypto,
    )
    const certPem = certificate.toString('pem')
    const tls: MeshTls = { keyPem, certPem, mode: 'pki', caPem: this.pem }
    return { name: commonName, tls, pin: spkiPin(keyPem) }
  }
}

async function webKeys(keyPem: string): Promise<CryptoKeyPair> {
  const key = createPrivateKey(keyPem)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}

/** A caller that speaks TLS and bytes, without any of our code. */
export class RawCaller {
  readonly socket: TLSSocket
  readonly tickets: Buffer[] = []
  received = ''
  isClosed = false
  /** null before the handshake ended. */
  isReused: boolean | null = null

  constructor(port: number, options: ConnectionOptions = {}) {
    this.socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
    this.socket.on('error', () => undefined)
    this.socket.on('session', (ticket) => this.tickets.push(ticket))
    this.socket.on('data', (bytes) => (this.received += bytes.toString('latin1')))
    this.socket.on('secureConnect', () => (this.isReused = this.socket.isSessionReused()))
    this.socket.on('close', () => (this.isClosed = true))
  }

  static as({ tls }: Party, port: number, options: ConnectionOptions = {}): RawCaller {
    return new RawCaller(port, { key: tls.keyPem, cert: tls.certPem, ...options })
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  get(path: string): void {
    this.send(`GET ${path} HTTP/1.1\r\nhost: mesh\r\n\r\n`)
  }

  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
  }
}

/** Waits for a condition of the real world; fails after `maxMs`. */
export async function until(what: string, holds: () => boolean, maxMs = 8_000): Promise<void> {
  const endMs = Date.now() + maxMs
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`expected within ${maxMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
