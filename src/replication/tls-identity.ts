import { constants } from 'node:crypto'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { Peer } from '../domain/peer.ts'
import { certificateFacts, type CertificateFacts } from '../platform/certificate.ts'
import type { PeerAddress } from './transport.ts'

/**
 * How this node shows itself on the mesh and judges others (DESIGN 2.1). 'pinned': the peer's key is in the peer list.
 * 'pki': its certificate comes from the authorities in `caPem` (required) and bears its name in the SAN.
 */
export type MeshTls = {
  readonly keyPem: string
  readonly certPem: string
  readonly mode: 'pinned' | 'pki'
  readonly caPem?: string
}

/** What the other end of a connection showed. */
export type Presented = {
  /** null: no certificate, or one with a key that cannot be read. */
  readonly facts: CertificateFacts | null
  /** Whether the certificate comes from a configured authority; counts in pki mode alone. */
  readonly isChainTrusted: boolean
}

/** Throws when the files do not fit the mode: better at start than at every handshake. */
export function tlsOptions(tls: MeshTls): SecureContextOptions {
  if (tls.mode === 'pki' && tls.caPem === undefined) {
    // Without `ca` OpenSSL would trust every public authority: anyone with a domain would be a peer's equal.
    throw new Error('mesh.tls.mode pki expects the certificates of its own authorities, got none')
  }
  return {
    key: tls.keyPem,
    cert: tls.certPem,
    ...(tls.mode === 'pki' ? { ca: tls.caPem as string } : {}),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // A session resumed from a ticket shows no certificate (replication.md 3.11).
    // Guarded by "a resumed session is nobody" in test/real/mesh-tls.test.ts.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

/** A resumed session shows nothing, whatever OpenSSL remembers of it. */
export function presentedBy(socket: TLSSocket): Presented {
  if (socket.isSessionReused()) return { facts: null, isChainTrusted: false }
  return { facts: factsOf(socket), isChainTrusted: socket.authorized }
}

/**
 * The one peer a caller is, or why it is none, as a sentence for the operator at the other end.
 * To be asked for every request: peers come and go, certificates expire, connections stay.
 */
export function identifyCaller(
  presented: Presented,
  against: {
    readonly peers: readonly Peer[]
    readonly mode: MeshTls['mode']
    readonly nowMs: number
  },
): { readonly peer: Peer } | { readonly problem: string } {
  const { peers, mode, nowMs } = against
  const { facts } = presented
  if (facts === null) return { problem: 'expected a client certificate, got none' }
  const dates = datesProblem(facts, nowMs)
  if (dates !== null) return { problem: dates }
  if (mode === 'pki' && !presented.isChainTrusted) {
    return { problem: 'the certificate does not come from an authority this node trusts' }
  }
  const [peer, another] = peers.filter((candidate) => isShownBy(facts, candidate, mode))
  if (peer === undefined) {
    const shown =
      mode === 'pki' ? 'bears the name of no peer' : `bears a key of no peer: ${facts.pin}`
    return { problem: `the certificate ${shown}` }
  }
  if (another !== undefined) {
    return { problem: `the certificate stands for two peers, ${peer.name} and ${another.name}` }
  }
  return { peer }
}

/** Why whoever answered is not the peer that was called, as a sentence for our operator; null when it is. */
export function calleeProblem(
  presented: Presented,
  peer: PeerAddress,
  against: { readonly mode: MeshTls['mode']; readonly nowMs: number },
): string | null {
  const { facts } = presented
  if (facts === null) return 'it showed no certificate'
  if (against.mode === 'pki') {
    if (!presented.isChainTrusted) return 'its certificate does not come from a trusted authority'
    if (!facts.names(peer.name))
      return `its certificate does not bear the name ${peer.name} in its SAN`
  } else if (!peer.tlsPins.includes(facts.pin)) {
    return `its certificate is not the one peers.json pins: got ${facts.pin}`
  }
  const dates = datesProblem(facts, against.nowMs)
  return dates === null ? null : dates.replace('the', 'its')
}

function isShownBy(facts: CertificateFacts, peer: Peer, mode: MeshTls['mode']): boolean {
  return mode === 'pki' ? facts.names(peer.name) : peer.tlsPins.includes(facts.pin)
}

function datesProblem(facts: CertificateFacts, nowMs: number): string | null {
  if (nowMs < facts.validFromMs) return `the certificate is not valid before ${facts.validFrom}`
  if (nowMs >= facts.validToMs) return `the certificate expired on ${facts.validTo}`
  const isDated = nowMs >= facts.validFromMs && nowMs < facts.validToMs
  return isDated ? null : 'the certificate states no dates'
}

function factsOf(socket: TLSSocket): CertificateFacts | null {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  try {
    return certificateFacts(certificate)
  } catch {
    return null
  }
}
