import { verifierKey, formatVerifierKey } from '../domain/checkpoint.ts'
import { fromBase64, toBase64, toBase64Unpadded } from '../domain/base64.ts'
import { publicKeyFromSeed } from '../domain/ed25519.ts'
import type { MatrixKey } from '../domain/entry.ts'
import { spkiPin } from '../platform/certificate.ts'
import { readPublicFile, readSecretFile, SecretFileError } from '../platform/secret-file.ts'
import { readShape, z } from '../platform/shape.ts'
import type { Config } from './config.ts'
import { dataFiles } from './data-files.ts'
import { parseSiteSecret, type SiteSecret } from './site-secret.ts'

/**
 * Key files, all JSON but TLS (PEM) and the site secret (site-secret.ts):
 * matrix.key  {"keys": [{"key_id": "ed25519:paris", "seed": "<base64>", "valid_from": ms, "expired_at": ms|null}, …]}
 *             the key named by node.key_id signs, the others stay published
 * mesh.key    {"node": "paris.id.example.org", "seed": "<base64>"}
 * Seeds are the 32 bytes of RFC 8032.
 */

export type MatrixSigningKey = {
  readonly keyId: string
  readonly seed: Uint8Array
  readonly validFromMs: number
  readonly expiredAtMs: number | null
}

/** All a node needs to act as itself. */
export type NodeKeys = {
  /** The key that signs now. */
  readonly matrix: MatrixSigningKey
  /** Every Matrix key of the file as `begin` publishes them. */
  readonly matrixKeys: readonly MatrixKey[]
  readonly meshSeed: Uint8Array
  readonly meshPublicKey: Uint8Array
  /** C2SP verifier key of the mesh key, type 0x01: what the card and peers.json hold. */
  readonly meshVkey: string
  /** The same key for timestamped cosignatures, type 0x04. */
  readonly cosignerVkey: string
  readonly tls: { readonly keyPem: string; readonly certPem: string; readonly pin: string }
  readonly siteSecret: SiteSecret
}

/** Keys that are missing or unusable; one sentence each. */
export class KeyFileError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'KeyFileError'
    this.problems = problems
  }
}

const seedBytes = 32
const seed = z.string().transform((text, context) => {
  const bytes = fromBase64(text, seedBytes)
  if (bytes !== null) return bytes
  context.addIssue({ code: 'custom', message: `expected ${seedBytes} bytes of base64` })
  return z.NEVER
})

const matrixKeyFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        key_id: z.string().min(1),
        seed,
        valid_from: z.int().min(0),
        expired_at: z.int().min(0).nullable(),
      }),
    )
    .min(1)
    .max(100),
})

const meshKeyFile = z.strictObject({ node: z.string().min(1), seed })

/** Reads every key file. Throws KeyFileError with all that is missing, too open to others, or damaged. */
export function loadKeys(config: Pick<Config, 'node' | 'mesh' | 'site'>): NodeKeys {
  const files = dataFiles(config)
  const problems: string[] = []
  const attempt = <T>(read: () => T): T | null => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof SecretFileError) && !(error instanceof KeyFileError)) throw error
      problems.push(withAdvice(error))
      return null
    }
  }
  const matrixKeys = attempt(() => readMatrixKeys(files.matrixKey, config.node.keyId))
  const meshSeed = attempt(() => readMeshKey(files.meshKey, config.node.name))
  const tls = attempt(() => readTls(files.tlsKey, files.tlsCert))
  const siteSecret = attempt(() => readSiteSecret(files.siteSecret))
  if (matrixKeys === null || meshSeed === null || tls === null || siteSecret === null) {
    throw new KeyFileError(problems)
  }
  const current = matrixKeys.find(({ keyId }) => keyId === config.node.keyId)
  if (current === undefined) throw new KeyFileError([`${files.matrixKey} lost its key`])
  const meshPublicKey = publicKeyFromSeed(meshSeed)
  const vkey = (type: 0x01 | 0x04): string =>
    formatVerifierKey(verifierKey(config.node.name, type, meshPublicKey))
  return {
    matrix: current,
    matrixKeys: matrixKeys.map(published),
    meshSeed,
    meshPublicKey,
    meshVkey: vkey(0x01),
    cosignerVkey: vkey(0x04),
    tls,
    siteSecret,
  }
}

export function formatMatrixKeys(keys: readonly MatrixSigningKey[]): string {
  const rows = keys.map((key) => ({
    key_id: key.keyId,
    seed: toBase64(key.seed),
    valid_from: key.validFromMs,
    expired_at: key.expiredAtMs,
  }))
  return `${JSON.stringify({ keys: rows }, null, 2)}\n`
}

export function formatMeshKey(node: string, meshSeed: Uint8Array): string {
  return `${JSON.stringify({ node, seed: toBase64(meshSeed) }, null, 2)}\n`
}

/** Reads the Matrix keys and checks that the one which signs is among them and not expired. */
export function readMatrixKeys(file: string, currentKeyId: string): MatrixSigningKey[] {
  const { keys } = readJson(file, matrixKeyFile)
  const ids = keys.map((key) => key.key_id)
  if (new Set(ids).size !== ids.length) {
    throw new KeyFileError([`${file}: two keys have the same key_id`])
  }
  const current = keys.find((key) => key.key_id === currentKeyId)
  if (current === undefined) {
    throw new KeyFileError([
      `${file} holds ${ids.join(', ')}, but node.key_id is ${currentKeyId}: set node.key_id to one it holds`,
    ])
  }
  if (current.expired_at !== null) {
    throw new KeyFileError([`${file}: ${currentKeyId} is marked as expired and cannot sign`])
  }
  return keys.map((key) => ({
    keyId: key.key_id,
    seed: key.seed,
    validFromMs: key.valid_from,
    expiredAtMs: key.expired_at,
  }))
}

/** A mesh key belongs to one node: a copied data folder must not make two nodes of one key. */
export function readMeshKey(file: string, nodeName: string): Uint8Array {
  const key = readJson(file, meshKeyFile)
  if (key.node !== nodeName) {
    throw new KeyFileError([
      `${file} is the key of ${key.node}, but node.name is ${nodeName}: ` +
        'give every node a data folder of its own, or set node.name back',
    ])
  }
  return key.seed
}

export function readSiteSecret(file: string): SiteSecret {
  const secret = parseSiteSecret(readSecretFile(file).toString('utf8'))
  if (secret === null) throw new KeyFileError([`${file} holds no site secret`])
  return secret
}

function readTls(keyFile: string, certFile: string): NodeKeys['tls'] {
  const keyPem = readSecretFile(keyFile).toString('utf8')
  const certPem = readPublicFile(certFile).toString('utf8')
  let pin: string
  try {
    pin = spkiPin(certPem)
    if (pin === spkiPin(keyPem)) return { keyPem, certPem, pin }
  } catch (error) {
    throw new KeyFileError([`${keyFile} or ${certFile} is no PEM file: ${String(error)}`])
  }
  throw new KeyFileError([`${certFile} is no certificate of the key in ${keyFile}`])
}

function readJson<T>(file: string, shape: z.ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(readSecretFile(file).toString('utf8'))
  } catch (error) {
    // The parser's own message may quote the file, which holds a key.
    if (error instanceof SyntaxError) throw new KeyFileError([`${file} is no JSON`])
    throw error
  }
  const reading = readShape(shape, value)
  if (reading.ok) return reading.value
  const [first] = reading.problems
  throw new KeyFileError([
    `${file} is damaged: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`,
  ])
}

function published(key: MatrixSigningKey): MatrixKey {
  return {
    key_id: key.keyId,
    key: toBase64Unpadded(publicKeyFromSeed(key.seed)),
    valid_from: key.validFromMs,
    expired_at: key.expiredAtMs,
  }
}

function withAdvice(error: SecretFileError | KeyFileError): string {
  const isMissing = error instanceof SecretFileError && error.code === 'missing'
  return isMissing ? `${error.message}; run: mycelid init` : error.message
}
