// A homeserver of one endpoint: it vouches for its users by OpenID, over TLS with a certificate of its own CA.
// The nodes ask it as they would ask any other; only its address and CA are let in by their configuration.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { createServer } from 'node:https'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const host = '127.0.0.1'
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const lifetimeMs = 7 * 24 * 3_600_000

function validity() {
  return {
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + lifetimeMs),
    signingAlgorithm: algorithm,
    serialNumber: `01${randomBytes(8).toString('hex')}`,
  }
}

async function makeCertificates() {
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
  const certificate = await X509CertificateGenerator.create(
    {
      ...validity(),
      subject: `CN=${host}`,
      issuer: authority.subject,
      publicKey: serverKeys.publicKey,
      signingKey: authorityKeys.privateKey,
      extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: host }])],
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

/** Starts it; `ca` is the PEM its callers must trust, `openidToken` makes what a user hands to a node. */
export async function startHomeserver(port) {
  const { ca, cert, key } = await makeCertificates()
  const name = `${host}:${port}`
  const users = new Map()
  const server = createServer({ cert, key, minVersion: 'TLSv1.2' }, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://homeserver')
    const isUserinfo = url.pathname === '/_matrix/federation/v1/openid/userinfo'
    const sub = isUserinfo ? users.get(url.searchParams.get('access_token')) : undefined
    const [status, body] = sub
      ? [200, { sub }]
      : isUserinfo
        ? [401, { errcode: 'M_UNKNOWN_TOKEN', error: 'no such token' }]
        : [404, { errcode: 'M_UNRECOGNIZED', error: 'this homeserver only vouches for its users' }]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    ca,
    name,
    openidToken(localpart) {
      const token = randomBytes(24).toString('base64url')
      users.set(token, `@${localpart}:${name}`)
      return {
        access_token: token,
        token_type: 'Bearer',
        matrix_server_name: name,
        expires_in: 3_600,
      }
    },
    stop() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
