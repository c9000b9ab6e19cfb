import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CatcherProcess, program } from './catcher-process.ts'

const catcher = new CatcherProcess()

beforeAll(() => catcher.start(3))

afterAll(async () => {
  expect(await catcher.stop()).toEqual([0, null])
})

test('a mail is shown as it was sent, and its recipients are those of the envelope', async () => {
  await catcher.send({
    to: 'Zoë <zoe@example.org>',
    bcc: 'hidden@example.org',
    subject: 'Grüße <b>',
    text: 'See https://id.example.org/a?b=1&c=2.\nAnd (http://other.example/x)!',
    html: '<p>Hello <b>Zoë</b></p>',
    attachments: [{ filename: 'a"b.txt', content: 'abc' }],
  })
  const mail = await catcher.newest()
  expect(mail).toMatchObject({
    to: ['zoe@example.org', 'hidden@example.org'],
    subject: 'Grüße <b>',
    html: '<p>Hello <b>Zoë</b></p>',
    links: ['https://id.example.org/a?b=1&c=2', 'http://other.example/x'],
    attachments: [{ name: 'a"b.txt', contentType: 'text/plain', size: 3 }],
  })
  expect(mail.from).toContain('no-reply@id.example.org')
  expect(mail.headers.join('\n')).toContain('MIME-Version: 1.0')
  const { body, headers } = await request(`${catcher.url}/mails/${mail.id}`)
  const html = await body.text()
  expect(html).toContain('Grüße &lt;b&gt;')
  expect(html).toContain('href="https://id.example.org/a?b=1&amp;c=2" target="_blank"')
  expect(html).toContain('a&quot;b.txt')
  expect(headers['content-security-policy']).toContain("default-src 'none'")
  expect(headers['referrer-policy']).toBe('no-referrer')
})

test('only the newest mails are kept, and a reader can ask for what is newer', async () => {
  const { id } = await catcher.newest()
  for (const subject of ['1', '2', '3', '4'])
    await catcher.send({ to: 'a@example.org', subject, text: 'x' })
  expect((await catcher.mails()).map(({ subject }) => subject)).toEqual(['4', '3', '2'])
  expect((await catcher.mails(id + 3)).map(({ subject }) => subject)).toEqual(['4'])
  const gone = await request(`${catcher.url}/mails/${id}`)
  expect(gone.statusCode).toBe(404)
  await gone.body.dump()
})

test('a mail beyond the size is refused, announced or not, and the next is taken', async () => {
  const text = 'x'.repeat(1_100_000)
  const refused = { responseCode: 552 }
  await expect(catcher.send({ to: 'a@example.org', subject: 'big', text })).rejects.toMatchObject(
    refused,
  )
  const envelope = { from: 'a@example.org', to: 'b@example.org' }
  const raw = Readable.from(['Subject: unannounced\r\n\r\n', `${text}\r\n`.repeat(3)])
  await expect(catcher.send({ envelope, raw })).rejects.toMatchObject(refused)
  await catcher.send({ to: 'a@example.org', subject: 'small', text: 'x' })
  expect((await catcher.newest()).subject).toBe('small')
})

test('it is asked by address only, so that no foreign page can read mails under a name of its own', async () => {
  const ask = async (host: string, path = '/mails.json'): Promise<number> => {
    const { statusCode, body, headers } = await request(catcher.url + path, { headers: { host } })
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
  const { statusCode, body } = await request(catcher.url, { method: 'POST', body: 'x' })
  await body.dump()
  expect(statusCode).toBe(405)
})

test('wrong options are refused', async () => {
  const child = spawn(process.execPath, [program, '--keep', '0'], { stdio: 'ignore' })
  expect(await once(child, 'exit')).toEqual([2, null])
})
