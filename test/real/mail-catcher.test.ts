import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { chromium, type Browser, type Page } from 'playwright-core'
import { request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from './mesh-parties.ts'

const program = join(import.meta.dirname, '../../scripts/mail-catcher/main.mjs')
const keep = 3
const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
)

type Caught = {
  readonly id: number
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string | null
  readonly html: string | null
  readonly links: readonly string[]
  readonly headers: readonly string[]
  readonly attachments: readonly object[]
}

let catcher: ChildProcess
let page = ''
let smtpPort = 0

beforeAll(async () => {
  catcher = spawn(
    process.execPath,
    [program, '--smtp-port', '0', '--http-port', '0', '--keep', String(keep)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let output = ''
  catcher.stdout?.on('data', (text: Buffer) => (output += text.toString()))
  await until('the catcher listening', () => output.includes('http://'), 15_000)
  const [, smtp, url] = /:(\d+), see (\S+)/.exec(output) ?? []
  smtpPort = Number(smtp)
  page = String(url)
})

afterAll(async () => {
  const ended = once(catcher, 'exit')
  catcher.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

async function send(mail: object): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port: smtpPort, ignoreTLS: true })
  try {
    await transport.sendMail({ from: 'Identity <no-reply@id.example.org>', ...mail })
  } finally {
    transport.close()
  }
}

async function mails(after = 0): Promise<Caught[]> {
  const { body } = await request(`${page}/mails.json?after=${after}`)
  return (await body.json()) as Caught[]
}

async function newest(): Promise<Caught> {
  const [mail] = await mails()
  if (mail === undefined) throw new Error('no mail was caught')
  return mail
}

test('a mail is shown as it was sent, and its recipients are those of the envelope', async () => {
  await send({
    to: 'Zoë <zoe@example.org>',
    bcc: 'hidden@example.org',
    subject: 'Grüße <b>',
    text: 'See https://id.example.org/a?b=1&c=2.\nAnd (http://other.example/x)!',
    html: '<p>Hello <b>Zoë</b></p>',
    attachments: [{ filename: 'a"b.txt', content: 'abc' }],
  })
  const mail = await newest()
  expect(mail).toMatchObject({
    to: ['zoe@example.org', 'hidden@example.org'],
    subject: 'Grüße <b>',
    html: '<p>Hello <b>Zoë</b></p>',
    links: ['https://id.example.org/a?b=1&c=2', 'http://other.example/x'],
    attachments: [{ name: 'a"b.txt', contentType: 'text/plain', size: 3 }],
  })
  expect(mail.from).toContain('no-reply@id.example.org')
  expect(mail.headers.join('\n')).toContain('MIME-Version: 1.0')
  const { body, headers } = await request(`${page}/mails/${mail.id}`)
  const html = await body.text()
  expect(html).toContain('Grüße &lt;b&gt;')
  expect(html).toContain('href="https://id.example.org/a?b=1&amp;c=2" target="_blank"')
  expect(html).toContain('a&quot;b.txt')
  expect(headers['content-security-policy']).toContain("default-src 'none'")
  expect(headers['referrer-policy']).toBe('no-referrer')
})

test('only the newest mails are kept, and a reader can ask for what is newer', async () => {
  const { id } = await newest()
  for (const subject of ['1', '2', '3', '4'])
    await send({ to: 'a@example.org', subject, text: 'x' })
  expect((await mails()).map(({ subject }) => subject)).toEqual(['4', '3', '2'])
  expect((await mails(id + 3)).map(({ subject }) => subject)).toEqual(['4'])
  const gone = await request(`${page}/mails/${id}`)
  expect(gone.statusCode).toBe(404)
  await gone.body.dump()
})

test('a mail beyond the size is refused, announced or not, and the next is taken', async () => {
  const big = { to: 'a@example.org', subject: 'big', text: 'x'.repeat(1_100_000) }
  await expect(send(big)).rejects.toMatchObject({ responseCode: 552 })
  await expect(send({ ...big, text: 'x'.repeat(3_000_000) })).rejects.toMatchObject({
    responseCode: 552,
  })
  await send({ to: 'a@example.org', subject: 'small', text: 'x' })
  expect((await newest()).subject).toBe('small')
})

test('it is asked by address only, so that no foreign page can read mails under a name of its own', async () => {
  const ask = async (host: string, path = '/mails.json'): Promise<number> => {
    const { statusCode, body, headers } = await request(page + path, { headers: { host } })
    await body.dump()
    expect(headers['access-control-allow-origin']).toBeUndefined()
    return statusCode
  }
  expect(await ask('rebound.example:8025')).toBe(421)
  expect(await ask('127.0.0.1.rebound.example')).toBe(421)
  expect(await ask('localhost:8025')).toBe(200)
  expect(await ask('[::1]:8025')).toBe(200)
  expect(await ask('127.0.0.1')).toBe(200)
  expect(await ask('127.0.0.1', '//')).toBe(404)
  expect(await ask('127.0.0.1', '/mails/1e3')).toBe(404)
  const { statusCode, body } = await request(page, { method: 'POST', body: 'x' })
  await body.dump()
  expect(statusCode).toBe(405)
})

test('wrong options are refused', async () => {
  const child = spawn(process.execPath, [program, '--keep', '0'], { stdio: 'ignore' })
  expect(await once(child, 'exit')).toEqual([2, null])
})

const hostile = (trap: string): string => `<!doctype html><html><head>
<base href="${trap}/base/">
<meta http-equiv="refresh" content="0;url=${trap}/refreshed">
<link rel="stylesheet" href="${trap}/style"><style>@import '${trap}/import';
body { background: url(${trap}/background) } h1 { color: rgb(1, 2, 3) }</style>
<script>parent.document.title = 'pwned'; fetch('${trap}/script')</script></head>
<body onload="fetch('${trap}/onload')"><h1>Hostile</h1>
<img src="${trap}/image" onerror="top.location='${trap}/onerror'">
<iframe src="${trap}/frame"></iframe><object data="${trap}/object"></object>
<form action="${trap}/form"><button id="send">send</button></form>
<a id="top" target="_top" href="${trap}/top">top</a>
<a id="script" href="javascript:fetch('${trap}/javascript')">script</a>
<a id="link" href="${trap}/followed">link</a>
</iframe>"><script>fetch('${trap}/broke-out')</script></body></html>`

/** Answers everything, and remembers what it was asked for. */
async function startTrap(): Promise<{ url: string; asked: string[]; server: Server }> {
  const asked: string[] = []
  const server = createServer(({ url }, response) => {
    if (url !== '/favicon.ico') asked.push(url ?? '')
    response.writeHead(200, { 'content-type': 'text/html', 'access-control-allow-origin': '*' })
    response.end('trapped')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server }
}

async function withBrowser(use: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await chromium.launch({
    executablePath: String(browserPath),
    args: ['--no-sandbox'],
  })
  try {
    await use(browser)
  } finally {
    await browser.close()
  }
}

async function pressAll(tab: Page): Promise<void> {
  const frame = tab.frameLocator('iframe[title="HTML part"]')
  for (const id of ['#send', '#top', '#script']) await frame.locator(id).click()
}

test.skipIf(browserPath === undefined)(
  'a hostile mail is shown, and runs, loads, sends and leads nowhere; a link opens in a new tab',
  async () => {
    const trap = await startTrap()
    const escapes = '</pre><script>document.title="pwned"</script>"\'><img src=x onerror=alert(1)>'
    await send({
      to: 'victim@example.org',
      subject: escapes,
      text: `${escapes} http://e.example/"onmouseover="alert(1) javascript:alert(1)`,
      html: hostile(trap.url),
      headers: { 'X-Hostile': escapes },
    })
    const { id } = await newest()
    await withBrowser(async (browser) => {
      const tab = await browser.newPage()
      let dialogs = 0
      tab.on('dialog', (dialog) => {
        dialogs++
        void dialog.dismiss()
      })
      await tab.goto(`${page}/mails/${id}`)
      const frame = tab.frameLocator('iframe[title="HTML part"]')
      const title = frame.locator('h1')
      expect(await title.textContent()).toBe('Hostile')
      expect(await title.evaluate((node) => getComputedStyle(node).color)).toBe('rgb(1, 2, 3)')
      await pressAll(tab)
      await tab.locator('label[for="show-text"]').click()
      await tab.locator('.part-text pre').waitFor({ state: 'visible' })
      expect(await tab.locator('.part-text a').count()).toBe(1)
      await tab.locator('label[for="show-html"]').click()
      const [opened] = await Promise.all([
        tab.context().waitForEvent('page', (other) => other.url().endsWith('/followed')),
        frame.locator('#link').click(),
      ])
      await opened.waitForLoadState()
      expect(tab.url()).toBe(`${page}/mails/${id}`)
      expect(await tab.title()).toBe(escapes)
      expect(dialogs).toBe(0)
    })
    trap.server.close()
    // The link to the whole window opens in a tab of its own too; a person pressed it.
    expect(trap.asked.filter((url) => url !== '/followed' && url !== '/top')).toEqual([])
    expect(trap.asked).toContain('/followed')
  },
)

test.skipIf(browserPath === undefined).each([
  ['with scripts', true],
  ['without scripts', false],
])('the list shows a new mail by itself, %s', async (_, javaScriptEnabled) => {
  await withBrowser(async (browser) => {
    const tab = await browser.newPage({ javaScriptEnabled })
    await tab.goto(page)
    const subject = `News ${String(javaScriptEnabled)}`
    await send({ to: 'reader@example.org', subject, text: 'x' })
    await tab.locator('nav .subject', { hasText: subject }).waitFor({ timeout: 15_000 })
    await tab.locator('nav li a').first().click()
    await tab.locator('h2', { hasText: subject }).waitFor()
  })
})

test.skipIf(browserPath === undefined)(
  'on a phone the list stands alone and leads to a mail and back, and nothing is cut off',
  async () => {
    await send({ to: 'a@example.org', subject: 'W'.repeat(300), text: 'y'.repeat(500) })
    await withBrowser(async (browser) => {
      const tab = await browser.newPage({ viewport: { width: 390, height: 844 } })
      const overflow = (): Promise<number> =>
        tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      await tab.goto(page)
      expect(await tab.locator('article').isVisible()).toBe(false)
      expect(await overflow()).toBe(0)
      await tab.locator('nav li a').first().click()
      await tab.locator('article').waitFor()
      expect(await tab.locator('nav').isVisible()).toBe(false)
      expect(await overflow()).toBe(0)
      await tab.getByText('All mails').click()
      await tab.locator('nav').waitFor()
    })
  },
)
