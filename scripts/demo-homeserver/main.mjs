#!/usr/bin/env node
// The stand-in homeserver as a program of its own, as docker-compose runs it: reachable by nobody but the nodes there.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCertificates } from './certificates.mjs'
import { startDemoHomeserver } from './homeserver.mjs'

const help = `Usage: node scripts/demo-homeserver/main.mjs --name <host> --dir <folder> [--port <port>]

A stand-in for a homeserver. It vouches for EVERYBODY: never let a node that matters trust it.

  --name <host>    its host name or address; with the port its Matrix server name
  --port <port>    default 8448
  --dir <folder>   where its certificate is kept; ca.pem in there is what nodes need as homeservers.ca_file
`

function readOptions() {
  const { values } = parseArgs({
    options: {
      name: { type: 'string' },
      port: { type: 'string', default: '8448' },
      dir: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return values
  if (values.name === undefined || values.dir === undefined) {
    throw new Error('--name and --dir are needed')
  }
  return values
}

/** Made once: nodes read the authority when they start, and must not have to start again with this program. */
async function certificatesIn(dir, host) {
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'homeserver.json')
  if (!existsSync(file)) {
    const made = await makeCertificates(host)
    writeFileSync(join(dir, 'ca.pem'), made.ca)
    writeFileSync(`${file}.new`, JSON.stringify(made), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  return JSON.parse(readFileSync(file, 'utf8'))
}

async function run() {
  let options
  try {
    options = readOptions()
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${help}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  const { name: host, port, dir } = options
  const stopped = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  const { cert, key } = await certificatesIn(dir, host)
  const homeserver = await startDemoHomeserver({
    name: `${host}:${port}`,
    port: Number(port),
    listenHost: isIP(host) === 0 ? '0.0.0.0' : host,
    cert,
    key,
  })
  process.stdout.write(`vouching for everybody as ${homeserver.name}\n`)
  await stopped
  await homeserver.stop()
  return 0
}

process.exitCode = await run()
