#!/usr/bin/env node
// Three nodes of one mesh on this machine: real processes, real keys, real TLS between them, and beside them a mail
// catcher and a stand-in homeserver. Proves an address by a mailed link and binds it on the first node, finds it on the
// other two through the Matrix API, says what to try next, and runs until Ctrl-C.
import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCertificates } from './demo-homeserver/certificates.mjs'
import { openidToken, startDemoHomeserver } from './demo-homeserver/homeserver.mjs'
import { startMailCatcher } from './mail-catcher/catcher.mjs'
import { main } from './mesh/commands.mjs'
import {
  FolderError,
  initNodes,
  notePids,
  openFolder,
  pairNodes,
  writeConfigs,
} from './mesh/folder.mjs'
import { isReady } from './mesh/matrix-client.mjs'
import { sayNext, sayWhereAll } from './mesh/next.mjs'
import { NodeProcess } from './mesh/processes.mjs'
import { prove } from './mesh/proof.mjs'
import { bold, done, faint, green, pathFromHere, red, say, step, warn } from './mesh/story.mjs'
import { until } from './mesh/until.mjs'

const readyWait = { withinMs: 60_000, pollMs: 20 }
const homeserverHost = '127.0.0.1'
const provedUser = 'alice'

const help = `Usage: npm run mesh -- [options]

Makes three nodes in a folder, pairs them, starts them beside a mail catcher and a stand-in homeserver, and shows that
an address proved by a mailed link and bound on one node is found on all.

  --dir <folder>   where keys, databases and logs live (default .mesh); used again by the next run
  --fresh          empty that folder first
  --once           end after the proof instead of running until Ctrl-C
  --help           this text

Exit codes: 0 all went well (or Ctrl-C), 1 something failed, 2 wrong use.
`

class Stopped extends Error {}

/** The running parts, so that every way out can end them. */
const running = { processes: [], homeserver: null, catcher: null, isStopping: false }
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
  await Promise.all([running.homeserver?.stop(), running.catcher?.stop()])
  running.homeserver = null
  running.catcher = null
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

async function startBystanders({ homeserverPort, caFile, smtpPort, mailsPort }) {
  const { ca, cert, key } = await makeCertificates(homeserverHost)
  running.homeserver = await startDemoHomeserver({
    name: `${homeserverHost}:${homeserverPort}`,
    port: homeserverPort,
    listenHost: homeserverHost,
    cert,
    key,
  })
  writeFileSync(caFile, ca)
  running.catcher = await startMailCatcher({ smtpPort, httpPort: mailsPort })
}

async function prepare(folder) {
  await startBystanders(folder)
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
    () => 'mycelid mesh card, mesh pair',
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
          until(`${node.name} being ready`, readyWait, () => isReady(node)),
        ),
      ),
    ),
  )
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
  const { homeserver, catcher } = running
  const openid = openidToken(provedUser, homeserver.name)
  const mxid = `@${provedUser}:${homeserver.name}`
  await unlessDisturbed(() => prove(folder.nodes, { openid, mxid, catcher }))
  sayWhereAll(folder, running)
  if (once) return
  sayNext(folder, running)
  say(`\n${green('Running.')} Ctrl-C stops it all.`)
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
