import type { CommandModule } from './command.ts'

/** A command: the words that name it, one line of help, and where it is. */
export type CommandRow = {
  readonly words: readonly string[]
  readonly summary: string
  readonly load: () => Promise<CommandModule>
}

/** Groups of commands, by their words. */
export const groupSummaries: Readonly<Record<string, string>> = {
  config: 'check and show the configuration',
  keys: 'the keys of this node',
  'keys site-secret': 'the secret siblings share',
  mesh: 'peers of this node',
  log: 'the logs this node holds',
  '3pid': 'bindings of addresses and phone numbers',
  import: 'bring bindings from elsewhere',
}

export const commandRows: readonly CommandRow[] = [
  {
    words: ['init'],
    summary: 'make the data folder, keys and database of a node',
    load: () => import('./init.ts'),
  },
  {
    words: ['serve'],
    summary: 'run the node',
    load: () => import('./serve.ts'),
  },
  {
    words: ['config', 'check'],
    summary: 'say what is wrong with the configuration',
    load: () => import('./config-check.ts'),
  },
  {
    words: ['config', 'dump'],
    summary: 'print the effective configuration and where each value comes from',
    load: () => import('./config-dump.ts'),
  },
  {
    words: ['keys', 'show'],
    summary: 'print the public keys of this node',
    load: () => import('./keys-show.ts'),
  },
  {
    words: ['keys', 'site-secret', 'export'],
    summary: 'print the secret, to be carried to a sibling',
    load: () => import('./keys-site-secret-export.ts'),
  },
  {
    words: ['keys', 'site-secret', 'import'],
    summary: "take over a sibling's secret",
    load: () => import('./keys-site-secret-import.ts'),
  },
  {
    words: ['mesh', 'card'],
    summary: 'print the line peers need to know this node',
    load: () => import('./mesh-card.ts'),
  },
  {
    words: ['mesh', 'pair'],
    summary: 'admit a peer by its card',
    load: () => import('./mesh-pair.ts'),
  },
  {
    words: ['mesh', 'peers'],
    summary: 'list the peers of peers.json',
    load: () => import('./mesh-peers.ts'),
  },
  {
    words: ['mesh', 'status'],
    summary: 'how the running node stands in the mesh',
    load: () => import('./mesh-status.ts'),
  },
  {
    words: ['log', 'tail'],
    summary: 'print the newest lines of the logs',
    load: () => import('./log-tail.ts'),
  },
  {
    words: ['log', 'verify'],
    summary: 'recompute and check everything stored',
    load: () => import('./log-verify.ts'),
  },
  {
    words: ['log', 'export'],
    summary: 'write a log as a chunk that others can check',
    load: () => import('./log-export.ts'),
  },
  {
    words: ['log', 'prove'],
    summary: 'write a proof that a log holds one entry',
    load: () => import('./log-prove.ts'),
  },
  {
    words: ['log', 'check-proof'],
    summary: 'say what a proof proves, without any node',
    load: () => import('./log-check-proof.ts'),
  },
  {
    words: ['3pid', 'lookup'],
    summary: 'say what an address is bound to',
    load: () => import('./threepid-lookup.ts'),
  },
  {
    words: ['3pid', 'bind'],
    summary: 'bind an address to a Matrix ID',
    load: () => import('./threepid-bind.ts'),
  },
  {
    words: ['3pid', 'unbind'],
    summary: 'end a binding',
    load: () => import('./threepid-unbind.ts'),
  },
  {
    words: ['import', 'csv'],
    summary: 'bind every row of a CSV file',
    load: () => import('./import-csv.ts'),
  },
  {
    words: ['healthcheck'],
    summary: 'ask whether the node is ready',
    load: () => import('./healthcheck.ts'),
  },
]
