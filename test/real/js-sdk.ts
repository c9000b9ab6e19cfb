/**
 * matrix-js-sdk, a client as people have it. Its types want those of a browser, which would hide mistakes everywhere
 * else; so what is used of it stands here.
 */

type OpenIdToken = {
  readonly access_token: string
  readonly token_type: string
  readonly matrix_server_name: string
  readonly expires_in: number
}

type Policies = Record<string, Record<string, string | { name: string; url: string }>>

export type MatrixClient = {
  readonly http: {
    idServerRequest(
      method: 'GET' | 'POST',
      path: string,
      params: object | undefined,
      prefix: string,
      accessToken: string,
    ): Promise<Record<string, unknown>>
  }
  getOpenIdToken(): Promise<OpenIdToken>
  registerWithIdentityServer(
    openIdToken: OpenIdToken,
  ): Promise<{ access_token: string; token: string }>
  getIdentityAccount(token: string): Promise<{ user_id: string }>
  getTerms(serviceType: string, baseUrl: string): Promise<{ policies: Policies }>
  agreeToTerms(type: string, baseUrl: string, token: string, urls: string[]): Promise<object>
  generateClientSecret(): string
  requestEmailToken(
    email: string,
    clientSecret: string,
    sendAttempt: number,
    nextLink: string | undefined,
    token: string,
  ): Promise<{ sid: string }>
  requestMsisdnToken(
    country: string,
    phoneNumber: string,
    clientSecret: string,
    sendAttempt: number,
    nextLink: string | undefined,
    token: string,
  ): Promise<{ sid: string; msisdn: string; intl_fmt: string; success: boolean }>
  submitMsisdnToken(
    sid: string,
    clientSecret: string,
    code: string,
    token: string,
  ): Promise<{ success: boolean }>
  submitMsisdnTokenOtherUrl(
    url: string,
    sid: string,
    clientSecret: string,
    code: string,
  ): Promise<{ success: boolean }>
  bindThreePid(given: object): Promise<object>
  unbindThreePid(medium: string, address: string): Promise<{ id_server_unbind_result: string }>
  getIdentityHashDetails(token: string): Promise<{ algorithms: string[]; lookup_pepper: string }>
  identityHashedLookup(
    pairs: [address: string, medium: string][],
    token: string,
  ): Promise<{ address: string; mxid: string }[]>
  lookupThreePid(medium: string, address: string, token: string): Promise<{ mxid?: string }>
  bulkLookupThreePids(
    query: [medium: string, address: string][],
    token: string,
  ): Promise<{ threepids: [string, string, string][] }>
  inviteByEmail(roomId: string, address: string): Promise<object>
  joinRoom(roomId: string, options: { inviteSignUrl: string; syncRoom: false }): Promise<object>
  stopClient(): void
}

export type JsSdk = {
  createClient(options: {
    readonly baseUrl: string
    readonly idBaseUrl: string
    readonly accessToken: string
    readonly userId: string
    readonly identityServer: { getAccessToken(): Promise<string> }
    readonly logger: object
  }): MatrixClient
  readonly SERVICE_TYPES: { readonly IS: string }
  readonly IdentityPrefix: { readonly V2: string }
  readonly MatrixError: new () => Error
}

export async function loadJsSdk(): Promise<JsSdk> {
  // By a name the compiler does not follow.
  const name: string = 'matrix-js-sdk'
  return (await import(name)) as JsSdk
}

/** It logs every request, tokens in its queries among them. */
export const silent = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  getChild: (): object => silent,
}
