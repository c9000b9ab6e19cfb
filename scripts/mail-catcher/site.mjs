// The side that shows mail: pages for people, /mails.json for scripts. Reads only; nothing can be changed here.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { isIP } from 'node:net'
import { renderPage } from './page.mjs'

const asset = (name) => readFileSync(new URL(name, import.meta.url))
const assets = new Map([
  ['/page.css', ['text/css; charset=utf-8', asset('page.css')]],
  ['/page.js', ['text/javascript; charset=utf-8', asset('page.js')]],
])

/** Frames inherit it, so a mail may bring its own styles and pictures, and load nothing. */
function policy(nonce) {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    "style-src 'self' 'unsafe-inline'",
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

export async function startSite({ host, port }, mailbox) {
  const server = createServer((request, response) => {
    const { status, type, body, headers = {} } = answerTo(request, mailbox)
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      ...headers,
    })
    response.end(request.method === 'HEAD' ? '' : body)
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: server.address().port,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

function answerTo({ method, url, headers }, mailbox) {
  if (!isOwnName(headers.host ?? '')) return plain(421, 'ask by address, or as localhost\n')
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET is served\n')
  const asked = `http://localhost${url}`
  if (!url.startsWith('/') || !URL.canParse(asked)) return plain(400, 'expected a path\n')
  const { pathname, searchParams } = new URL(asked)
  if (assets.has(pathname)) {
    const [type, body] = assets.get(pathname)
    return { status: 200, type, body }
  }
  if (pathname === '/mails.json') {
    const after = Number(searchParams.get('after') ?? 0)
    return {
      status: 200,
      type: 'application/json',
      body: JSON.stringify(mailbox.list(Number.isFinite(after) ? after : 0)),
    }
  }
  if (pathname === '/') return page(mailbox, { isStart: true, opened: mailbox.list()[0] ?? null })
  const id = /^\/mails\/([1-9][0-9]{0,14})$/.exec(pathname)?.[1]
  if (id === undefined) return plain(404, 'there are / and /mails.json\n')
  return page(mailbox, { isStart: false, opened: mailbox.find(Number(id)) })
}

function page(mailbox, { isStart, opened }) {
  const nonce = randomBytes(16).toString('base64')
  return {
    status: isStart || opened !== null ? 200 : 404,
    type: 'text/html; charset=utf-8',
    body: renderPage({ mails: mailbox.list(), opened, isStart, nonce }),
    headers: { 'content-security-policy': policy(nonce) },
  }
}

/** A page elsewhere could name a host of its own that resolves to this machine, and read mails as its own. */
function isOwnName(host) {
  const name = host.replace(/:[0-9]*$/, '').replace(/^\[(.*)\]$/, '$1')
  return isIP(name) !== 0 || name === 'localhost'
}

function plain(status, body) {
  return { status, type: 'text/plain; charset=utf-8', body }
}
