import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Admission } from './listener-gate.ts'
import type { MeshExchange } from './mesh-exchange.ts'
import { presentedBy, type Presented } from './tls-identity.ts'

/** A connection to the mesh listener from its first packet to its last. */
export type MeshConnection = {
  readonly address: string
  readonly socket: Socket
  readonly admission: Admission
  /** null until the handshake has ended. */
  presented: Presented | null
  /** The peer its last request came from. */
  peerName: string | null
  readonly exchanges: Set<MeshExchange>
}

/** All connections of the listener. */
export class MeshConnections {
  readonly #open = new Map<string, MeshConnection>()
  readonly #bySocket = new WeakMap<Socket, MeshConnection>()

  opened(socket: Socket, admission: Admission): void {
    const address = socket.remoteAddress ?? ''
    const connection: MeshConnection = {
      address,
      socket,
      admission,
      presented: null,
      peerName: null,
      exchanges: new Set(),
    }
    const key = keyOf(socket)
    this.#open.set(key, connection)
    socket.once('close', () => {
      admission.connectionEnded()
      if (this.#open.get(key) === connection) this.#open.delete(key)
    })
  }

  /** The handshake ended: what the caller showed is read once, for it cannot change on a TLS 1.3 connection. */
  secured(socket: TLSSocket): void {
    const connection = this.#open.get(keyOf(socket))
    if (connection === undefined) return
    this.#bySocket.set(socket, connection)
    connection.presented = presentedBy(socket)
    connection.admission.handshakeEnded()
  }

  /** null for a socket whose handshake never ended. */
  of(socket: Socket): MeshConnection | null {
    return this.#bySocket.get(socket) ?? null
  }

  countOf(peerName: string): { connections: number; exchanges: number } {
    const count = { connections: 0, exchanges: 0 }
    for (const connection of this.#open.values()) {
      if (connection.peerName !== peerName) continue
      count.connections++
      count.exchanges += connection.exchanges.size
    }
    return count
  }

  cutWhere(isToBeCut: (connection: MeshConnection) => boolean): void {
    for (const connection of this.#open.values()) {
      if (isToBeCut(connection)) connection.socket.destroy()
    }
  }
}

/** A TLS socket and the TCP socket below it have the same two ends. */
function keyOf(socket: Socket): string {
  return `${socket.localAddress} ${socket.remoteAddress} ${socket.remotePort}`
}
