import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BrowserSite, host } from './browser-site.ts'
import { hasNoChromium, keepPicture, OpenScreens, screens, type Screen } from './chromium.ts'
import { expectReadable, inspect, type SeenPage } from './seen-page.ts'

/** Mails as a mail program shows them, and the description of the API as its page shows it. */
describe.skipIf(hasNoChromium)('in chromium, what people read', () => {
  const party = new BrowserSite()
  const open = new OpenScreens(() => party.browser)
  const [phone] = screens as [Screen]

  beforeAll(() => party.start())

  afterAll(async () => {
    expect(await party.end()).toEqual([])
  })

  async function show(html: string, screen: Screen, picture: string): Promise<SeenPage> {
    const { page, requested, complaints } = await open.visit(screen)
    await page.goto('about:blank')
    await page.setContent(html)
    await keepPicture(page, `${picture} ${screen.name}`)
    const seen = await inspect(page)
    expect(requested.filter((url) => url !== 'about:blank')).toEqual([])
    expect(complaints).toEqual([])
    expectReadable(seen, screen)
    return seen
  }

  test('the mail of a validation shows its address and link, and its button leads to the page', async () => {
    const { html, link } = await party.mailedLink('reader')
    for (const screen of screens) {
      const seen = await show(html, screen, 'mail validation')
      expect(seen.lang).toBe('en')
      expect(seen.title).toBe('Confirm your e-mail address')
      expect(seen.text).toContain('reader@people.example')
      expect(seen.text).toContain(link.href)
    }
    const { page } = await open.visit(phone)
    await page.click('a.button')
    await page.waitForURL(link.href)
    expect((await inspect(page)).title).toBe('Your e-mail address is confirmed')
  })

  test.each([
    ['de', 'de-CH,de;q=0.9,en;q=0.5', 'Bestätigen Sie Ihre E-Mail-Adresse'],
    ['fr', 'fr', 'Confirmez votre adresse e-mail'],
  ])('the mail is written in %s for who asked in it', async (language, accepted, title) => {
    const headers = { 'accept-language': accepted }
    const { html } = await party.mailedLink(`reader-${language}`, { headers })
    const seen = await show(html, phone, `mail validation ${language}`)
    expect([seen.lang, seen.title]).toEqual([language, title])
    expect(seen.text).toContain(title)
  })

  test.each([
    ['an ordinary room', { room_name: 'Tea & <b>cake</b>', sender_display_name: 'Alice Liddell' }],
    ['a space', { room_name: 'Wonderland', room_type: 'm.space', sender_display_name: 'Alice' }],
    ['a room of long words', { room_name: 'W'.repeat(200), sender_display_name: 'É'.repeat(200) }],
    ['a room without a name', {}],
  ])('the mail of an invitation shows who invites to %s', async (what, given) => {
    const address = party.site.mesh.address(`guest-${what.replaceAll(' ', '-')}`)
    const sender = party.site.homeserver.mxid('alice')
    const stored = await party.site.post(
      '/v2/store-invite',
      { medium: 'email', address, room_id: '!tea:hs.example', sender, ...given },
      party.alice,
    )
    expect(stored.status).toBe(200)
    const { html } = await party.mailTo(address)
    const shownOn = what === 'an ordinary room' ? screens : [phone]
    for (const screen of shownOn) {
      const seen = await show(html === false ? '' : html, screen, `mail invite ${what}`)
      expect(seen.text).toContain(sender)
      expect(seen.text).toContain(address)
      if (what === 'an ordinary room') expect(seen.text).toContain('Tea & <b>cake</b>')
      if (what === 'a space') expect(seen.text).toContain('the space Wonderland')
    }
    const { page } = await open.visit(phone)
    const hrefs = await page.evaluate<string[]>('[...document.links].map(({ href }) => href)')
    for (const href of hrefs) expect(href).toMatch(/^https:\/\/app\.element\.io\/#\/room\//)
  })

  test('the description of the API reads well, all of it opened', async () => {
    const address = `http://${host}/_matrix/identity/docs`
    for (const screen of screens) {
      const { page, requested, complaints } = await open.visit(screen)
      const reply = await page.goto(address)
      expect(reply?.status()).toBe(200)
      await keepPicture(page, `api closed ${screen.name}`)
      expectReadable(await inspect(page), screen)
      await page.click('summary')
      await page.evaluate(
        'document.querySelectorAll("details").forEach((each) => (each.open = true))',
      )
      const seen = await inspect(page)
      expectReadable(seen, screen)
      expect([seen.lang, seen.title]).toEqual(['en', 'Matrix Identity Service API'])
      expect(seen.text).toContain('/3pid/bind')
      expect(seen.text).toContain('M_TERMS_NOT_SIGNED')
      expect(requested).toEqual([address])
      expect(complaints).toEqual([])
      if (screen === phone) {
        await page.evaluate(
          'document.querySelectorAll("details").forEach((each, i) => (each.open = i < 9))',
        )
        await keepPicture(page, `api open ${screen.name}`)
      }
    }
  })
})
