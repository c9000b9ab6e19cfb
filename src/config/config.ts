/**
 * Owns: the configuration as the rest of the product sees it: read once, complete, frozen; and the files it names.
 * Relies on: domain, platform.
 * Never: changes while the process runs, or holds a key or password longer than the member that bears its name.
 */
import type { LogLevel } from '../platform/logger.ts'
import type { FeatureConfig } from './feature-config.ts'

export type ListenConfig = { readonly host: string; readonly port: number }

/** File names are absolute, durations in milliseconds. */
export type Config = FeatureConfig & {
  readonly node: {
    readonly name: string
    readonly dataDir: string
    readonly serverName: string
    readonly publicBaseUrl: string
    /** `ed25519:<id>`, the key that signs now. */
    readonly keyId: string
    /** Further names (host, optional port, optional path) under which homeservers sign requests for us. */
    readonly aliases: readonly string[]
  }
  readonly listen: {
    readonly public: ListenConfig & {
      readonly tls: { readonly certFile: string; readonly keyFile: string } | null
    }
    readonly mesh: ListenConfig
    readonly admin: ListenConfig
  }
  /** IP addresses and networks (CIDR) whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly storage: { readonly engine: 'sqlite' }
  readonly mesh: {
    readonly peersFile: string
    /** Base URL peers reach this node's mesh listener by; null when none is known. */
    readonly url: string | null
    readonly tls:
      | { readonly mode: 'pinned' }
      | {
          readonly mode: 'pki'
          readonly certFile: string
          readonly keyFile: string
          readonly caFile: string
        }
    readonly skewMaxMs: number
    readonly gzip: boolean
    readonly recordFile: string | null
  }
  readonly homeservers: {
    /** Server names, `*.example.org` for all below a domain, `*` for all. */
    readonly allow: readonly string[]
    readonly verifyTls: boolean
    readonly caFile: string | null
  }
  readonly outbound: {
    /** IP addresses and networks (CIDR) excepted from the block list. */
    readonly allowNetworks: readonly string[]
  }
  readonly lookup: {
    /** Null: the one `init` made, which the store holds. */
    readonly pepper: string | null
    readonly algorithms: readonly ('sha256' | 'none')[]
    readonly addressesMax: number
  }
  /** API v1 as a whole, its lookups without a token, its bind for any Matrix ID; the latter two need the first. */
  readonly api: { readonly v1: boolean; readonly v1Lookup: boolean; readonly v1Bind: boolean }
  readonly admin: {
    readonly internalBind: boolean
    /** Bearer token the internal bind API asks for; null asks for none. */
    readonly token: string | null
  }
  readonly site: { readonly secretFile: string }
  readonly log: { readonly level: LogLevel }
}
