import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { dataFiles } from '../config/data-files.ts'
import { readSiteSecret } from '../config/key-files.ts'
import {
  formatSiteSecret,
  sitePepper,
  siteSecretFingerprint,
  type SiteSecret,
} from '../config/site-secret.ts'
import { takeDataLock } from '../platform/data-lock.ts'
import { createFile, replaceFile } from '../platform/secret-file.ts'
import { openStorage } from '../storage/index.ts'

export type SiteSecretChange = {
  readonly change: 'unchanged' | 'taken'
  readonly fingerprint: string
  /** Where the former secret was kept, null when nothing was replaced. */
  readonly formerFile: string | null
  /** Whether this node still announces a pepper of its own. */
  readonly isPepperOwn: boolean
}

/**
 * Takes over a sibling's secret. The former one is kept beside it. Tokens this node gave out under it no longer count:
 * people are asked to log in again by their clients. A node with no associations yet takes the pepper over as well.
 * Throws DataLockHeldError while the node runs: it would go on with the former secret.
 */
export async function changeSiteSecret(
  config: Config,
  secret: SiteSecret,
): Promise<SiteSecretChange> {
  const files = dataFiles(config)
  const fingerprint = siteSecretFingerprint(secret)
  const former = existsSync(files.siteSecret) ? readSiteSecret(files.siteSecret) : null
  if (former !== null && Buffer.from(former).equals(secret)) {
    return { change: 'unchanged', fingerprint, formerFile: null, isPepperOwn: false }
  }
  const lock = takeDataLock(files.folder)
  try {
    const formerFile = former === null ? null : keepFormer(files.siteSecret, former)
    replaceFile(files.siteSecret, formatSiteSecret(secret), 0o600)
    const isPepperOwn = await takePepper(config, files.database, secret)
    return { change: 'taken', fingerprint, formerFile, isPepperOwn }
  } finally {
    lock.release()
  }
}

function keepFormer(file: string, former: SiteSecret): string {
  const kept = `${file}.${siteSecretFingerprint(former)}`
  if (!existsSync(kept)) createFile(kept, formatSiteSecret(former))
  return kept
}

async function takePepper(config: Config, file: string, secret: SiteSecret): Promise<boolean> {
  if (config.lookup.pepper !== null || !existsSync(file)) return false
  const pepper = sitePepper(secret)
  const storage = await openStorage({ engine: config.storage.engine, file, access: 'write' })
  try {
    if ((await storage.readPepper()) === pepper) return false
    if ((await storage.readFigures()).lookupEntries > 0) return true
    await storage.commit({ logs: [], lookups: [], accounts: [], meta: { pepper } })
    return false
  } finally {
    await storage.close()
  }
}

/** What the operator should know of a change, a sentence each. */
export function describeChange(changed: SiteSecretChange): string[] {
  if (changed.change === 'unchanged') {
    return [`the site secret is the same already (fingerprint ${changed.fingerprint})`]
  }
  const told = [`took over the site secret (fingerprint ${changed.fingerprint})`]
  if (changed.formerFile !== null) {
    told.push(
      `the former one is in ${changed.formerFile}; tokens given out under it no longer count`,
    )
  }
  if (changed.isPepperOwn) {
    told.push(
      'this node holds associations under a pepper of its own: set lookup.pepper to the same value on all siblings',
    )
  }
  return told
}
