import { promises as dns } from 'node:dns'

export type SrvRecord = {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** Names to addresses, as a port: tests answer what they like. Nothing found is an empty list. */
export interface NameResolver {
  /** IPv4 and IPv6 addresses as text, as the system sees them (its hosts file included). */
  addresses(host: string): Promise<readonly string[]>
  srv(name: string): Promise<readonly SrvRecord[]>
}

/** Rejects only when the name server gives no answer within the time. */
export function createNameResolver({ timeoutMs }: { timeoutMs: number }): NameResolver {
  const resolver = new dns.Resolver({ timeout: timeoutMs, tries: 1 })
  return {
    addresses: (host) =>
      orEmpty(async () => {
        const found = await dns.lookup(host, { all: true, verbatim: true })
        return found.map(({ address }) => address)
      }),
    srv: (name) => orEmpty(() => resolver.resolveSrv(name)),
  }
}

const nothingFound = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EAI_NONAME', 'EBADNAME'])

async function orEmpty<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await ask()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== undefined && nothingFound.has(code)) return []
    throw error
  }
}
