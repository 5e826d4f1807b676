import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionFacts } from '../exchange.ts'
import { DRAIN_HANDSHAKE_MS, DRAIN_MS_MAX, DRAIN_TICK_MS } from '../limits.ts'

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
  /** Through with TLS; with the requests under way on each. */
  readonly #secured = new Map<object, { socket: TLSSocket; busy: number; facts: ConnectionFacts }>()

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
  secured(socket: TLSSocket): void {
    const peer = peerOf(socket)
    const source = this.#young.get(peer)?.source
    this.#young.delete(peer)
    if (source === undefined) {
      socket.destroy()
      return
    }
    const facts: ConnectionFacts = {
      address: source.address,
      doorPort: source.port,
      uniqueId: source.uniqueId,
      tlsVersion: socket.getProtocol() ?? 'unknown',
      tlsCipher: socket.getCipher().standardName,
    }
    this.#secured.set(socket, { socket, busy: 0, facts })
    socket.once('close', () => this.#secured.delete(socket))
  }
  factsOf(socket: object): ConnectionFacts | undefined {
    return this.#secured.get(socket)?.facts
  }
  /** A request is under way on `socket` until `over` closes. */
  begin(socket: object, over: { once(event: 'close', listener: () => void): unknown }): void {
    const found = this.#secured.get(socket)
    if (found === undefined) return
    found.busy++
    over.once('close', () => found.busy--)
  }

  /** Ends what is idle at once, what is in a handshake soon, and all when the time is up. */
  async drain(): Promise<void> {
    const started = performance.now()
    while (this.#all.size > 0 && performance.now() < started + DRAIN_MS_MAX) {
      for (const { socket, busy } of this.#secured.values()) if (busy === 0) socket.end()
      if (performance.now() > started + DRAIN_HANDSHAKE_MS)
        for (const { socket } of this.#young.values()) socket.destroy()
      await new Promise((resolve) => setTimeout(resolve, DRAIN_TICK_MS))
    }
    this.destroy()
  }
  destroy(): void {
    for (const { socket } of this.#secured.values()) socket.destroy()
    for (const socket of this.#all) socket.destroy()
  }
}

const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
