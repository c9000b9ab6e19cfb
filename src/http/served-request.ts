import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Network } from '../domain/network-address.ts'
import { readAcceptLanguage } from './accept-language.ts'
import { authorizationsOf } from './authorizations.ts'
import { clientAddress } from './client-address.ts'
import type { Caller, Endpoint, JsonObject, Served } from './endpoint.ts'

export type Exchange = {
  readonly endpoint: Endpoint
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly params: Readonly<Record<string, string>>
}

export const nothingSent: JsonObject = Object.freeze({})

type Read = {
  readonly query: unknown
  readonly body: unknown
  readonly bodyJson: JsonObject
  readonly caller: Caller | null
  readonly requestId: string
}

/** What `handle` sees. What few endpoints ask for is read off the headers when it is asked for. */
export class ServedRequest implements Served<'none' | 'token', unknown, unknown> {
  readonly params: Readonly<Record<string, string>>
  readonly query: unknown
  readonly body: unknown
  readonly bodyJson: JsonObject
  readonly requestId: string
  readonly #caller: Caller | null
  readonly #request: IncomingMessage
  readonly #trustedProxies: readonly Network[]

  constructor({ request, params }: Exchange, trustedProxies: readonly Network[], read: Read) {
    this.params = params
    this.query = read.query
    this.body = read.body
    this.bodyJson = read.bodyJson
    this.requestId = read.requestId
    this.#caller = read.caller
    this.#request = request
    this.#trustedProxies = trustedProxies
  }

  /** The pipeline has seen to it that there is one wherever an endpoint asks for a token. */
  get caller(): Caller {
    return this.#caller as Caller
  }

  get authorizations(): readonly string[] {
    return authorizationsOf(this.#request.rawHeaders)
  }

  get languages(): readonly string[] {
    return readAcceptLanguage(this.#request.headers['accept-language'])
  }

  get clientAddress(): string {
    return clientAddress(this.#request, this.#trustedProxies)
  }
}
