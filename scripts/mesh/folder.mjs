// The folder three nodes live in: their ports, configuration, keys and pairing. It is used again by the next run.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mycelid } from './commands.mjs'
import { freePorts } from './ports.mjs'

const host = '127.0.0.1'
const names = ['paris', 'lyon', 'oslo']
const recordName = 'mesh.json'
/** Of the three nodes, then of the homeserver, of the mail server and of the page that shows mails. */
const defaultPorts = [8090, 8449, 8092, 8190, 8549, 8192, 8290, 8649, 8292, 8948, 1025, 8025]
/** Of no worth here: whoever can ask these nodes is on this machine. */
const defaultPepper = 'tryingitout'

export class FolderError extends Error {}

/** Reads what stands in the folder, or begins anew; refuses to touch a folder that is not a mesh's. */
export async function openFolder(dir, { fresh }) {
  const recordFile = join(dir, recordName)
  const isOurs = existsSync(recordFile)
  if (existsSync(dir) && !isOurs && readdirSync(dir).length > 0) {
    throw new FolderError(`${dir} is not empty and holds no mesh; choose another with --dir`)
  }
  if (fresh && isOurs) {
    refuseWhileRunning(dir, readRecord(recordFile))
    rmSync(dir, { recursive: true })
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const former = existsSync(recordFile) ? readRecord(recordFile) : null
  if (former !== null) refuseWhileRunning(dir, former)
  const wanted = defaultPorts.map((port, index) => former?.ports[index] ?? port)
  const ports = await freePorts(wanted)
  const hasMoved = former !== null && ports.some((port, index) => port !== wanted[index])
  const record = {
    ports,
    pids: [],
    by: process.pid,
    pepper: former?.pepper ?? defaultPepper,
    // Cards name the URL of the mesh listener.
    isPaired: former?.isPaired === true && !hasMoved,
  }
  writeRecord(dir, record)
  return {
    dir,
    record,
    isReused: former !== null,
    hasMoved,
    homeserverPort: ports[9],
    smtpPort: ports[10],
    mailsPort: ports[11],
    caFile: join(dir, 'homeserver-ca.pem'),
    nodes: names.map((name, index) =>
      describeNode(dir, name, ports.slice(index * 3, index * 3 + 3)),
    ),
  }
}

/** Notes whose processes run here, so that a second run in the same folder is refused rather than mixed up. */
export function notePids(folder, pids) {
  note(folder, { pids })
}

function note(folder, news) {
  folder.record = { ...folder.record, ...news }
  writeRecord(folder.dir, folder.record)
}

export function writeConfigs(folder) {
  for (const node of folder.nodes) {
    mkdirSync(node.dir, { recursive: true, mode: 0o700 })
    writeFileSync(node.configFile, configText(node, folder), { mode: 0o600 })
  }
}

/** Keys and databases for each; the first makes the site's secret, which the others find made. */
export async function initNodes(folder) {
  const [first, ...others] = folder.nodes
  await mycelid('init', '--config', first.configFile)
  await Promise.all(others.map((node) => mycelid('init', '--config', node.configFile)))
}

/** Each node admits the two others by the card they print. */
export async function pairNodes(folder) {
  const cards = new Map()
  await Promise.all(
    folder.nodes.map(async (node) => {
      cards.set(node.name, (await mycelid('mesh', 'card', '--config', node.configFile)).trim())
    }),
  )
  await Promise.all(
    folder.nodes.map(async (node) => {
      rmSync(node.peersFile, { force: true })
      for (const other of folder.nodes) {
        if (other === node) continue
        const card = cards.get(other.name)
        await mycelid('mesh', 'pair', '--config', node.configFile, card, '--sibling')
      }
    }),
  )
  note(folder, { isPaired: true })
}

function describeNode(dir, name, [publicPort, meshPort, adminPort]) {
  const home = join(dir, name)
  return {
    name,
    dir: home,
    configFile: join(home, 'node.yaml'),
    peersFile: join(home, 'peers.json'),
    logFile: join(home, 'node.log'),
    ports: { public: publicPort, mesh: meshPort, admin: adminPort },
    publicUrl: `http://${host}:${publicPort}`,
    meshUrl: `https://${host}:${meshPort}`,
    adminUrl: `http://${host}:${adminPort}`,
  }
}

function configText({ name, ports, meshUrl, publicUrl }, { smtpPort, record }) {
  return `# Written by scripts/mesh.mjs at every start.
node:
  name: ${name}.id.example.org
  data_dir: ./data
  server_name: id.example.org
  # Nodes behind one proxy share an address; here mailed links lead to the node that sent them.
  public_base_url: ${publicUrl}
listen:
  public: { host: ${host}, port: ${ports.public} }
  mesh: { host: ${host}, port: ${ports.mesh} }
  admin: { host: ${host}, port: ${ports.admin} }
mesh: { peers_file: ./peers.json, url: '${meshUrl}' }
site: { secret_file: ../site.secret }
homeservers: { ca_file: ../homeserver-ca.pem }
outbound: { allow_networks: [${host}/32] }
lookup: { pepper: ${record.pepper} }
email:
  smtp: { host: ${host}, port: ${smtpPort}, tls: none }
  from: Mycelid on this machine <no-reply@id.example.org>
# The proof at the start asks many times a second, until a binding has arrived.
rate_limits: { lookup: { burst: 100000, per_second: 1000 } }
`
}

function readRecord(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function writeRecord(dir, record) {
  writeFileSync(join(dir, recordName), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
}

function refuseWhileRunning(dir, { by, pids }) {
  const alive = [by, ...pids].filter((pid) => pid !== process.pid && runsHere(pid, dir))
  if (alive.length === 0) return
  throw new FolderError(
    `a mesh is running in ${dir} already (processes ${alive.join(', ')}); stop it, or choose another folder with --dir`,
  )
}

/** Whether a process lives and is one of a mesh: a number alone may have gone to a stranger since. */
function runsHere(pid, dir) {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return command.includes(dir) || command.includes('mesh.mjs')
  } catch {
    return true
  }
}
