import { request } from 'undici'
import { formatLookupHash, lookupHash } from '../../src/domain/lookup-hash.ts'
import type { LogStatus, PeerStatus } from '../../src/log/writer-messages.ts'
import { deadlineMs, pepper, type TestNode } from './node-processes.ts'

/** What is asked of a running node: by clients, by homeserver modules, by its operator. */

export type NodeStatusView = {
  readonly isReady: boolean
  readonly waitingFor: readonly string[]
  readonly storageProblem: { readonly code: string } | null
  readonly refold: object | null
  readonly logs: readonly LogStatus[]
  readonly peers: readonly PeerStatus[]
}

export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly json: Readonly<Record<string, unknown>>
}

export async function call(
  port: number,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const reply = await request(`http://127.0.0.1:${port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await reply.body.text()
  const isJson = text.startsWith('{')
  return {
    status: reply.statusCode,
    headers: reply.headers,
    json: (isJson ? JSON.parse(text) : {}) as Record<string, unknown>,
  }
}

const internal = '/_matrix/identity/internal'

export function mxidOf(address: string): string {
  return `@${address.split('@')[0] ?? ''}:example.org`
}

export function bind(node: TestNode, address: string, mxid = mxidOf(address)): Promise<Reply> {
  return call(node.ports.admin, `${internal}/bind`, { body: { medium: 'email', address, mxid } })
}

export function unbind(node: TestNode, address: string, mxid = mxidOf(address)): Promise<Reply> {
  return call(node.ports.admin, `${internal}/unbind`, { body: { medium: 'email', address, mxid } })
}

/** The Matrix IDs a node answers for addresses, by the v1 lookup that needs no token. */
export async function find(
  node: TestNode,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (let at = 0; at < addresses.length; at += 2_000) {
    const threepids = addresses.slice(at, at + 2_000).map((address) => ['email', address])
    const path = '/_matrix/identity/api/v1/bulk_lookup'
    const { json } = await call(node.ports.public, path, { body: { threepids } })
    for (const [, address, mxid] of json['threepids'] as [string, string, string][])
      found.set(address, mxid)
  }
  return found
}

/** What a client of today does: hash, then v2 lookup with its token. */
export async function findByHash(
  node: TestNode,
  token: string,
  address: string,
): Promise<string | null> {
  const hash = formatLookupHash(lookupHash({ medium: 'email', address }, pepper))
  const { json } = await call(node.ports.public, '/_matrix/identity/v2/lookup', {
    headers: { authorization: `Bearer ${token}` },
    body: { addresses: [hash], algorithm: 'sha256', pepper },
  })
  return (json['mappings'] as Record<string, string> | undefined)?.[hash] ?? null
}

export async function statusOf(node: TestNode): Promise<NodeStatusView> {
  return (await call(node.ports.admin, '/status')).json as unknown as NodeStatusView
}

export async function health(node: TestNode): Promise<{ status: number; reasons: string }> {
  const { status, json } = await call(node.ports.admin, '/health/ready')
  return { status, reasons: ((json['reasons'] as string[] | undefined) ?? []).join('; ') }
}

/** Waits until a question to the real world is answered with yes. */
export async function eventually(what: string, asks: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + deadlineMs
  let failure: unknown = null
  for (;;) {
    try {
      if (await asks()) return
      failure = null
    } catch (error) {
      failure = error
    }
    if (Date.now() > endMs)
      throw new Error(`expected within ${deadlineMs} ms: ${what}`, { cause: failure })
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Waits until a node answers all of them as bound. */
export function eventuallyFinds(node: TestNode, addresses: readonly string[]): Promise<void> {
  return eventually(`${node.name} finding ${addresses.length} addresses`, async () => {
    const found = await find(node, addresses)
    return addresses.every((address) => found.get(address) === mxidOf(address))
  })
}
