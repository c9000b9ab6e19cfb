import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export type Received = {
  readonly from: string
  readonly to: readonly string[]
  readonly isEncrypted: boolean
  readonly user: string | null
  readonly helloName: string
  readonly mail: ParsedMail
}

type Verdict = { readonly at: 'rcpt' | 'data' | 'mail'; readonly code: number } | null

/** A mail server that keeps what it gets; `verdict` is what it says to the next ones. */
export class MailServer {
  readonly received: Received[] = []
  verdict: Verdict = null
  port = 0
  readonly #server: SMTPServer

  constructor(options: SMTPServerOptions = {}) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: options.key === undefined ? ['STARTTLS'] : [],
      disableReverseLookup: true,
      closeTimeout: 100,
      onMailFrom: (_address, _session, done) => done(this.#complaint('mail', 'sender')),
      onRcptTo: ({ address }, _session, done) => done(this.#complaint('rcpt', address)),
      onData: (stream, session, done) => {
        const { mailFrom, rcptTo } = session.envelope
        void simpleParser(stream).then((mail) => {
          const complaint = this.#complaint('data', rcptTo.map(({ address }) => address).join())
          if (complaint === null) {
            this.received.push({
              from: mailFrom === false ? '' : mailFrom.address,
              to: rcptTo.map(({ address }) => address),
              isEncrypted: session.secure,
              user: typeof session.user === 'string' ? session.user : null,
              helloName: session.hostNameAppearsAs,
              mail,
            })
          }
          // Outside the promise: what the library throws here is no fault of the parser's.
          setImmediate(() => done(complaint))
        })
      },
      ...options,
    })
    this.#server.on('error', () => {})
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve())
    })
    this.port = (this.#server.server.address() as AddressInfo).port
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  /** As servers word it: with the address in it. */
  #complaint(at: 'rcpt' | 'data' | 'mail', about: string): Error | null {
    if (this.verdict?.at !== at) return null
    return Object.assign(new Error(`<${about}> is not served`), { responseCode: this.verdict.code })
  }
}

/** A server that says of SMTP what a test lets it say; `answer` sees each line. */
export class RawServer {
  port = 0
  readonly lines: string[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor(greeting: string | null, answer: (line: string, socket: Socket) => string | null) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      if (greeting !== null) socket.write(greeting)
      socket.on('data', (bytes) => {
        for (const line of bytes.toString().split('\r\n').filter(Boolean)) {
          this.lines.push(line)
          const said = answer(line, socket)
          if (said !== null) socket.write(said)
        }
      })
    })
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
