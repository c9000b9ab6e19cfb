import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import { dataFiles, type DataFiles } from '../config/data-files.ts'
import {
  formatMatrixKeys,
  formatMeshKey,
  KeyFileError,
  readMatrixKeys,
  readMeshKey,
  readSiteSecret,
} from '../config/key-files.ts'
import {
  formatSiteSecret,
  sitePepper,
  siteSecretBytes,
  type SiteSecret,
} from '../config/site-secret.ts'
import { certificateDaysValid } from '../domain/limits.ts'
import { createTlsKey, selfSignedCertificate } from '../platform/certificate.ts'
import { takeDataLock } from '../platform/data-lock.ts'
import { createFile, readSecretFile } from '../platform/secret-file.ts'
import { openStorage } from '../storage/index.ts'
import type { Outside } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'

export type Thing = { readonly what: string; readonly path: string }

export type MadeNode = {
  readonly made: readonly Thing[]
  readonly kept: readonly Thing[]
  readonly warnings: readonly string[]
}

type Making = Outside & {
  readonly config: Config
  readonly files: DataFiles
  /** A sibling's, to start with; null makes a new one. */
  readonly siteSecret: SiteSecret | null
}

/** A file `init` makes when it is not there. */
type Part = Thing & { readonly make: (making: Making) => Promise<void> | void }

const seedBytes = 32

/**
 * Makes what is missing of a node, in an order that a crash between any two steps only leaves the rest to do. The
 * folder is locked meanwhile, unless nothing is missing: then a running node is no hindrance.
 */
export async function makeNode(
  wanted: Outside & { readonly config: Config; readonly siteSecret: SiteSecret | null },
): Promise<MadeNode> {
  const files = dataFiles(wanted.config)
  const making: Making = { ...wanted, files }
  const made: Thing[] = []
  const kept: Thing[] = []
  refusePkiGaps(making)
  const folder = { what: 'data folder', path: files.folder }
  if (existsSync(files.folder)) kept.push(folder)
  else {
    mkdirSync(files.folder, { recursive: true, mode: 0o700 })
    made.push(folder)
  }
  const missing = parts(making).filter(({ path }) => !existsSync(path))
  const isStoreReady =
    missing.every(({ path }) => path !== files.database) && (await hasPepper(making))
  if (missing.length > 0 || !isStoreReady) {
    const lock = takeDataLock(files.folder)
    try {
      for (const part of parts(making)) {
        if (existsSync(part.path) && (part.path !== files.database || isStoreReady)) continue
        await part.make(making)
        made.push({ what: part.what, path: part.path })
      }
    } finally {
      lock.release()
    }
  }
  const madePaths = new Set(made.map(({ path }) => path))
  for (const { what, path } of parts(making)) if (!madePaths.has(path)) kept.push({ what, path })
  checkKept(making)
  return { made, kept, warnings: warningsOf(files) }
}

function parts({ config, files }: Making): Part[] {
  const tls: Part[] =
    config.mesh.tls.mode === 'pki'
      ? []
      : [
          { what: 'TLS key', path: files.tlsKey, make: makeTlsKey },
          { what: 'TLS certificate', path: files.tlsCert, make: makeCertificate },
        ]
  return [
    { what: 'Matrix key', path: files.matrixKey, make: makeMatrixKey },
    { what: 'mesh key', path: files.meshKey, make: makeMeshKey },
    ...tls,
    { what: 'site secret', path: files.siteSecret, make: makeSiteSecret },
    { what: 'database', path: files.database, make: makeStore },
  ]
}

function makeMatrixKey({ config, files, clock, random }: Making): void {
  const key = {
    keyId: config.node.keyId,
    seed: random.bytes(seedBytes),
    validFromMs: clock.wallMs(),
    expiredAtMs: null,
  }
  createFile(files.matrixKey, formatMatrixKeys([key]))
}

function makeMeshKey({ config, files, random }: Making): void {
  createFile(files.meshKey, formatMeshKey(config.node.name, random.bytes(seedBytes)))
}

function makeTlsKey({ files }: Making): void {
  createFile(files.tlsKey, createTlsKey())
}

async function makeCertificate({ config, files, clock }: Making): Promise<void> {
  const certificate = await selfSignedCertificate({
    keyPem: readSecretFile(files.tlsKey).toString('utf8'),
    name: config.node.name,
    nowMs: clock.wallMs(),
    daysValid: certificateDaysValid,
  })
  createFile(files.tlsCert, certificate, 0o644)
}

function makeSiteSecret({ files, siteSecret, random }: Making): void {
  mkdirSync(dirname(files.siteSecret), { recursive: true, mode: 0o700 })
  createFile(files.siteSecret, formatSiteSecret(siteSecret ?? random.bytes(siteSecretBytes)))
}

/** The pepper is what makes a database one of a node: it is written last, and looked for to tell an unfinished one. */
async function makeStore({ config, files }: Making): Promise<void> {
  const pepper = config.lookup.pepper ?? sitePepper(readSiteSecret(files.siteSecret))
  const { engine } = config.storage
  const storage = await openStorage({ engine, file: files.database, access: 'write' })
  try {
    await storage.commit({ logs: [], lookups: [], accounts: [], meta: { pepper } })
  } finally {
    await storage.close()
  }
  chmodSync(files.database, 0o600)
}

async function hasPepper({ config, files }: Making): Promise<boolean> {
  const { engine } = config.storage
  const storage = await openStorage({ engine, file: files.database, access: 'read' })
  try {
    return (await storage.readPepper()) !== null
  } finally {
    await storage.close()
  }
}

/** With certificates of the operator's own CA there is nothing `init` could make. */
function refusePkiGaps({ config, files }: Making): void {
  if (config.mesh.tls.mode !== 'pki') return
  for (const path of [files.tlsKey, files.tlsCert, config.mesh.tls.caFile]) {
    if (existsSync(path)) continue
    throw new CommandError(
      `${path} does not exist: with mesh.tls.mode pki, keys and certificates come from your own CA`,
      exitCodes.usage,
    )
  }
}

/** Keys that were there must be those of this configuration; a folder of another node is not taken over. */
function checkKept({ config, files, siteSecret }: Making): void {
  readMatrixKeys(files.matrixKey, config.node.keyId)
  readMeshKey(files.meshKey, config.node.name)
  const present = readSiteSecret(files.siteSecret)
  if (siteSecret !== null && !Buffer.from(present).equals(siteSecret)) {
    throw new KeyFileError([
      `${files.siteSecret} holds another secret than the one given, and was left alone; ` +
        'to exchange it: mycelid keys site-secret import',
    ])
  }
}

function warningsOf({ folder }: DataFiles): string[] {
  const mode = statSync(folder).mode & 0o777
  if ((mode & 0o077) === 0) return []
  return [`${folder} is open to others (mode ${mode.toString(8)}); better: chmod 700 ${folder}`]
}
