import { existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Debian's chromium through playwright-core. The types of that package want those of a browser, which would hide
 * mistakes everywhere else; so what is used of it stands here.
 */

export type Page = {
  goto(url: string): Promise<Reply | null>
  setContent(html: string): Promise<void>
  evaluate<T>(script: string): Promise<T>
  evaluate<T, Given>(script: (given: Given) => Promise<T>, given: Given): Promise<T>
  click(selector: string): Promise<void>
  waitForURL(url: string | RegExp): Promise<void>
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>
  url(): string
  on(event: 'request', run: (request: { url(): string }) => void): void
  on(event: 'console', run: (message: { type(): string; text(): string }) => void): void
  on(event: 'pageerror', run: (error: Error) => void): void
  close(): Promise<void>
}

export type Reply = { status(): number; headers(): Record<string, string> }

/** Of the DevTools protocol, which alone shows preflights, and what the browser will not do for ever. */
export type DevTools = {
  send(method: string): Promise<unknown>
  on(
    event: 'Network.requestWillBeSent',
    run: (shown: { request: { method: string; url: string } }) => void,
  ): void
  on(event: 'Audits.issueAdded', run: (shown: { issue: { code: string } }) => void): void
}

export type Context = {
  newPage(): Promise<Page>
  newCDPSession(page: Page): Promise<DevTools>
  close(): Promise<void>
}

export type Browser = {
  newContext(options: object): Promise<Context>
  close(): Promise<void>
}

type PlaywrightCore = { readonly chromium: { launch(options: object): Promise<Browser> } }

const givenPath = process.env['MYCELID_CHROMIUM']

/**
 * Where MYCELID_CHROMIUM says, else where Debian puts it. Null where there is none: the tests that need it are skipped,
 * and CI lets no test be skipped.
 */
export const chromiumPath =
  (givenPath === undefined ? ['/usr/bin/chromium', '/usr/bin/chromium-browser'] : [givenPath]).find(
    existsSync,
  ) ?? null

export const hasNoChromium = chromiumPath === null

/** `hosts`: what names lead to, as `127.0.0.1:8090`; no other name leads anywhere. */
export function launchChromium(hosts: Readonly<Record<string, string>> = {}): Promise<Browser> {
  const { chromium } = createRequire(import.meta.url)('playwright-core') as PlaywrightCore
  const rules = Object.entries(hosts).map(([name, place]) => `MAP ${name} ${place}`)
  rules.push('MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1')
  return chromium.launch({
    executablePath: chromiumPath ?? '',
    // Containers run as root, and there its sandbox does not start.
    args: ['--no-sandbox', `--host-resolver-rules=${rules.join(', ')}`],
  })
}

export type Screen = {
  readonly name: string
  readonly colorScheme: 'light' | 'dark'
  readonly device: object
}

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const desktop = { viewport: { width: 1280, height: 800 } }

export const screens: readonly Screen[] = [
  { name: 'phone light', colorScheme: 'light', device: phone },
  { name: 'phone dark', colorScheme: 'dark', device: phone },
  { name: 'desktop light', colorScheme: 'light', device: desktop },
  { name: 'desktop dark', colorScheme: 'dark', device: desktop },
]

/** A page, what it asked for, and what the browser's console said of it. */
export type Visit = {
  readonly context: Context
  readonly page: Page
  readonly requested: string[]
  readonly complaints: string[]
  end(): Promise<void>
}

export async function beginVisit(
  browser: Browser,
  { device, colorScheme }: Screen = screens[0] as Screen,
  locale = 'en-GB',
): Promise<Visit> {
  const context = await browser.newContext({ ...device, colorScheme, locale })
  const page = await context.newPage()
  const requested: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => requested.push(request.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // That a page answers 400 is what some tests are about.
    if (/^Failed to load resource: .*status of 4/.test(message.text())) return
    complaints.push(`${message.type()}: ${message.text()}`)
  })
  return { context, page, requested, complaints, end: () => context.close() }
}

/** Screens that stay open from page to page: to open one takes longer than to show a page. */
export class OpenScreens {
  readonly #browser: () => Browser
  readonly #open = new Map<string, Promise<Visit>>()

  constructor(browser: () => Browser) {
    this.#browser = browser
  }

  /** With nothing asked for and no complaint yet. */
  async visit(screen: Screen, locale = 'en-GB'): Promise<Visit> {
    const key = `${screen.name} ${locale}`
    const opening = this.#open.get(key) ?? beginVisit(this.#browser(), screen, locale)
    this.#open.set(key, opening)
    const visit = await opening
    visit.requested.length = 0
    visit.complaints.length = 0
    return visit
  }
}

/** Pictures are for people to look at; they go to MYCELID_SCREENSHOTS or the system's folder for such. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  const folder = process.env['MYCELID_SCREENSHOTS'] ?? join(tmpdir(), 'mycelid-screenshots')
  mkdirSync(folder, { recursive: true })
  const file = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.png`
  await page.screenshot({ path: join(folder, file), fullPage: true })
}
