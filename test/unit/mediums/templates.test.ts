import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { composeMail } from '../../../src/mediums/email/compose-mail.ts'
import { MediumSetupError, templateNames, type Templates } from '../../../src/mediums/medium.ts'
import { sampleVariables } from '../../../src/mediums/templates/template-variables.ts'
import { invite, sms, templatesOf, validation } from './sample-messages.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycelid-templates-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(path: string, source: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), source)
}

function load(more: { defaultBrand?: string; defaultLanguage?: string } = {}): Templates {
  return templatesOf({ folder, ...more })
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof MediumSetupError) return error.problems
    throw error
  }
  return []
}

const variables = { ...sampleVariables('invite.html'), link: 'https://x.example/' }
const anybody = { brand: null, languages: [] }
const page = (templates: Templates, brand: string | null, ...languages: string[]): string =>
  templates.render('validated.html', { brand, languages }, { server_name: 's', medium: 'email' })
    .text

describe('the templates that come with the product', () => {
  const languages = ['en', 'de', 'fr']

  test.each(templateNames)('%s renders in every language with what it names', (name) => {
    const texts = languages.map((language) => {
      const audience = { brand: null, languages: [language] }
      return templatesOf().render(name, audience, variables).text
    })
    for (const text of texts) {
      expect(text).not.toContain('{{')
      expect(text.length).toBeGreaterThan(50)
    }
    expect(new Set(texts).size).toBe(languages.length)
  })

  test.each(languages)(
    'in %s a mail names the server, the address and the whole link',
    (language) => {
      const deps = { templates: templatesOf(), serverName: 'id.example.org' }
      for (const message of [validation, invite]) {
        const { subject, text, html } = composeMail(deps, { ...message, languages: [language] })
        expect(subject.length).toBeGreaterThan(10)
        for (const part of [text, html?.replaceAll('&amp;', '&') ?? '']) {
          for (const named of ['id.example.org', message.address, message.link]) {
            expect(part).toContain(named)
          }
        }
        expect(html).toContain(`<html lang="${language}">`)
      }
    },
  )

  test.each(languages)('in %s an SMS fits one part of the GSM alphabet', (language) => {
    const audience = { brand: null, languages: [language] }
    const given = { ...sms, server_name: 'id.example.org' } as never
    const { text } = templatesOf().render('validation-sms.txt', audience, given)
    expect(text.startsWith('123456 ')).toBe(true)
    expect(text).toMatch(/^[A-Za-z0-9 .,?:;'()àäéèöüß-]+$/)
    expect(text.length).toBeLessThanOrEqual(160)
  })

  test('nothing in a mail or page is fetched from anywhere, and nothing runs', () => {
    for (const name of templateNames.filter((one) => one.endsWith('.html'))) {
      const { text } = templatesOf().render(name, anybody, variables)
      expect(text).not.toMatch(/<script|<img|<link|\bsrc=|url\(|@import|\bon[a-z]+=/i)
    }
  })
})

describe('the language', () => {
  test.each([
    [['de-AT', 'en'], 'de'],
    [['ja', 'fr;'], 'en'],
    [['ja', 'fr'], 'fr'],
    [[], 'en'],
    [['../../etc', 'FR'], 'fr'],
  ])('of %j is %s', (languages, expected) => {
    expect(page(templatesOf(), null, ...languages)).toContain(`<html lang="${expected}">`)
  })

  test('of people whose languages are not served is the one of the operator', () => {
    const templates = templatesOf({ defaultLanguage: 'de' })
    expect(page(templates, null, 'ja')).toContain('<html lang="de">')
    expect(page(templates, null)).toContain('<html lang="de">')
  })
})

describe("the operator's files", () => {
  test('count by brand and language, brand, language, plain, built-in', () => {
    const order = ['acme/fr', 'acme', 'fr', '.']
    for (const place of order) put(join(place, 'validated.html'), `of ${place}`)
    for (const place of order) {
      expect(page(load(), 'acme', 'fr')).toBe(`of ${place}`)
      rmSync(join(folder, place, 'validated.html'))
    }
    expect(page(load(), 'acme', 'fr')).toContain('confirmée')
  })

  test('of a brand in one language alone are found by everybody', () => {
    put('acme/en/validated.html', 'acme in English')
    put('validated.html', 'plain')
    expect(page(load(), 'acme', 'ja')).toBe('acme in English')
    expect(page(load(), 'acme')).toBe('acme in English')
  })

  test('of the default brand stand for brands nobody knows', () => {
    put('house/validated.html', 'house')
    put('acme/validated.html', 'acme')
    const templates = load({ defaultBrand: 'house' })
    for (const brand of [
      null,
      'nobody',
      '../acme',
      'acme/../acme',
      'constructor',
      '',
      '__proto__',
    ]) {
      expect(page(templates, brand)).toBe('house')
    }
    expect(page(templates, 'ACME')).toBe('acme')
  })

  test('are rendered byte for byte', () => {
    put('validated.html', 'exactly this\n')
    expect(page(load(), null)).toBe('exactly this\n')
  })

  test('name the subject in their first line, with the variables of the mail', () => {
    put('validation.txt', 'Subject: Hello {{ address }} <&>\n\n<<<{{ token }}>>>\n')
    const deps = { templates: load(), serverName: 's' }
    const { subject, text, html } = composeMail(deps, validation)
    expect({ subject, text }).toEqual({
      subject: 'Hello alice@example.org <&>',
      text: '<<<tok3n>>>\n',
    })
    expect(html).toContain('<html lang="en">')
  })

  test('without a subject take that of the HTML part, else the built-in one', () => {
    put('validation.txt', '<<<{{ token }}>>>')
    const subject = () => composeMail({ templates: load(), serverName: 's' }, validation).subject
    expect(subject()).toBe('Confirm your e-mail address for s')
    put('validation.html', 'Subject: From the & other part\r\n<p>{{ token }}')
    expect(subject()).toBe('From the & other part')
  })

  test('that are empty leave the HTML part out', () => {
    put('validation.html', '\n')
    expect(composeMail({ templates: load(), serverName: 's' }, validation).html).toBeNull()
  })

  test('escape in HTML unless they say otherwise, and never in text', () => {
    put('invite.html', '{{ room_name }}|{{ room_name | raw }}|{{ room_name | safe }}')
    put('invite.txt', '{{ room_name }} {{ room_name | urlencode }}')
    const message = { ...invite, roomName: `<b a="'">` }
    const { html, text } = composeMail({ templates: load(), serverName: 's' }, message)
    expect(html).toBe(`&lt;b a=&#34;&#39;&#34;&gt;|<b a="'">|<b a="'">`)
    expect(text).toBe(`<b a="'"> %3Cb%20a%3D%22'%22%3E`)
  })

  test('may use the frame of the built-in ones', () => {
    put('validated.html', "{% layout 'page-frame' %}{% block content %}mine{% endblock %}")
    expect(page(load(), null)).toMatch(/<main>\s*mine\s*<\/main>/)
  })

  test('see further members of an invite as extra, and only there', () => {
    put('invite.txt', '{{ extra["room_join_rules"] }} {{ extra.token }} {{ token }}')
    const extra = { room_join_rules: 'public', token: 'evil', 'a b': 'x', __proto__: 'y' }
    const deps = { templates: load(), serverName: 's' }
    expect(composeMail(deps, { ...invite, extra }).text).toBe('public evil inviteToken')
  })
})

describe('the start is refused, with file and line, for', () => {
  test.each([
    ['an open tag', 'a\n{% if token %}', 'line 2: tag {% if token %} not closed'],
    ['an unknown filter', 'a\nb\n{{ token | nope }}', 'line 3: undefined filter: nope'],
    ['an unknown variable', 'a\n\n{{ tokn }}', 'line 3: there is no variable "tokn" here'],
    [
      'a file from the disk',
      "{% include '/etc/passwd' %}",
      'line 1: there is no frame "/etc/passwd"',
    ],
    [
      'a way out of the folder',
      "x\n{% render '../secret' %}",
      'line 2: there is no frame "../secret"',
    ],
    [
      'an unknown variable within a frame',
      "{% layout 'mail-frame' %}\n{% block content %}\n{{ tokn }}{% endblock %}",
      'line 3: there is no variable "tokn" here',
    ],
    ['a loop without end', '{% for i in (1..1000000000) %}x{% endfor %}', 'line 1: memory'],
  ])('%s', (_name, source, expected) => {
    const name = source.includes('layout') ? 'validation.html' : 'validation.txt'
    put(`acme/de/${name}`, `Subject: x\n${source}`)
    const [problem, ...more] = problemsOf(load)
    expect(more).toEqual([])
    expect(problem).toContain(join(folder, 'acme/de', name))
    const line = Number(/line (\d+)/.exec(expected)?.[1]) + 1
    expect(problem).toContain(expected.replace(/line \d+/, `line ${line}`))
  })

  test('every broken file at once', () => {
    put('validated.html', '{{ address }}')
    put('invite.txt', '{% nonsense %}')
    put('invite.html', '{{ reason }}')
    expect(problemsOf(load)).toHaveLength(3)
  })

  test('a subject that is no template', () => {
    put('validation.txt', 'Subject: {{ tok\nx')
    expect(problemsOf(load).join()).toContain('line 1:')
  })

  test('a link out of the folder, while one inside it is followed', () => {
    put('..data/validated.html', 'mounted')
    symlinkSync(join('..data', 'validated.html'), join(folder, 'validated.html'))
    expect(page(load(), null)).toBe('mounted')
    symlinkSync('/etc/passwd', join(folder, 'invite.txt'))
    expect(problemsOf(load).join()).toContain('is a link out of the templates folder')
  })

  test('a folder that is not there', () => {
    rmSync(folder, { recursive: true })
    expect(problemsOf(load).join()).toContain('is no folder that can be read')
  })
})

test('files of other names are left alone', () => {
  put('README.md', '{{ broken')
  put('acme/fr/deeper/validated.html', '{{ broken')
  put('..data/invite.txt', '{{ broken')
  expect(problemsOf(load)).toEqual([])
})
