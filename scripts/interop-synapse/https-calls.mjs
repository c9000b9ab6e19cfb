// JSON over HTTPS, with certificates verified against the authority made for this run.
import { Agent, request } from 'undici'

const callTimeoutMs = 30_000

/** An answer other than 2xx. The message holds no token: answers of refusals bear none. */
export class CallRefused extends Error {
  constructor(method, url, { status, text, json }) {
    super(`${method} ${url.pathname} answered ${status}: ${text.slice(0, 200)}`)
    this.status = status
    this.json = json
  }
}

export class HttpsCalls {
  #agent

  constructor(caPem) {
    this.#agent = new Agent({ connect: { ca: caPem } })
  }

  /** Any answer: `{ status, text, json }`, `json` null when it is none. */
  async ask(method, url, { token, body, headers = {} } = {}) {
    const { statusCode, body: answer } = await request(url, {
      method,
      dispatcher: this.#agent,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(callTimeoutMs),
    })
    const text = await answer.text()
    return { status: statusCode, text, json: parseOrNull(text) }
  }

  /** The JSON of a 2xx answer; throws CallRefused for any other. */
  async call(method, url, options) {
    const answer = await this.ask(method, url, options)
    if (answer.status < 200 || answer.status > 299) {
      throw new CallRefused(method, new URL(url), answer)
    }
    return answer.json
  }

  close() {
    return this.#agent.destroy()
  }
}

function parseOrNull(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
