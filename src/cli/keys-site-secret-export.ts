import type { Command } from 'commander'
import { dataFiles } from '../config/data-files.ts'
import { readSiteSecret } from '../config/key-files.ts'
import { formatSiteSecret, siteSecretFingerprint } from '../config/site-secret.ts'
import {
  remark,
  withConfig,
  withExamples,
  writeJson,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { configOf } from './node-config.ts'

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Print the site secret, to be piped into `keys site-secret import` on a sibling. ' +
        'Whoever holds it can make access tokens: never send it in clear, never give it to a partner.',
    )
    .action((options: ConfigOptions) => {
      const secret = readSiteSecret(dataFiles(configOf(options, invocation)).siteSecret)
      const line = formatSiteSecret(secret)
      const fingerprint = siteSecretFingerprint(secret)
      if (options.json === true) {
        writeJson(invocation, { secret: line.trim(), fingerprint })
        return
      }
      invocation.terminal.write(line)
      remark(invocation, `fingerprint ${fingerprint}; keep this line secret`)
    })
  withExamples(command, [
    'mycelid keys site-secret export --config paris.yaml | ssh lyon mycelid keys site-secret import --config lyon.yaml',
  ])
}
