#!/usr/bin/env node
// Three nodes of one mesh on this machine: real processes, real keys, real TLS between them. Binds an address on the
// first, finds it on the other two through the Matrix API, says what to try next, and runs until Ctrl-C.
import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { main } from './mesh/commands.mjs'
import {
  FolderError,
  initNodes,
  notePids,
  openFolder,
  pairNodes,
  writeConfigs,
} from './mesh/folder.mjs'
import { startHomeserver } from './mesh/homeserver.mjs'
import * as client from './mesh/matrix-client.mjs'
import { NodeProcess } from './mesh/processes.mjs'
import { sayNext } from './mesh/next.mjs'
import {
  bold,
  done,
  faint,
  green,
  pathFromHere,
  red,
  say,
  step,
  table,
  warn,
} from './mesh/story.mjs'
import { until } from './mesh/until.mjs'

const readyWait = { withinMs: 60_000, pollMs: 20 }
const foundWait = { withinMs: 30_000, pollMs: 2 }

const help = `Usage: npm run mesh -- [options]

Makes three nodes in a folder, pairs them, starts them, and shows that a binding made on one is found on all.

  --dir <folder>   where keys, databases and logs live (default .mesh); used again by the next run
  --fresh          empty that folder first
  --once           end after the proof instead of running until Ctrl-C
  --help           this text

Exit codes: 0 all went well (or Ctrl-C), 1 something failed, 2 wrong use.
`

class Stopped extends Error {}

/** The running parts, so that every way out can end them. */
const running = { processes: [], homeserver: null, isStopping: false }
const interruption = new AbortController()

function listen() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (interruption.signal.aborted) {
        for (const child of running.processes) child.kill()
        process.exit(1)
      }
      interruption.abort()
    })
  }
  // Whoever read our output went away, as a pager does.
  process.stdout.on('error', () => interruption.abort())
  // The last resort: whatever ends this process ends its children.
  process.on('exit', () => {
    for (const child of running.processes) child.kill()
  })
}

async function stopAll() {
  running.isStopping = true
  await Promise.all(running.processes.map((child) => child.stop()))
  await running.homeserver?.stop()
  running.homeserver = null
}

/** Waits for the work, but no longer than until Ctrl-C or the end of a node that should run. */
async function unlessDisturbed(work) {
  const stopped = new Promise((_, reject) => {
    const stop = () => reject(new Stopped())
    if (interruption.signal.aborted) stop()
    interruption.signal.addEventListener('abort', stop, { once: true })
  })
  const ends = running.processes.map(async (child) => {
    const how = await child.ended
    if (running.isStopping || interruption.signal.aborted) return stopped
    const lines = child.lastLines(8).map((line) => `\n    ${line}`)
    throw new Error(`${child.name} ended (${how}); the end of ${child.logFile}:${lines.join('')}`)
  })
  return Promise.race([work(), stopped, ...ends])
}

async function prepare(folder) {
  running.homeserver = await startHomeserver(folder.homeserverPort)
  writeFileSync(folder.caFile, running.homeserver.ca)
  writeConfigs(folder)
  await step(
    folder.isReused ? 'keys and databases found' : 'keys and databases made',
    () => initNodes(folder),
    () => 'mycelid init, three times',
  )
  if (folder.record.isPaired) return
  await step(
    'paired by their cards',
    () => pairNodes(folder),
    () => 'mycelid mesh card and pair: each admits the two others by key and TLS pin',
  )
}

async function start(folder) {
  running.processes = folder.nodes.map((node) => new NodeProcess(node))
  notePids(
    folder,
    running.processes.map((child) => child.pid),
  )
  await unlessDisturbed(() =>
    step('three nodes ready', () =>
      Promise.all(
        folder.nodes.map((node) =>
          until(`${node.name} being ready`, readyWait, () => client.isReady(node)),
        ),
      ),
    ),
  )
}

async function prove(folder) {
  const [paris] = folder.nodes
  const alice = `@alice:${running.homeserver.name}`
  const tokens = await step(
    'registered at each node',
    () =>
      Promise.all(
        folder.nodes.map((node) => client.register(node, running.homeserver.openidToken('alice'))),
      ),
    () => `as ${alice}, vouched for by a homeserver of one endpoint`,
  )
  folder.nodes.forEach((node, index) => (node.token = tokens[index]))
  await step(
    'strangers turned away',
    async () => {
      const refused = await Promise.all(folder.nodes.map((node) => client.refusesStrangers(node)))
      if (refused.includes(false))
        throw new Error('a mesh listener answered a caller without certificate')
    },
    () => 'mesh listeners demand a certificate they know',
  )
  const threepid = { medium: 'email', address: `alice.${Date.now().toString(36)}@example.org` }
  await step(
    `bound on ${paris.name}`,
    () => client.bind(paris, { ...threepid, mxid: alice }),
    () => `${threepid.address} → ${alice}, durable before the answer`,
  )
  const boundAt = performance.now()
  await Promise.all(folder.nodes.map((node) => findOn(node, threepid, { boundAt, alice })))
  await step(
    'signature checked by the others',
    () =>
      Promise.all(
        folder.nodes.map((node) =>
          until(`${node.name} showing the signed association`, foundWait, () =>
            client.signedAssociation(node, threepid),
          ),
        ),
      ),
    () => `each shows the association as ${paris.name} signed it`,
  )
  return threepid
}

async function findOn(node, threepid, { boundAt, alice }) {
  const { lookup_pepper: pepper } = await client.hashDetails(node, node.token)
  const found = await until(`finding the address on ${node.name}`, foundWait, () =>
    client.lookup(node, { token: node.token, pepper, threepid }),
  )
  if (found !== alice) throw new Error(`${node.name} answers ${found}, expected ${alice}`)
  done(
    `found on ${node.name}`,
    performance.now() - boundAt,
    'after the bind, by hashed Matrix lookup',
  )
}

function sayNodes(folder) {
  say()
  table([
    ['node', 'Matrix API', 'mesh (TLS)', 'admin', 'process', 'log'],
    ...folder.nodes.map((node, index) => [
      node.name,
      node.publicUrl,
      node.meshUrl,
      node.adminUrl,
      String(running.processes[index].pid),
      pathFromHere(node.logFile),
    ]),
  ])
}

async function run({ dir, fresh, once }) {
  const folder = await openFolder(dir, { fresh })
  say(bold('Mycelid: three nodes of one mesh on this machine'))
  say(
    faint(
      `  in ${pathFromHere(dir)}${folder.isReused ? ', used again (--fresh begins anew)' : ''}`,
    ),
  )
  if (folder.hasMoved) say(faint('  some of its ports are taken now; others were chosen'))
  say()
  await unlessDisturbed(() => prepare(folder))
  await start(folder)
  const threepid = await unlessDisturbed(() => prove(folder))
  sayNodes(folder)
  if (once) return
  sayNext(folder, threepid)
  say(`\n${green('Running.')} Ctrl-C stops all three.`)
  await unlessDisturbed(() => new Promise(() => {}))
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string', default: '.mesh' },
      fresh: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return { ...values, dir: resolve(values.dir) }
}

async function mainProgram() {
  let options
  try {
    options = readOptions()
  } catch (error) {
    warn(`${error.message}\n\n${help}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  if (!existsSync(main)) {
    warn('dist/ is missing; run `npm run build` first')
    return 1
  }
  listen()
  let status = 0
  try {
    await run(options)
  } catch (error) {
    if (!(error instanceof Stopped)) {
      status = error instanceof FolderError ? 2 : 1
      warn(`\n${red('✗')} ${error.message}`)
    } else say()
  }
  const began = performance.now()
  const count = running.processes.filter((child) => child.isRunning).length
  await stopAll()
  if (count > 0) done('stopped', performance.now() - began, `${count} nodes, each drained`)
  return status
}

process.exitCode = await mainProgram()
// A timer of a finished wait must not keep the process.
process.exit()
