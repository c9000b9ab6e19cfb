import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPlain } from '../real/homeserver-fixture.ts'
import { BrowserSite, host } from './browser-site.ts'
import {
  beginVisit,
  hasNoChromium,
  keepPicture,
  OpenScreens,
  screens,
  type Screen,
} from './chromium.ts'
import { expectReadable, inspect, type SeenPage } from './seen-page.ts'

/** What people see who follow the link of a mail. */
describe.skipIf(hasNoChromium)('in chromium, the mailed link', () => {
  const party = new BrowserSite()
  const open = new OpenScreens(() => party.browser)
  const [phone, , , desktopDark] = screens as [Screen, Screen, Screen, Screen]
  let expired: Promise<URL>

  beforeAll(async () => {
    await party.start({ hasBriefNode: true })
    expired = party.expiredLink()
  })

  afterAll(async () => {
    expect(await party.end()).toEqual([])
  })

  /** Follows the link, and expects of the page what holds for all of them. */
  async function follow(
    link: URL,
    screen: Screen,
    { picture, locale = 'en-GB' }: { picture: string; locale?: string },
  ): Promise<{ status: number; seen: SeenPage }> {
    const { page, requested, complaints } = await open.visit(screen, locale)
    const reply = await page.goto(link.href)
    await keepPicture(page, `${picture} ${screen.name}`)
    const seen = await inspect(page)
    expect(requested).toEqual([link.href])
    expect(complaints).toEqual([])
    expectReadable(seen, screen)
    expect(seen.text).toContain(host)
    for (const secret of link.searchParams.values()) expect(seen.text).not.toContain(secret)
    expect(seen.lang).toBe(locale.slice(0, 2))
    return { status: reply?.status() ?? 0, seen }
  }

  test('confirms the address, on every screen, as often as it is opened', async () => {
    const { link, session } = await party.mailedLink('phone')
    expect(link.origin).toBe(`http://${host}`)
    for (const screen of screens) {
      const { status, seen } = await follow(link, screen, { picture: 'validated' })
      expect(status).toBe(200)
      expect(seen.title).toBe('Your e-mail address is confirmed')
      expect(seen.text).toContain('Your e-mail address is confirmed')
      expect(seen.text).toContain('You can close this page')
      expect(seen.targets).toEqual([])
    }
    const query = new URLSearchParams(session).toString()
    const validated = await party.site.get(`/v2/3pid/getValidated3pid?${query}`, party.alice)
    expect(validated.json['medium']).toBe('email')
  })

  test.each([
    ['a wrong code', 'token', 400, screens],
    ['a session nobody began', 'sid', 404, [phone]],
    ['the secret of another', 'client_secret', 404, [desktopDark]],
    ['nothing at all', 'all', 400, [phone]],
  ])('with %s says so', async (what, changed, status, shownOn) => {
    const { link } = await party.mailedLink(`wrong-${changed.replace('_', '-')}`)
    if (changed === 'all') link.search = ''
    else link.searchParams.set(changed, '123456')
    for (const screen of shownOn) {
      const followed = await follow(link, screen, { picture: `failed ${what}` })
      expect(followed.status).toBe(status)
      expect(followed.seen.title).toBe('This link does not work')
      expect(followed.seen.text).toContain('ask for a new message')
    }
  })

  test('that has expired says so', async () => {
    const link = await expired
    for (const screen of [phone, desktopDark]) {
      const { status, seen } = await follow(link, screen, { picture: 'failed expired' })
      expect(status).toBe(400)
      expect(seen.text).toContain('no longer valid')
      expect(seen.text).toContain('ask for a new message')
    }
  })

  test('is answered in the language of the browser', async () => {
    const { link } = await party.mailedLink('languages')
    const wrong = new URL(link)
    wrong.searchParams.set('token', '123456')
    const expectations = [
      ['de-AT', 'Ihre E-Mail-Adresse ist bestätigt', 'Dieser Link funktioniert nicht'],
      ['fr-FR', 'Votre adresse e-mail est confirmée', 'Ce lien ne fonctionne pas'],
    ] as const
    for (const [locale, title, failedTitle] of expectations) {
      const failed = await follow(wrong, phone, { picture: `failed ${locale}`, locale })
      expect(failed.seen.title).toBe(failedTitle)
      expect(failed.seen.text).toContain(failedTitle)
      const { seen } = await follow(link, phone, { picture: `validated ${locale}`, locale })
      expect(seen.title).toBe(title)
      expect(seen.text).toContain(title)
    }
  })

  test('leads on to where the client asked, and tells that place nothing', async () => {
    const arrived: { url: string; referer: string | undefined; cookie: string | undefined }[] = []
    const next = await startPlain(({ url = '', headers }, response) => {
      arrived.push({ url, referer: headers.referer, cookie: headers.cookie })
      response.end('<!doctype html><title>next</title>')
    })
    const nextLink = `http://127.0.0.1:${next.port}/app?a=1#back`
    const { link } = await party.mailedLink('onward', { nextLink })
    const mailbox = await startPlain((_, response) => {
      response.setHeader('Content-Type', 'text/html')
      // A mail program on the web that would tell everybody everything.
      response.setHeader('Referrer-Policy', 'unsafe-url')
      response.end(`<!doctype html><a href="${link.href.replaceAll('&', '&amp;')}">the link</a>`)
    })
    const visit = await beginVisit(party.browser)
    try {
      await visit.page.goto(`http://127.0.0.1:${mailbox.port}/mail/7`)
      await visit.page.click('a')
      await visit.page.waitForURL(nextLink)
      const here = arrived.filter(({ url }) => !url.endsWith('.ico'))
      expect(here).toEqual([{ url: '/app?a=1', referer: undefined, cookie: undefined }])
    } finally {
      await visit.end()
      await Promise.all([next.stop(), mailbox.stop()])
    }
  })

  test('that fails leads nowhere but to its page, whatever stands in it', async () => {
    const { link } = await party.mailedLink('astray', { nextLink: 'http://127.0.0.1:9/app' })
    link.searchParams.set('token', '<img src=x onerror=alert(1)>')
    link.searchParams.set('next_link', 'http://127.0.0.1:9/elsewhere')
    const { status } = await follow(link, phone, { picture: 'failed astray' })
    expect(status).toBe(400)
  })

  test('opens a page on which no script would run', async () => {
    const { link } = await party.mailedLink('scripts')
    const visit = await beginVisit(party.browser)
    try {
      await visit.page.goto(link.href)
      const hasRun = await visit.page.evaluate<boolean>(`(() => {
        const script = document.createElement('script')
        script.textContent = 'window.hasRun = true'
        document.body.append(script)
        return window.hasRun === true
      })()`)
      expect(hasRun).toBe(false)
      expect(visit.complaints.join()).toContain('Content Security Policy')
    } finally {
      await visit.end()
    }
  })
})
