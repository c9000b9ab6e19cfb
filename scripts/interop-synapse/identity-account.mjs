// A person at the identity server, as their client speaks for them (Identity Service API).
import { createHash } from 'node:crypto'
import { linksIn } from '../mail-catcher/read-mail.mjs'
import { newClientSecret } from './matrix-user.mjs'

export class IdentityAccount {
  #calls
  #server
  #mails
  #texts
  #until
  #token

  /** `mails` and `texts` are what was caught so far, newest last. */
  constructor({ calls, server, mails, texts, until }) {
    this.#calls = calls
    this.#server = server
    this.#mails = mails
    this.#texts = texts
    this.#until = until
  }

  get idServer() {
    return this.#server.idServer
  }

  get idAccessToken() {
    return this.#token
  }

  /** What a client adds to what it asks of its homeserver. */
  get credentials() {
    return { id_server: this.idServer, id_access_token: this.#token }
  }

  async register(openid) {
    const url = this.#url('v2/account/register')
    const { token } = await this.#calls.call('POST', url, { body: openid })
    this.#token = token
  }

  ask(method, path, body) {
    return this.#calls.ask(method, this.#url(path), { token: this.#token, body })
  }

  post(path, body) {
    return this.#calls.call('POST', this.#url(path), { token: this.#token, body })
  }

  get(path) {
    return this.#calls.call('GET', this.#url(path), { token: this.#token })
  }

  /** Asks for a mail as web clients do, opens its link as a browser does, answers the session. */
  async proveEmail(address) {
    const clientSecret = newClientSecret()
    const body = { email: address, client_secret: clientSecret, send_attempt: '1' }
    const { sid } = await this.post('v2/validate/email/requestToken', body)
    const mail = await this.mailTo(address, 'submitToken')
    await this.#calls.call('GET', linkWith(mail, 'submitToken'))
    return { sid, client_secret: clientSecret }
  }

  async provePhone(country, number) {
    const clientSecret = newClientSecret()
    const { sid, msisdn } = await this.post('v2/validate/msisdn/requestToken', {
      country,
      phone_number: number,
      client_secret: clientSecret,
      send_attempt: 1,
    })
    const token = await this.codeTo(msisdn)
    const session = { sid, client_secret: clientSecret }
    await this.post('v2/validate/msisdn/submitToken', { ...session, token })
    return { session, msisdn }
  }

  /** The mail to an address whose text holds `word`, as soon as there is one; it counts as read then. */
  mailTo(address, word) {
    return this.#until(`a mail to ${address}`, () =>
      takeFrom(this.#mails, ({ to, text }) => to.includes(address) && text.includes(word)),
    )
  }

  /** The code in the text message to a number. */
  async codeTo(msisdn) {
    const { text } = await this.#until(`a text message to ${msisdn}`, () =>
      takeFrom(this.#texts, ({ to }) => to.endsWith(msisdn)),
    )
    const code = /\b[0-9]{4,10}\b/.exec(text)?.[0]
    if (code === undefined) throw new Error('the text message holds no code')
    return code
  }

  /** Whose an address is by hashed lookup, or null. */
  async lookup(medium, address) {
    const { lookup_pepper: pepper } = await this.get('v2/hash_details')
    const hash = createHash('sha256').update(`${address} ${medium} ${pepper}`).digest('base64url')
    const body = { addresses: [hash], algorithm: 'sha256', pepper }
    const { mappings } = await this.post('v2/lookup', body)
    return mappings[hash] ?? null
  }

  /** As a homeserver asks before it lets an invitation through: without a token, by the address in the room. */
  async isKeyValid({ public_key: key, key_validity_url: url }) {
    const asked = new URL(url)
    asked.searchParams.set('public_key', key)
    const { valid } = await this.#calls.call('GET', asked.href)
    return valid === true
  }

  /** As clients do with the `signurl` of an invitation: no token, no body. */
  sign(signUrl, mxid) {
    return this.#calls.call('POST', `${signUrl}&mxid=${encodeURIComponent(mxid)}`)
  }

  #url(path) {
    return `${this.#server.url}/_matrix/identity/${path}`
  }
}

/** The first web address in a mail's text that holds `word`. */
export function linkWith({ text }, word) {
  const found = linksIn(text).find(({ link }) => link.includes(word))
  if (found === undefined) throw new Error(`the mail holds no link with ${word}`)
  return found.link
}

function takeFrom(messages, isWanted) {
  const at = messages.findLastIndex(isWanted)
  return at < 0 ? null : messages.splice(at, 1)[0]
}
