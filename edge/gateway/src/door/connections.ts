import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionFacts } from '../exchange.ts'
import { DRAIN_HANDSHAKE_MS, DRAIN_MS_MAX, DRAIN_TICK_MS, PIPELINED_MAX } from '../limits.ts'

/** Who connected, as the balancer or the socket tells. */
export interface Source {
  readonly address: string
  /** The port of the public door. */
  readonly port: number
  readonly uniqueId?: string
}

interface Secured {
  readonly socket: TLSSocket
  readonly facts: ConnectionFacts
  /** Answers that are owed, in the order of their requests. */
  readonly owed: Set<ServerResponse>
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
  readonly #secured = new Map<object, Secured>()

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
    const owed = new Set<ServerResponse>()
    this.#secured.set(socket, { socket, facts, owed })
    socket.once('close', () => this.#secured.delete(socket))
  }
  factsOf(socket: object): ConnectionFacts | undefined {
    return this.#secured.get(socket)?.facts
  }
  /** A request is under way on `socket` until its answer closes; false where too many are already. */
  begin(socket: object, answer: ServerResponse): boolean {
    const owed = this.#secured.get(socket)?.owed
    if (owed === undefined || owed.size >= PIPELINED_MAX) return false
    owed.add(answer)
    answer.once('close', () => owed.delete(answer))
    return true
  }
  /**
   * Whether the door may answer bytes that are no request: not where an answer to an earlier request is owed, for
   * which it would be taken. Where the body of the only request is broken, it is the answer to that.
   */
  mayAnswer(socket: object): boolean {
    const owed = this.#secured.get(socket)?.owed
    if (owed === undefined || owed.size === 0) return true
    const [first] = owed
    return owed.size === 1 && first?.headersSent === false && !first.req.complete
  }

  /** Ends what is idle at once, what is in a handshake soon, and all when the time is up. */
  async drain(): Promise<void> {
    const started = performance.now()
    while (this.#all.size > 0 && performance.now() < started + DRAIN_MS_MAX) {
      for (const { socket, owed } of this.#secured.values()) if (owed.size === 0) socket.end()
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
