import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { DRAIN_HANDSHAKE_MS, DRAIN_IDLE_MS, DRAIN_MS_MAX, DRAIN_TICK_MS } from '../limits.ts'
import type { Connection, DoorSide } from './connection.ts'
import { H1Connection } from './h1-connection.ts'
import { H2Connection } from './h2-connection.ts'
import { TlsFacts } from './tls-facts.ts'

/** Who connected, as the balancer or the socket tells. */
export interface Source {
  readonly address: string
  /** The port of the public door. */
  readonly port: number
  readonly uniqueId?: string
}

/**
 * The open connections of the door, from TCP to the last request. A TLS socket is known again by the address and port of
 * its peer, which no other open connection can have.
 */
export class Connections {
  readonly #all = new Set<Socket>()
  /** Not through with TLS yet; with their source once it is known. */
  readonly #young = new Map<string, { readonly socket: Socket; readonly source?: Source }>()
  /** Through with TLS. */
  readonly #secured = new Set<Connection>()

  get size(): number {
    return this.#all.size
  }
  accepted(socket: Socket): void {
    const peer = peerOf(socket)
    this.#all.add(socket)
    this.#young.set(peer, { socket })
    socket.once('close', () => {
      this.#all.delete(socket)
      if (this.#young.get(peer)?.socket === socket) this.#young.delete(peer)
    })
  }
  sourceKnown(socket: Socket, source: Source): void {
    this.#young.set(peerOf(socket), { socket, source })
  }
  /** TLS is there. A connection whose source nobody told ends here. */
  secured(socket: TLSSocket, door: DoorSide): void {
    const peer = peerOf(socket)
    const source = this.#young.get(peer)?.source
    this.#young.delete(peer)
    if (source === undefined || socket.destroyed) socket.destroy()
    else this.#secured.add(connectionOver(socket, source, door))
  }
  closed(connection: Connection): void {
    this.#secured.delete(connection)
  }
  sweep(): void {
    for (const connection of this.#secured) connection.sweep()
  }

  /**
   * Ends what is idle or in a handshake soon, and all when the time is up. Whoever asks until then is answered, and told
   * that the connection ends: to end it in silence would lose a request that is on its way.
   */
  async drain(): Promise<void> {
    const started = performance.now()
    while (this.#all.size > 0 && performance.now() < started + DRAIN_MS_MAX) {
      const now = performance.now()
      for (const connection of this.#secured) {
        connection.drain()
        if (now > started + DRAIN_IDLE_MS && connection.idle) connection.end()
      }
      if (now > started + DRAIN_HANDSHAKE_MS)
        for (const { socket } of this.#young.values()) socket.destroy()
      await new Promise((resolve) => setTimeout(resolve, DRAIN_TICK_MS))
    }
    this.destroy()
  }
  destroy(): void {
    for (const connection of this.#secured) connection.destroy()
    for (const socket of this.#all) socket.destroy()
  }
}

/** What the client has agreed on in TLS (RFC 7301); without a word HTTP/1.1. */
function connectionOver(socket: TLSSocket, source: Source, door: DoorSide): Connection {
  const facts = new TlsFacts(socket, source)
  return socket.alpnProtocol === 'h2'
    ? new H2Connection(socket, facts, door)
    : new H1Connection(socket, facts, door)
}

const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
