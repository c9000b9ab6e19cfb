import type { PairedRole } from '../config/peer-rows.ts'
import { isAudienceName } from '../domain/log-id.ts'
import { patternProblem } from '../domain/peer-rules.ts'
import type { ConfigOptions } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'

export type PairOptions = ConfigOptions & {
  readonly sibling?: true
  readonly partner?: string
  readonly rank?: number
  readonly accept?: readonly string[]
  readonly url?: string
  readonly secretFile?: string
  readonly force?: true
}

/** What the options make of the peer; options that contradict each other are wrong usage. */
export function pairedRole(options: PairOptions): PairedRole {
  const { sibling, partner, rank, accept, secretFile } = options
  if ((sibling === true) === (partner !== undefined)) {
    throw usage('say what it is: either --sibling or --partner <audience>')
  }
  if (partner === undefined) {
    if (rank !== undefined || accept !== undefined) {
      throw usage('--rank and --accept are for partners: a sibling is believed in everything')
    }
    return { type: 'sibling' }
  }
  if (secretFile !== undefined) throw usage('the site secret is for siblings, never for a partner')
  if (!isAudienceName(partner) || partner === 'site' || partner === 'live') {
    throw usage(`"${partner}" is no audience: lower-case letters, digits and -, not site or live`)
  }
  if (rank === undefined) throw usage('give the partner a --rank, 1 or more')
  for (const pattern of accept ?? []) {
    const problem = patternProblem(pattern)
    if (problem !== null) throw usage(`--accept "${pattern}": ${problem}`)
  }
  return { type: 'partner', audience: partner, rank, accept: accept ?? [] }
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage)
}
