import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CatcherProcess } from '../real/catcher-process.ts'
import { until } from '../real/mesh-parties.ts'
import {
  hasNoChromium,
  keepPicture,
  launchChromium,
  screens,
  type Browser,
  type Page,
} from './chromium.ts'

/** What else is used here of a page. */
type Part = {
  click(): Promise<void>
  first(): Part
  count(): Promise<number>
  isVisible(): Promise<boolean>
  textContent(): Promise<string | null>
  evaluate<T>(script: (node: unknown) => T): Promise<T>
  waitFor(options?: object): Promise<void>
}
type Frame = { locator(selector: string, options?: object): Part }
type Tab = Page & {
  locator: Frame['locator']
  frameLocator(selector: string): Frame
  title(): Promise<string>
  on(event: 'dialog', run: (dialog: { dismiss(): Promise<void> }) => void): void
}

const catcher = new CatcherProcess()
let browser: Browser

beforeAll(async () => {
  await catcher.start(20)
  if (!hasNoChromium) browser = await launchChromium()
})

afterAll(async () => {
  if (!hasNoChromium) await browser.close()
  expect(await catcher.stop()).toEqual([0, null])
})

/** Runs in the browser. */
function colorOf(node: unknown): string {
  type Styled = { getComputedStyle(of: unknown): { color: string } }
  return (globalThis as unknown as Styled).getComputedStyle(node).color
}

async function openTab(options: object = {}): Promise<Tab> {
  const context = await browser.newContext(options)
  return (await context.newPage()) as Tab
}

function htmlPart(tab: Tab): Frame {
  return tab.frameLocator('iframe[title="HTML part"]')
}

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

describe.skipIf(hasNoChromium)('in chromium, the mail catcher', () => {
  test('shows a hostile mail, which runs, loads, sends and leads nowhere; a link opens in a new tab', async () => {
    const trap = await startTrap()
    const escapes = '</pre><script>document.title="pwned"</script>"\'><img src=x onerror=alert(1)>'
    const text = `${escapes} http://e.example/"onmouseover="alert(1) javascript:alert(1) ${escapes}`
    await catcher.send({
      to: 'victim@example.org',
      subject: escapes,
      text,
      html: hostile(trap.url),
      headers: { 'X-Hostile': escapes },
    })
    const { id } = await catcher.newest()
    const tab = await openTab()
    let dialogs = 0
    tab.on('dialog', (dialog) => {
      dialogs++
      void dialog.dismiss()
    })
    await tab.goto(`${catcher.url}/mails/${id}`)
    const mail = htmlPart(tab)
    const heading = mail.locator('h1')
    expect(await heading.textContent()).toBe('Hostile')
    expect(await heading.evaluate(colorOf)).toBe('rgb(1, 2, 3)')
    for (const part of ['#send', '#top', '#script']) await mail.locator(part).click()
    await tab.locator('label[for="show-text"]').click()
    await tab.locator('.part-text pre').waitFor({ state: 'visible' })
    expect(await tab.locator('.part-text a').count()).toBe(1)
    expect((await tab.locator('.part-text pre').textContent())?.trim()).toBe(text)
    expect(await tab.locator('h2').textContent()).toBe(escapes)
    expect(await tab.locator('body script, body img').count()).toBe(0)
    await tab.locator('label[for="show-html"]').click()
    await mail.locator('#link').click()
    await until('the link being followed', () => trap.asked.includes('/followed'), 15_000)
    expect(tab.url()).toBe(`${catcher.url}/mails/${id}`)
    expect(await tab.title()).toBe(escapes)
    expect(dialogs).toBe(0)
    trap.server.close()
    trap.server.closeAllConnections()
    expect(trap.asked).toEqual(['/followed'])
  })

  test.each([true, false])('shows a new mail by itself (scripts on: %s)', async (hasScripts) => {
    const tab = await openTab({ javaScriptEnabled: hasScripts })
    await tab.goto(catcher.url)
    const subject = `News ${String(hasScripts)}`
    await catcher.send({ to: 'reader@example.org', subject, text: 'x' })
    await tab.locator('nav .subject', { hasText: subject }).waitFor({ timeout: 15_000 })
    await tab.locator('nav li a').first().click()
    await tab.locator('h2', { hasText: subject }).waitFor()
  })

  test('does not take the mail that is read away when a new one comes', async () => {
    await catcher.send({ to: 'a@example.org', subject: 'Being read', text: 'x' })
    const { id } = await catcher.newest()
    const tab = await openTab()
    await tab.goto(`${catcher.url}/mails/${id}`)
    await catcher.send({ to: 'a@example.org', subject: 'Newer', text: 'x' })
    await tab.locator('nav .subject', { hasText: 'Newer' }).waitFor({ timeout: 15_000 })
    expect(await tab.locator('h2').textContent()).toBe('Being read')
  })

  test.each(screens)('fits the screen: $name', async ({ name, colorScheme, device }) => {
    await catcher.send({ to: 'a@example.org', subject: 'W'.repeat(300), text: 'y'.repeat(500) })
    await catcher.send({
      to: 'reader@example.org',
      subject: 'A subject of some words, as subjects are',
      text: 'One line.\nAnother, with a link: https://id.example.org/a?b=1\n',
    })
    const tab = await openTab({ ...device, colorScheme })
    const overflow = (): Promise<number> =>
      tab.evaluate('document.documentElement.scrollWidth - window.innerWidth')
    const isPhone = name.startsWith('phone')
    await tab.goto(catcher.url)
    expect(await tab.locator('article').isVisible()).toBe(!isPhone)
    expect(await overflow()).toBe(0)
    await keepPicture(tab, `catcher list ${name}`)
    await tab.locator('nav li a').first().click()
    await tab.locator('article').waitFor()
    await tab.locator('.part-text pre').waitFor({ state: 'visible' })
    expect(await tab.locator('nav').isVisible()).toBe(!isPhone)
    expect(await overflow()).toBe(0)
    await keepPicture(tab, `catcher mail ${name}`)
    if (!isPhone) return
    await tab.locator('.back').click()
    await tab.locator('nav').waitFor()
  })
})
