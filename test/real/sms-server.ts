import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Asked = {
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** The HTTP API of a provider, both kinds; `status` 0 stays silent, -1 hangs up. */
export class SmsProvider {
  readonly asked: Asked[] = []
  readonly taken: string[] = []
  status = 201
  port = 0
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', (text: string) => (body += text))
      request.on('end', () => {
        this.asked.push({ url: request.url ?? '', headers: request.headers, body })
        if (this.status < 0) request.socket.destroy()
        if (this.status <= 0) return
        const to = recipientOf(body)
        if (this.status < 300) this.taken.push(to)
        response.writeHead(this.status, { 'content-type': 'application/json', location: '/other' })
        response.end(JSON.stringify({ sid: 'SM1', status: 'queued', to, message: `about ${to}` }))
      })
    })
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function recipientOf(body: string): string {
  if (!body.startsWith('{')) return new URLSearchParams(body).get('To') ?? ''
  return String((JSON.parse(body) as { to: unknown }).to)
}
