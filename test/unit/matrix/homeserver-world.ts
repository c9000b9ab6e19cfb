import { toBase64Unpadded } from '../../../src/domain/base64.ts'
import { publicKeyFromSeed, sign } from '../../../src/domain/ed25519.ts'
import { canonicalJson, signJson } from '../../../src/domain/matrix-json.ts'
import { HttpFault, type HttpCall, type HttpReply } from '../../../src/platform/http-client.ts'

export const hourMs = 3_600_000

/** A key of a homeserver, made of one number. */
export type HomeserverKey = { readonly keyId: string; readonly seed: Uint8Array }

export function homeserverKey(keyId: string, number: number): HomeserverKey {
  return { keyId, seed: Buffer.alloc(32, number) }
}

export function publicText({ seed }: HomeserverKey): string {
  return toBase64Unpadded(publicKeyFromSeed(seed))
}

/** The answer of `/_matrix/key/v2/server`, signed by every key unless the tests want it otherwise. */
export function keyObject(given: {
  readonly serverName: string
  readonly keys: readonly HomeserverKey[]
  readonly validUntilMs: number
  readonly signers?: readonly HomeserverKey[]
  readonly more?: object
}): object {
  const { serverName, keys, validUntilMs, signers = keys, more = {} } = given
  const verifyKeys = keys.map((key) => [key.keyId, { key: publicText(key) }] as const)
  const object = {
    server_name: serverName,
    valid_until_ts: validUntilMs,
    verify_keys: Object.fromEntries(verifyKeys),
    old_verify_keys: {},
    ...more,
  }
  return signers.reduce(
    (signed, { keyId, seed }) => signJson(signed, serverName, keyId, seed),
    object,
  )
}

/** The X-Matrix header of a request whose signed members are given as they are. */
export function xMatrix(
  signed: { readonly origin: string } & Readonly<Record<string, unknown>>,
  { keyId, seed }: HomeserverKey,
  destination: string | null,
): string {
  const signature = toBase64Unpadded(sign(seed, Buffer.from(canonicalJson(signed))))
  const said = destination === null ? '' : `,destination="${destination}"`
  return `X-Matrix origin="${signed.origin}",key="${keyId}",sig="${signature}"${said}`
}

type Answer = { status: number; headers?: Record<string, string>; text?: string }

/** Homeservers that answer what the tests say, reached without any network. */
export class HomeserverWorld {
  readonly calls: HttpCall[] = []
  /** By method and path, the last one stays; a fault is thrown, and a promise lets a test hold an answer back. */
  readonly answers = new Map<string, (Answer | HttpFault)[]>()
  nowMs = 1_000_000
  gate: Promise<void> | null = null

  answer(route: string, ...answers: (Answer | HttpFault)[]): void {
    this.answers.set(route, answers)
  }

  async call(call: HttpCall): Promise<HttpReply> {
    this.calls.push(call)
    await this.gate
    const route = `${call.method} ${call.url.pathname}`
    const answers = this.answers.get(route) ?? []
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 404 }
    if (answer instanceof HttpFault) throw answer
    const { status, headers = {}, text = '' } = answer
    return { status, headers: new Map(Object.entries(headers)), body: Buffer.from(text) }
  }

  deps() {
    return {
      http: { call: (call: HttpCall) => this.call(call) },
      wellKnown: { read: async () => null },
      resolver: { srv: async () => [] },
      random: { fraction: () => 0 },
      clock: {
        wallMs: () => this.nowMs,
        monoMs: () => this.nowMs,
        setTimer: () => ({ cancel: () => {} }),
      },
      logger: { debug: () => {} },
      mayConnect: (address: string) => address !== '127.0.0.1',
    }
  }
}
