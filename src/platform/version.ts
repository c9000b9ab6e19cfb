import { fileURLToPath } from 'node:url'
import { readPublicFile } from './secret-file.ts'

/** The product's version, as package.json beside the built files has it. */
export function productVersion(): string {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url))
  const { version } = JSON.parse(readPublicFile(file).toString('utf8')) as { version: string }
  return version
}
