// Everything a run needs, on loopback: certificates, a mail catcher, a text message catcher, Mycelid, two Synapses.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { makeCertificates } from '../demo-homeserver/certificates.mjs'
import { startSmtp } from '../mail-catcher/smtp.mjs'
import { freePorts } from '../mesh/ports.mjs'
import { until } from '../mesh/until.mjs'
import { HttpsCalls } from './https-calls.mjs'
import {
  identityAt,
  prepareIdentityServer,
  spawnIdentityServer,
  untilIdentityServes,
} from './identity-server.mjs'
import { prepareSynapse, spawnSynapse, untilSynapseServes } from './synapse.mjs'

const host = '127.0.0.1'
const textBytesMax = 65_536
const conditionWait = { withinMs: 30_000, pollMs: 200 }

/** What Synapse tells the identity server to lead invited people to. */
const webClient = 'https://chat.example.org'

export class Site {
  #folder
  #interpreter
  #signal
  #programs = new Map()
  #catchers = []
  #calls = null
  #isStopped = false

  /** What scenes are played with; once started. */
  parts = null

  constructor({ folder, interpreter, signal }) {
    this.#folder = folder
    this.#interpreter = interpreter
    this.#signal = signal
  }

  async start() {
    const { certs, tls, ca } = await this.#makeCertificates()
    this.#calls = new HttpsCalls(certs.ca)
    const mails = []
    const texts = []
    const smtp = await startSmtp({ host, port: 0 }, (mail) => mails.push(mail))
    this.#catchers.push(smtp)
    const sms = await startTextCatcher((text) => texts.push(text))
    this.#catchers.push(sms)
    const [ours, mesh, admin, first, second] = await freePorts([0, 0, 0, 0, 0])
    const ports = { public: ours, mesh, admin, smtp: smtp.port, sms: sms.port }
    const dir = join(this.#folder, 'mycelid')
    const identity = await prepareIdentityServer({ dir, ports, tls, ca, webClient })
    const homes = []
    for (const port of [first, second]) homes.push(await this.#prepareHome({ port, tls, ca, ours }))
    await this.#startPrograms(identity, homes)
    this.parts = { calls: this.#calls, identity, homes, mails, texts, webClient }
  }

  /** Waits for a condition; gives up when the run is stopped. */
  until(what, isSo) {
    return until(what, conditionWait, () => {
      this.#signal.throwIfAborted()
      return isSo()
    })
  }

  async #makeCertificates() {
    const certs = await makeCertificates(host)
    const dir = join(this.#folder, 'tls')
    mkdirSync(dir, { mode: 0o700 })
    for (const [name, pem] of Object.entries(certs)) {
      writeFileSync(join(dir, `${name}.pem`), pem, { mode: 0o600 })
    }
    const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
    return { certs, tls, ca: join(dir, 'ca.pem') }
  }

  #prepareHome({ port, tls, ca, ours }) {
    return prepareSynapse({
      interpreter: this.#interpreter,
      dir: join(this.#folder, `synapse-${port}`),
      port,
      tls,
      ca,
      identity: identityAt(ours),
      web: { invite_client_location: webClient },
      signal: this.#signal,
    })
  }

  async #startPrograms(identity, homes) {
    await Promise.all([this.startIdentity(identity), ...homes.map((home) => this.startHome(home))])
  }

  async startIdentity(identity) {
    const program = this.#run(identity, spawnIdentityServer)
    await untilIdentityServes(identity, program, this.#calls)
  }

  async startHome(home) {
    const program = this.#run(home, spawnSynapse)
    await untilSynapseServes(home, program, this.#calls)
  }

  #run(server, spawn) {
    this.#signal.throwIfAborted()
    if (this.#isStopped) throw new Error('everything was stopped')
    const program = spawn(server)
    this.#programs.set(server, program)
    return program
  }

  /** Ends the program of one server; it can be started again. */
  async end(server) {
    await this.#programs.get(server).stop()
  }

  async stop() {
    this.#isStopped = true
    await Promise.all([...this.#programs.values()].map((program) => program.stop()))
    await Promise.all(this.#catchers.map((catcher) => catcher.stop()))
    await this.#calls?.close()
  }
}

/** The gateway Mycelid sends text messages by: takes note of `{ to, text }`. */
async function startTextCatcher(onText) {
  const server = createServer((request, response) => {
    void takeText(request).then(
      (text) => {
        onText(text)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      },
      () => response.writeHead(400).end(),
    )
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  return {
    port: server.address().port,
    stop() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

async function takeText(request) {
  let body = ''
  for await (const chunk of request) {
    body += chunk
    if (body.length > textBytesMax) throw new Error('too long for a text message')
  }
  const { to, text } = JSON.parse(body)
  if (typeof to !== 'string' || typeof text !== 'string') throw new Error('expected to and text')
  return { to, text }
}
