import type { Command } from 'commander'
import { loadKeys } from '../config/key-files.ts'
import { siteSecretFingerprint } from '../config/site-secret.ts'
import { certificateExpiryMs } from '../platform/certificate.ts'
import { isoTime } from '../platform/clock.ts'
import { formatTable } from '../platform/terminal.ts'
import {
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { configOf } from './node-config.ts'

const dayMs = 86_400_000

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Print what others may know of the keys of this node: Matrix keys, mesh keys, TLS pin and expiry, and a ' +
        'fingerprint of the site secret, which must be the same on all siblings.',
    )
    .action((options: ConfigOptions) => show(options, invocation))
  withExamples(command, [
    'mycelid keys show --config node.yaml',
    'mycelid keys show --config node.yaml --json',
  ])
}

function show(options: ConfigOptions, invocation: Invocation): void {
  const config = configOf(options, invocation)
  const keys = loadKeys(config)
  const expiryMs = certificateExpiryMs(keys.tls.certPem)
  const shown = {
    node: config.node.name,
    server_name: config.node.serverName,
    matrix_keys: keys.matrixKeys.map((key) => ({
      ...key,
      signs: key.key_id === keys.matrix.keyId,
    })),
    mesh_key: keys.meshVkey,
    cosigner_key: keys.cosignerVkey,
    tls: {
      pin: keys.tls.pin,
      expires: isoTime(expiryMs),
      days_left: Math.floor((expiryMs - invocation.clock.wallMs()) / dayMs),
    },
    site_secret_fingerprint: siteSecretFingerprint(keys.siteSecret),
  }
  if (options.json === true) {
    writeJson(invocation, shown)
    return
  }
  const matrixRows = shown.matrix_keys.map((key) => [
    `Matrix ${key.key_id}`,
    key.key,
    key.signs
      ? 'signs'
      : key.expired_at === null
        ? 'published'
        : `until ${isoTime(key.expired_at)}`,
  ])
  const { pin, days_left: daysLeft, expires } = shown.tls
  writeLine(
    invocation,
    formatTable(
      ['key', 'value', 'state'],
      [
        ...matrixRows,
        ['mesh', shown.mesh_key, 'signs checkpoints'],
        ['cosigner', shown.cosigner_key, 'cosigns'],
        ['TLS pin', pin, `${daysLeft} days left, to ${expires.slice(0, 10)}`],
        ['site secret', shown.site_secret_fingerprint, 'fingerprint; equal on siblings'],
      ],
    ),
  )
}
