import type { Command } from 'commander'
import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { loadKeys, readSiteSecret, type NodeKeys } from '../config/key-files.ts'
import { siteSecretFingerprint } from '../config/site-secret.ts'
import { readPeers } from '../config/peers.ts'
import { withPeerRow, type PairChange } from '../config/peer-rows.ts'
import { formatCard, parseCard, type Card } from '../domain/card.ts'
import { cardInputBytesMax } from '../domain/limits.ts'
import { fileMode, readPublicFile, replaceFile } from '../platform/secret-file.ts'
import {
  collect,
  wholeNumber,
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type Invocation,
} from './command.ts'
import { askNodeIfRunning } from './control.ts'
import { exitCodes } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { configOf } from './node-config.ts'
import { checkedUrl, ownCard } from './own-card.ts'
import { pairedRole, type PairOptions } from './paired-role.ts'
import { changeSiteSecret, describeChange, type SiteSecretChange } from './site-secret-change.ts'

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description(
      'Admit a peer by its card. A sibling belongs to the same operator: it reads everything, and must share the site ' +
        'secret (--secret-file). A partner reads one audience and is believed only for what --accept names. ' +
        "Both sides pair, each with the other one's card.",
    )
    .argument(
      '<card...>',
      'the line `mycelid mesh card` printed there; - reads it from standard input',
    )
    .option('--sibling', 'the node belongs to this operator')
    .option(
      '--partner <audience>',
      'the node belongs to another operator and reads this audience of ours',
    )
    .option('--rank <number>', 'how much a partner counts: 1 before 2', wholeNumber(1, 1_000_000))
    .option('--accept <pattern>', 'what is believed from a partner; may be repeated', collect)
    .option('--url <url>', 'URL to reach it by, instead of the one of the card; - for none')
    .option('--secret-file <file>', "take over the sibling's site secret from this file (0600)")
    .option('--force', 'replace a row with another key or pin')
    .action((words: string[], options: PairOptions) => pair(words, options, invocation))
  withExamples(command, [
    'mycelid mesh pair --config lyon.yaml --sibling "$(ssh paris mycelid mesh card --config paris.yaml)"',
    "mycelid mesh pair --config lyon.yaml --sibling --secret-file ../paris/data/site.secret 'mycelid1 paris…'",
    "mycelid mesh pair --config paris.yaml --partner acme --rank 1 --accept 'email:*@acme.example' 'mycelid1 id.acme.example…'",
  ])
}

async function pair(words: string[], options: PairOptions, invocation: Invocation): Promise<void> {
  const role = pairedRole(options)
  const config = configOf(options, invocation)
  const keys = loadKeys(config)
  const card = await givenCard(words, options, invocation)
  refuseOwnCard(card, config, keys)
  const content = readPeersFile(config.mesh.peersFile)
  const paired = withPeerRow(content, { card, role, isForced: options.force === true })
  refuseSkippedRow(paired.content, card, config)
  // The secret first: it is refused while the node runs, and then nothing has been changed.
  const secret =
    options.secretFile === undefined
      ? null
      : await changeSiteSecret(
          config,
          readSiteSecret(resolve(invocation.terminal.folder, options.secretFile)),
        )
  if (paired.change !== 'unchanged') writePeersFile(config.mesh.peersFile, paired.content)
  const reloaded = await askNodeIfRunning(config, 'peers.reload', null)
  report({ card, role: role.type, change: paired.change, secret, config, keys }, options, {
    ...invocation,
    isRunning: reloaded !== null,
  })
}

async function givenCard(
  words: string[],
  { url }: PairOptions,
  { terminal }: Invocation,
): Promise<Card> {
  const text = words.join(' ')
  const card = parseCard(text === '-' ? await terminal.readInput(cardInputBytesMax) : text)
  return url === undefined ? card : { ...card, url: checkedUrl(url) }
}

function refuseOwnCard(card: Card, config: Config, keys: NodeKeys): void {
  if (card.vkey === keys.meshVkey) {
    throw new CommandError("this is the node's own card: pair with another one's", exitCodes.usage)
  }
  if (card.name === config.node.name) {
    throw new CommandError(
      `this card claims our own name, ${card.name}, with another key: names are unique in the mesh`,
      exitCodes.failed,
    )
  }
  if (card.pin === keys.tls.pin) {
    throw new CommandError(
      'this card has our own TLS pin: every node needs a TLS key of its own',
      exitCodes.failed,
    )
  }
}

/** What the node would skip is not written: the operator is here now, and not when it starts. */
function refuseSkippedRow(content: object, card: Card, config: Config): void {
  const { problems } = readPeers(JSON.stringify(content), {
    file: config.mesh.peersFile,
    ownName: config.node.name,
    arePinsNeeded: config.mesh.tls.mode === 'pinned',
  })
  const problem = problems.find(({ row }) => row.endsWith(`(${card.name})`))
  if (problem === undefined) return
  throw new CommandError(`${card.name} cannot be admitted: ${problem.message}`, exitCodes.failed)
}

function readPeersFile(file: string): unknown {
  if (fileMode(file) === null) return { peers: [] }
  try {
    return JSON.parse(readPublicFile(file).toString('utf8')) as unknown
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new CommandError(
      `${file} is no JSON; repair it before pairing: ${error.message}`,
      exitCodes.usage,
      { cause: error },
    )
  }
}

function writePeersFile(file: string, content: object): void {
  replaceFile(file, `${JSON.stringify(content, null, 2)}\n`, fileMode(file) ?? 0o600)
}

function report(
  done: {
    readonly card: Card
    readonly role: 'sibling' | 'partner'
    readonly change: PairChange
    readonly secret: SiteSecretChange | null
    readonly config: Config
    readonly keys: NodeKeys
  },
  options: PairOptions,
  invocation: Invocation & { readonly isRunning: boolean },
): void {
  const { card, role, change, secret, config, keys } = done
  const { isRunning } = invocation
  const fingerprint = secret?.fingerprint ?? siteSecretFingerprint(keys.siteSecret)
  if (options.json === true) {
    const file = config.mesh.peersFile
    const told = { name: card.name, role, change, file, reloaded: isRunning }
    writeJson(invocation, { ...told, secret, site_secret_fingerprint: fingerprint })
    return
  }
  const lines = [`${card.name} ${changeWords[change]} as ${role} in ${config.mesh.peersFile}`]
  if (secret !== null) lines.push(...describeChange(secret))
  lines.push(
    isRunning ? 'the running node has read it' : 'no node is running; it reads it when it starts',
  )
  if (role === 'sibling' && secret === null) {
    lines.push(
      `siblings share one site secret: \`mycelid keys show\` must say ${fingerprint} there as well;`,
      'if not, see: mycelid keys site-secret import --help',
    )
  }
  lines.push(
    'now pair it with this node, if it is not yet:',
    `  ${formatCard(ownCard(config, keys))}`,
  )
  writeLine(invocation, lines.join('\n'))
}

const changeWords: Readonly<Record<PairChange, string>> = {
  added: 'added',
  changed: 'changed',
  unchanged: 'was there already',
}
