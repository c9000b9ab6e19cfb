import { createTransport } from 'nodemailer'
import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser'
import { describe, expect, test } from 'vitest'
import { composeMail } from '../../../src/mediums/email/compose-mail.ts'
import { mailOptions } from '../../../src/mediums/email/mail-options.ts'
import { mailboxOf, parseSender } from '../../../src/mediums/email/mailbox.ts'
import type { InviteMessage, OutboundMessage } from '../../../src/mediums/medium.ts'
import { createPages } from '../../../src/mediums/pages/result-pages.ts'
import { invite, templatesOf, validation } from './sample-messages.ts'

const templates = templatesOf()
const deps = { templates, serverName: 'id.example.org' }

type Written = { readonly raw: string; readonly envelope: unknown; readonly parsed: ParsedMail }

/** The mail as it goes over the wire, and as a mail program reads it. */
async function write(message: OutboundMessage): Promise<Written> {
  const mailbox = mailboxOf(message.address)
  const sender = parseSender('Identity Ünit <no-reply@example.org>')
  if (mailbox === null || sender === null) throw new Error('no mailbox')
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  const messageId = `${message.id}@id.example.org`
  const mail = composeMail(deps, message)
  const { message: raw, envelope } = await transport.sendMail(
    mailOptions({ mail, sender, mailbox, messageId, sentAtMs: 1_790_000_000_000 }),
  )
  const bytes = raw as Buffer
  return { raw: bytes.toString('latin1'), envelope, parsed: await simpleParser(bytes) }
}

function headerNames(raw: string): string[] {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]/g, ' ')
  return head.split('\r\n').map((line) => line.slice(0, line.indexOf(':')))
}

const usualHeaders = [
  ...['Auto-Submitted', 'X-Auto-Response-Suppress', 'From', 'To', 'Subject', 'Message-ID', 'Date'],
  ...['MIME-Version', 'Content-Type'],
]

/** Every text of an invite that somebody else chose. */
const chosen = [
  ...['roomId', 'roomName', 'roomAlias', 'roomAvatarUrl', 'roomType', 'sender'],
  ...['senderDisplayName', 'senderAvatarUrl', 'token', 'ephemeralPrivateKey'],
] as const

function inviteWith(text: string): InviteMessage {
  const all = Object.fromEntries(chosen.map((name) => [name, text]))
  return { ...invite, ...all, extra: { room_join_rules: text } }
}

test('a mail names its origin and its recipient, and asks for no automatic answer', async () => {
  const { raw, envelope, parsed } = await write(validation)
  expect(headerNames(raw).sort()).toEqual([...usualHeaders].sort())
  expect(envelope).toEqual({ from: 'no-reply@example.org', to: ['alice@example.org'] })
  expect(parsed.messageId).toBe('<a1b2c3@id.example.org>')
  expect(parsed.date?.getTime()).toBe(1_790_000_000_000)
  expect(parsed.headers.get('auto-submitted')).toBe('auto-generated')
  expect(parsed.from?.value).toEqual([{ name: 'Identity Ünit', address: 'no-reply@example.org' }])
})

test('a subject beyond ASCII arrives as it was written', async () => {
  const name = 'Zoë 😀 Ж'.repeat(4)
  const { raw, parsed } = await write({ ...invite, senderDisplayName: name })
  expect(raw).toMatch(/^Subject: =\?UTF-8\?/m)
  expect(parsed.subject).toBe(`${name} has invited you to a conversation on Matrix`)
})

describe('header injection', () => {
  const breaks = ['\r\n', '\n', '\r', '\0', '\u2028', '\u2029', '\x85', '\x0b', '\r\n\r\n', '\r\n ']
  test.each(breaks.map((text) => [JSON.stringify(text), text]))('by %s', async (_shown, text) => {
    const plain = await write(inviteWith('x'))
    const { raw, envelope, parsed } = await write(inviteWith(`x${text}Bcc: eve@evil.example`))
    expect(headerNames(raw)).toEqual(headerNames(plain.raw))
    expect(envelope).toEqual(plain.envelope)
    expect((parsed.to as AddressObject).value).toEqual([{ name: '', address: 'alice@example.org' }])
    expect(parsed.cc).toBeUndefined()
    expect(parsed.bcc).toBeUndefined()
    expect(parsed.subject).not.toMatch(/\p{Cc}/u)
  })

  test('by the encoded words of a subject', async () => {
    const text = '=?utf-8?q?=0d=0aBcc=3a_eve=40evil.example?='
    const { raw, parsed } = await write(inviteWith(text))
    expect(headerNames(raw).sort()).toEqual([...usualHeaders].sort())
    expect(parsed.bcc).toBeUndefined()
  })
})

describe('one recipient', () => {
  test.each([
    ['a(comment)@example.org', '"a(comment)"@example.org'],
    ['a;b@example.org', '"a;b"@example.org'],
    ['a:b@example.org', '"a:b"@example.org'],
    ['group:a@example.org', '"group:a"@example.org'],
    ['"a"@example.org', '"a"@example.org'],
    ['a"b@example.org', '"a\\"b"@example.org'],
    ['a\\b@example.org', '"a\\\\b"@example.org'],
    ['[a]@example.org', '"[a]"@example.org'],
    ["o'neill+x@example.org", "o'neill+x@example.org"],
  ])('%s is one', async (address, expected) => {
    const { envelope, parsed } = await write({ ...validation, address })
    expect(envelope).toEqual({ from: 'no-reply@example.org', to: [expected] })
    expect((parsed.to as AddressObject).value).toHaveLength(1)
  })

  test('the domain goes out as A-labels', async () => {
    const { envelope } = await write({ ...validation, address: 'a@bücher.example' })
    expect(envelope).toMatchObject({ to: ['a@xn--bcher-kva.example'] })
  })

  test.each([
    ['a@2130706433', 'a number that URL rules take for an address'],
    ['a@0x7f.1', 'the same in hexadecimal'],
    ['a@127.0.0.1', 'an address'],
    ['a@[127.0.0.1]', 'an address literal'],
    ['a@[IPv6:::1]', 'the same of IPv6'],
    ['a@example.org:25', 'a port'],
    ['a@exa mple.org', 'a space'],
    ['a@example.org/x', 'a path'],
    ['a@', 'none'],
    ['@example.org', 'no local part'],
    ['a', 'no domain'],
    ['a@example..org', 'an empty label'],
    ['a@％41.example', 'a percent sign in full width'],
    [`${'a'.repeat(65)}@example.org`, 'a local part too long for SMTP'],
  ])('no mailbox: %s (%s)', (address) => {
    expect(mailboxOf(address)).toBeNull()
  })
})

test('guessed boundaries open no part, in any field', async () => {
  const plain = await write(inviteWith('x'))
  const boundary = /boundary="([^"]+)"/.exec(plain.raw)?.[1] ?? ''
  const again = await write(inviteWith('x'))
  expect(boundary).not.toBe('')
  expect(again.raw).not.toContain(boundary)
  const hostile = `--${boundary}\r\nContent-Type: text/html\r\n\r\n<b>evil</b>\r\n--${boundary}--`
  const { raw, parsed } = await write(inviteWith(hostile))
  const own = /boundary="([^"]+)"/.exec(raw)?.[1] ?? ''
  expect(raw.split(`\r\n--${own}\r\n`)).toHaveLength(3)
  expect(parsed.attachments).toEqual([])
  expect(parsed.html).not.toContain('<b>evil')
})

describe('markup and template code in what others chose', () => {
  const payloads = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    '{{ 7 | times: 7 }}{{7*7}}',
    '{% if true %}x{% endif %}',
    '%(token)s ${token} <%= token %>',
    '&lt;b&gt; &amp;',
  ]
  test.each(payloads)('%s', async (payload) => {
    const { parsed } = await write(inviteWith(payload))
    const html = String(parsed.html)
    const escaped = payload
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&#34;')
      .replaceAll("'", '&#39;')
    expect(html).toContain(`<strong>${escaped}</strong>`)
    expect(html).not.toContain('<script')
    expect(html).not.toContain('<img')
    expect(parsed.text).toContain(payload)
    expect(parsed.subject).toContain(payload)
    expect(`${html}${parsed.text}`).not.toMatch(/\b49\b/)
  })
})

test('further members of an invite stand in for nothing', () => {
  const names = ['token', 'ephemeral_private_key', 'to', 'from', 'link', 'subject_header_value']
  const extra = Object.fromEntries(
    [...names, 'web_client_location', 'server_name'].map((name) => [name, 'evil']),
  )
  expect(composeMail(deps, { ...invite, extra })).toEqual(composeMail(deps, invite))
})

describe('names that are advertisements', () => {
  test.each([
    'win at https://evil.example',
    'WWW.evil.example',
    'evil.example/win',
    'mailto:a@evil.example',
  ])('%s is not shown', (name) => {
    const { text, subject } = composeMail(deps, {
      ...invite,
      roomName: name,
      senderDisplayName: name,
    })
    expect(text).not.toContain(name)
    expect(subject).toBe('@bob:hs.example has invited you to a conversation on Matrix')
    expect(text).toContain('a room on Matrix')
  })

  test('are cut, between whole characters', () => {
    const { text } = composeMail(deps, { ...invite, senderDisplayName: '😀'.repeat(5_000) })
    expect(text).toContain(`${'😀'.repeat(79)}… (@bob`)
  })

  test('do not turn the text around', () => {
    const { text } = composeMail(deps, {
      ...invite,
      senderDisplayName: '\u202egro.live\u2066\u200b',
    })
    expect(text).toContain('gro.live (@bob')
  })

  test('that are broken text are mended', () => {
    const { text } = composeMail(deps, { ...invite, senderDisplayName: 'a\ud800b' })
    expect(text).toContain('a\ufffdb (@bob')
  })
})

test.each([
  'javascript:alert(1)',
  'data:text/html,x',
  'https://a b/',
  'https://a\n.example',
  ' https://a',
])('a link that is none is left out: %s', (link) => {
  const { html } = composeMail(deps, { ...invite, link, webClientLink: link })
  expect(html).toContain('href=""')
})

describe('the result pages', () => {
  const pages = createPages(deps)
  const base = { medium: 'email', brand: null, languages: [] } as const

  test('offer the next link, escaped', () => {
    const html = pages.validated({ ...base, nextLink: 'https://app.example/?a=1&b="><script>' })
    expect(html).toContain('href="https://app.example/?a=1&amp;b=&#34;&gt;&lt;script&gt;"')
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.example',
    '\thttps://evil.example',
    'https://a\r\nb',
    'https://',
  ])('offer no %j', (nextLink) => {
    expect(pages.validated({ ...base, nextLink })).toBe(
      pages.validated({ ...base, nextLink: null }),
    )
  })

  test('repeat nothing of the brand they were asked for', () => {
    const html = pages.validationFailed({ ...base, brand: '<script>', reason: 'incorrect' })
    expect(html).toBe(pages.validationFailed({ ...base, reason: 'incorrect' }))
  })
})

describe('the sender', () => {
  test.each([
    ['Identity <a@example.org>', { name: 'Identity', address: 'a@example.org' }],
    ['"Identity, Inc." <A@Example.org>', { name: 'Identity, Inc.', address: 'A@Example.org' }],
    ['a@example.org', { name: '', address: 'a@example.org' }],
  ])('%s', (text, expected) => expect(parseSender(text)).toEqual(expected))

  test.each([
    'a@example.org, b@example.org',
    'group: a@example.org;',
    'Identity',
    '',
    'a@example.org\nBcc: b@example.org',
    'x <a@b@example.org>',
    'x <a@[127.0.0.1]>',
  ])('is not %j', (text) => expect(parseSender(text)).toBeNull())
})
