import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Portions } from '@countersign/ground/time'
import {
  HANDSHAKE_TIMEOUT_MS,
  SWEEP_PAUSE_MS,
  DRAIN_HANDSHAKE_MS,
  DRAIN_IDLE_MS,
  DRAIN_MS_MAX,
  DRAIN_TICK_MS,
} from '../limits.ts'
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

/** A connection that is not through with TLS. */
interface Young {
  readonly socket: Socket
  /** Once it is known. */
  readonly source?: Source
  /** When it came, by the clock of the door. */
  readonly since: number
  begun: boolean
}

/**
 * The open connections of the door, from TCP to the last request. A TLS socket is known again by the address and port of
 * its peer, which no other open connection can have.
 */
export class Connections {
  readonly #all = new Set<Socket>()
  /** Not through with TLS yet. */
  readonly #young = new Map<string, Young>()
  readonly #failed: (young: Required<Young>) => void
  /** Through with TLS. */
  readonly #secured = new Set<Connection>()
  /** Those that are still to be looked at in this sweep: who cuts off a thousand at once holds up all others. */
  readonly #swept = new Portions<Pick<Connection, 'sweep'>>((each) => each.sweep(), {
    later: (run) => void setTimeout(run, SWEEP_PAUSE_MS),
  })
  #sweeping: Promise<void> | undefined

  /** `failed` is told of each connection whose source is known and that ends before TLS is there. */
  constructor(failed: (young: Required<Young>) => void) {
    this.#failed = failed
  }
  get size(): number {
    return this.#all.size
  }
  /** `now`: of the door's clock. */
  accepted(socket: Socket, now: number): void {
    const peer = peerOf(socket)
    this.#all.add(socket)
    this.#young.set(peer, { socket, since: now, begun: false })
    socket.once('close', () => {
      this.#all.delete(socket)
      const young = this.#young.get(peer)
      if (young?.socket !== socket) return
      this.#young.delete(peer)
      const { source } = young
      if (source !== undefined) this.#failed({ ...young, source })
    })
  }
  sourceKnown(socket: Socket, source: Source): void {
    const peer = peerOf(socket)
    const young = this.#young.get(peer)
    if (young !== undefined) this.#young.set(peer, { ...young, source })
  }
  /** The client has sent something, and its handshake begins. */
  begun(socket: Socket): void {
    const young = this.#young.get(peerOf(socket))
    if (young !== undefined) young.begun = true
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
  /** Looks at all of them, in portions. Resolves when it is through; until then no other sweep begins. */
  sweep(now: number): Promise<void> {
    this.#sweeping ??= new Promise<void>((resolve) => {
      // Node tells of a handshake that takes too long, and leaves the connection open.
      for (const { socket, since } of this.#young.values())
        if (now - since >= HANDSHAKE_TIMEOUT_MS)
          this.#swept.add({ sweep: () => void socket.destroy() })
      for (const connection of this.#secured) this.#swept.add(connection)
      this.#swept.add({ sweep: resolve })
    }).then(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
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
