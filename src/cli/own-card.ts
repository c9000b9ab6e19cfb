import type { Config } from '../config/config.ts'
import type { NodeKeys } from '../config/key-files.ts'
import { meshUrlProblem, type Card } from '../domain/card.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'

/** The card of this node; `url` overrides the configured one, `-` leaves it out. */
export function ownCard(
  config: Pick<Config, 'node' | 'mesh'>,
  { meshVkey, tls }: Pick<NodeKeys, 'meshVkey' | 'tls'>,
  url?: string,
): Card {
  return {
    name: config.node.name,
    url: url === undefined ? config.mesh.url : checkedUrl(url),
    vkey: meshVkey,
    pin: tls.pin,
  }
}

/** A URL from the command line; null for `-`. */
export function checkedUrl(url: string): string | null {
  if (url === '-') return null
  const problem = meshUrlProblem(url)
  if (problem !== null) throw new CommandError(`--url: ${problem}`, exitCodes.usage)
  return url
}
