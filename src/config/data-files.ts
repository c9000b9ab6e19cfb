import { join } from 'node:path'
import type { Config } from './config.ts'

/** The files of a node, absolute. All but the certificate and peers.json are mode 0600. */
export type DataFiles = {
  readonly folder: string
  readonly matrixKey: string
  readonly meshKey: string
  readonly tlsKey: string
  readonly tlsCert: string
  readonly siteSecret: string
  readonly database: string
  readonly controlSocket: string
}

export function dataFiles({ node, mesh, site }: Pick<Config, 'node' | 'mesh' | 'site'>): DataFiles {
  const within = (name: string): string => join(node.dataDir, name)
  const isPki = mesh.tls.mode === 'pki'
  return {
    folder: node.dataDir,
    matrixKey: within('matrix.key'),
    meshKey: within('mesh.key'),
    tlsKey: isPki ? mesh.tls.keyFile : within('tls.key'),
    tlsCert: isPki ? mesh.tls.certFile : within('tls.crt'),
    siteSecret: site.secretFile,
    database: within('mycelid.db'),
    controlSocket: within('control.sock'),
  }
}
