// What people do: binding what they have proved, asking for mails while the mail server hangs, sessions by the thousand.
import { createServer } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSiteSecret } from '../../dist/config/site-secret.js'
import { codeOf, requestCode, sessionId, submitCode } from '../../dist/domain/validation-session.js'
import { openStorage } from '../../dist/storage/index.js'
import { load } from './load.mjs'
import { lookupBody } from './lookups.mjs'
import { cpuSeconds, giveToken, makeNode, rssBytes, start, stop } from './nodes.mjs'

const clients = 64
const terms = { sessionTtlMs: 86_400_000, validatedTtlMs: 86_400_000, attemptsMax: 10 }

function post(path, token, body) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return [
    `POST /_matrix/identity${path} HTTP/1.1`,
    'Host: id.example.org',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    '',
    text,
  ].join('\r\n')
}

/** Sessions somebody has validated, put into the store of a node that is down. */
async function giveSessions(node, count) {
  const siteSecret = parseSiteSecret(readFileSync(join(node.folder, 'site.secret'), 'utf8'))
  const storage = await openStorage({ engine: 'sqlite', file: node.database, access: 'write' })
  const nowMs = Date.now()
  const made = []
  let records = []
  for (let i = 0; i < count; i++) {
    const threepid = { medium: 'email', address: `p${(i * 7919) % 1_000_003}.${i}@people.example` }
    const request = {
      threepid,
      clientSecret: `secret${i}`,
      sendAttempt: 1,
      nextLink: null,
      owner: null,
    }
    const sid = sessionId(siteSecret, request)
    const asked = requestCode({
      siteSecret,
      sid,
      stands: null,
      request,
      terms,
      nowMs,
      nonce: `n${i}`,
    })
    const code = codeOf(siteSecret, asked.session)
    const { session } = submitCode(siteSecret, { session: asked.session, code, terms, nowMs })
    made.push({ sid: session.sid, client_secret: request.clientSecret })
    const record = {
      kind: 'session',
      key: session.sid,
      subject: `email ${threepid.address}`,
      body: JSON.stringify(session),
      dueMs: null,
      expiresMs: nowMs + 172_800_000,
    }
    records.push({ type: 'put', record })
    if (records.length === 1_000 || i === count - 1) {
      await storage.commit({ logs: [], lookups: [], accounts: [], meta: {}, records: [records] })
      records = []
    }
  }
  await storage.close()
  return made
}

/** Binds per second of sessions already validated, each durable before it is answered; CPU milliseconds of each. */
export async function bindRate(dir, count = 20_000) {
  const node = await makeNode(dir, 'binds')
  const token = await giveToken(node)
  const sessions = await giveSessions(node, count)
  const served = await start(node)
  const mxid = '@bench:example.org'
  const request = (i) => post('/v2/3pid/bind', token, { ...sessions[i], mxid })
  const before = cpuSeconds(served.child.pid)
  const { perSecond } = await load({
    port: node.ports.public,
    request,
    connections: clients,
    count,
  })
  const cpuMs = ((cpuSeconds(served.child.pid) - before) / count) * 1_000
  await stop(served)
  return { perSecond, cpuMs }
}

/** A mail server that takes connections and says nothing. */
function stalledMailServer() {
  const sockets = new Set()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: server.address().port,
        stop: () => {
          for (const socket of sockets) socket.destroy()
          server.close()
        },
      }),
    )
  })
}

const emailOf = (port) => ({
  smtp: { host: '127.0.0.1', port, tls: 'none' },
  from: 'no-reply@id.example.org',
})

const mailRequest = (token, i) =>
  post('/v2/validate/email/requestToken', token, {
    email: `m${i}@people.example`,
    client_secret: `secret${i}`,
    send_attempt: 1,
  })

/**
 * Lookups per second while `mailsPerSecond` are asked for and the mail server hangs ÷ lookups per second without: the
 * median of alternating runs, for the machine has moods of its own.
 */
export async function lookupsWhileMailHangs(
  dir,
  { mailsPerSecond = 200, seconds = 2, runs = 7 } = {},
) {
  const mail = await stalledMailServer()
  const node = await makeNode(dir, 'mails', { email: emailOf(mail.port) })
  const token = await giveToken(node)
  const served = await start(node)
  const port = node.ports.public
  const request = post('/v2/lookup', token, lookupBody({ hashes: 1, known: 0 }))
  const lookups = (count) => load({ port, request, connections: 16, count })
  let asked = 0
  const mails = (count) => {
    const from = asked
    asked += count
    const each = (i) => mailRequest(token, from + i)
    return load({ port, request: each, connections: 32, count, perSecond: mailsPerSecond })
  }
  await mails(mailsPerSecond)
  const { perSecond: guess } = await lookups(40_000)
  const count = Math.round(guess * seconds)
  const found = []
  for (let run = 0; run < runs; run++) {
    const { perSecond: idle } = await lookups(count)
    const asking = mails(Math.round(mailsPerSecond * seconds))
    const { perSecond: busy } = await lookups(count)
    const { perSecond: answered } = await asking
    found.push({ idle, busy, ratio: busy / idle, answered })
  }
  await stop(served)
  mail.stop()
  return middleOf(found)
}

function middleOf(found) {
  return found.sort((a, b) => a.ratio - b.ratio)[Math.floor(found.length / 2)]
}

/** RSS after half of the sessions, when every cache is full, and after all of them. */
export async function sessionMemory(dir, count = 100_000) {
  const mail = await stalledMailServer()
  const node = await makeNode(dir, 'sessions', { email: emailOf(mail.port) })
  const token = await giveToken(node)
  const served = await start(node)
  const port = node.ports.public
  const ask = (from, to) =>
    load({
      port,
      request: (i) => mailRequest(token, from + i),
      connections: clients,
      count: to - from,
    })
  await ask(0, count / 2)
  const early = rssBytes(served.child.pid)
  const { perSecond } = await ask(count / 2, count)
  const late = rssBytes(served.child.pid)
  await stop(served)
  mail.stop()
  return { early, late, perSecond }
}
