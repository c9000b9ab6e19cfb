import { expect, test } from 'vitest'
import { codeOf } from '../../../src/domain/validation-session.ts'
import type { RefusalError } from '../../../src/domain/refusal.ts'
import { codeMessage } from '../../../src/features/validation/code-message.ts'
import { requestToken, type CodeErrand } from '../../../src/features/validation/request-code.ts'
import { SessionStore } from '../../../src/features/validation/session-store.ts'
import { findProven, submitToken } from '../../../src/features/validation/submit-code.ts'
import type { RecordChange } from '../../../src/storage/storage.ts'
import { MemoryRecords } from './memory-records.ts'

const siteSecret = Buffer.alloc(32, 1)
const threepid = { medium: 'email', address: 'a@example.org' } as const

class World {
  readonly records = new MemoryRecords()
  readonly terms = { sessionTtlMs: 1_000, validatedTtlMs: 2_000, attemptsMax: 10 }
  readonly sessions = new SessionStore({ siteSecret, records: this.records, terms: this.terms })
  readonly sent: CodeErrand[] = []
  nowMs = 1
  firstTry: Promise<'sent' | 'later' | 'refused'> | null = null
  #nonce = 0
  readonly #clock = { wallMs: () => this.nowMs, sleep: () => Promise.resolve() }

  ask(more: { clientSecret?: string; sendAttempt?: number } = {}): Promise<string> {
    const request = { clientSecret: 's', owner: null, sendAttempt: 1, nextLink: null, ...more }
    const voice = { languages: [], brand: null, isV1: false }
    return requestToken(
      {
        siteSecret,
        sessions: this.sessions,
        terms: this.terms,
        clock: this.#clock,
        random: { bytes: (count) => new Uint8Array(count).fill(++this.#nonce) },
        send: (errand, changes) => this.#send(errand, changes),
      },
      { threepid, ...request, ...voice },
    )
  }

  async #send(errand: CodeErrand, changes: readonly RecordChange[]) {
    if (!(await this.records.changeRecords(changes))) return null
    this.sent.push(errand)
    return { firstTry: this.firstTry }
  }

  async code(sid: string): Promise<string> {
    const kept = await this.sessions.find(sid)
    if (kept === null) throw new Error('no session')
    return codeOf(siteSecret, kept.session)
  }

  submit(sid: string, code: string, clientSecret = 's', medium: 'email' | 'msisdn' = 'email') {
    const deps = { siteSecret, sessions: this.sessions, terms: this.terms, clock: this.#clock }
    return submitToken(deps, { medium, sid, clientSecret, code })
  }

  proven(sid: string, clientSecret = 's') {
    const deps = { sessions: this.sessions, terms: this.terms, clock: this.#clock }
    return findProven(deps, sid, clientSecret)
  }

  message(errand: CodeErrand) {
    const publicBaseUrl = 'https://id.example.org'
    const { sessions, terms } = this
    return codeMessage(
      { siteSecret, sessions, terms, publicBaseUrl, clock: this.#clock },
      errand,
      'i',
    )
  }
}

async function refusalOf(work: Promise<unknown>): Promise<Pick<RefusalError, 'code' | 'message'>> {
  const { code, message } = await work.then(
    () => ({ code: 'none', message: '' }),
    (error: RefusalError) => error,
  )
  return { code, message } as Pick<RefusalError, 'code' | 'message'>
}

test('the code that was sent proves the address, from that moment for its time', async () => {
  const world = new World()
  const sid = await world.ask()
  expect((await refusalOf(world.proven(sid))).code).toBe('session-not-validated')
  world.nowMs = 500
  await world.submit(sid, await world.code(sid))
  expect(await world.proven(sid)).toEqual({ threepid, validatedAtMs: 500 })
  world.nowMs = 2_500
  expect((await refusalOf(world.proven(sid))).code).toBe('session-expired')
})

test('neither the code nor the secret stands in what is kept', async () => {
  const world = new World()
  const sid = await world.ask({ clientSecret: 'a-secret-of-the-client' })
  const kept = JSON.stringify([...world.records.rows.values()])
  expect(kept).not.toContain(await world.code(sid))
  expect(kept).not.toContain('a-secret-of-the-client')
})

test('a wrong secret looks like an unknown session', async () => {
  const world = new World()
  const sid = await world.ask()
  const code = await world.code(sid)
  const wrong = await refusalOf(world.submit(sid, code, 'other'))
  expect(await refusalOf(world.submit('unknown', code))).toEqual(wrong)
  expect(await refusalOf(world.proven(sid, 'other'))).toEqual(wrong)
  expect(wrong.code).toBe('session-unknown')
})

test('a code is not taken at the path of another medium', async () => {
  const world = new World()
  const sid = await world.ask()
  const refused = await refusalOf(world.submit(sid, await world.code(sid), 's', 'msisdn'))
  expect(refused.code).toBe('session-unknown')
})

test('guesses are counted however many arrive at once', async () => {
  const world = new World()
  const sid = await world.ask()
  const guesses = Array.from({ length: 200 }, (_, i) => refusalOf(world.submit(sid, `wrong${i}`)))
  const codes = (await Promise.all(guesses)).map(({ code }) => code)
  const judged = codes.filter((code) => code === 'code-incorrect').length
  expect(judged).toBeLessThanOrEqual(10)
  while ((await refusalOf(world.submit(sid, 'wrong'))).code === 'code-incorrect') continue
  expect((await refusalOf(world.submit(sid, await world.code(sid)))).code).toBe('session-expired')
})

test('a session changed by somebody else meanwhile is read again', async () => {
  const world = new World()
  const sid = await world.ask()
  const code = await world.code(sid)
  world.records.interfere = async () => void (await refusalOf(world.submit(sid, 'wrong')))
  await world.submit(sid, code)
  expect((await world.sessions.find(sid))?.session).toMatchObject({ failures: 1, validatedMs: 1 })
})

test('an address that is refused for good is told of, and the same attempt counts again', async () => {
  const world = new World()
  world.firstTry = Promise.resolve('refused')
  expect((await refusalOf(world.ask())).code).toBe('email-not-sent')
  world.firstTry = Promise.resolve('sent')
  await world.ask()
  await world.ask()
  expect(world.sent).toHaveLength(2)
})

test('a mail server that does not answer holds nobody up', async () => {
  const world = new World()
  world.firstTry = new Promise(() => {})
  expect(await world.ask()).toMatch(/^[\w-]{32}$/)
})

test('the message is made when it is sent: of a session that ended, none', async () => {
  const world = new World()
  const sid = await world.ask()
  const [errand] = world.sent
  if (errand === undefined) throw new Error('nothing was sent')
  const message = await world.message(errand)
  const link = new URL(message?.link ?? '')
  expect(Object.fromEntries(link.searchParams)).toEqual({
    sid,
    client_secret: 's',
    token: await world.code(sid),
  })
  // Whoever asks once more after following the link gets the mail that was asked for.
  await world.submit(sid, await world.code(sid))
  expect(await world.message(errand)).toMatchObject({ link: message?.link })
  world.nowMs = 2_001
  expect(await world.message(errand)).toBeNull()
})
