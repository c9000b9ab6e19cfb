import type { Command } from 'commander'
import { loadPeers } from '../config/peers.ts'
import type { Peer } from '../domain/peer.ts'
import { formatTable } from '../platform/terminal.ts'
import {
  remark,
  withConfig,
  withExamples,
  writeJson,
  writeLine,
  type ConfigOptions,
  type Invocation,
} from './command.ts'
import { configOf } from './node-config.ts'

export function define(command: Command, invocation: Invocation): void {
  withConfig(command)
    .description('List the peers of peers.json, and the rows that are skipped with the reason.')
    .action((options: ConfigOptions) => list(options, invocation))
  withExamples(command, [
    'mycelid mesh peers --config node.yaml',
    'mycelid mesh peers --config node.yaml --json',
  ])
}

function list(options: ConfigOptions, invocation: Invocation): void {
  const { mesh, node } = configOf(options, invocation)
  const arePinsNeeded = mesh.tls.mode === 'pinned'
  const { peers, problems, warnings } = loadPeers(mesh.peersFile, node.name, { arePinsNeeded })
  if (options.json === true) {
    writeJson(invocation, { file: mesh.peersFile, peers, problems, warnings })
    return
  }
  for (const { row, message } of problems) remark(invocation, `${row}: skipped: ${message}`)
  for (const { row, message } of warnings) remark(invocation, `${row}: ${message}`)
  if (peers.length === 0) {
    writeLine(invocation, `${mesh.peersFile} names no peers; add one with: mycelid mesh pair`)
    return
  }
  const rows = peers.map((peer) => [
    peer.name,
    roleOf(peer),
    peer.url ?? '(calls us)',
    ...pins(peer),
  ])
  writeLine(invocation, formatTable(['name', 'role', 'url', 'keys', 'tls pins'], rows))
}

function roleOf({ role }: Peer): string {
  if (role.type === 'sibling') return 'sibling'
  return `partner, reads ${role.audience}, rank ${role.rank}, believed for ${role.accept.join(' ')}`
}

function pins({ keys, tlsPins }: Peer): string[] {
  return [keys.map((key) => key.split('+')[1] ?? '').join(' '), String(tlsPins.length)]
}
