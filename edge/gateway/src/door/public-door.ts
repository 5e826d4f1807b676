import { randomUUID } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { SecureContext, Server as TlsServer } from 'node:tls'
import { CodedError } from '@countersign/ground/errors'
import { plainAddress } from '@countersign/ground/http1'
import type { Events } from '../events.ts'
import type { ConnectionFacts } from '../exchange.ts'
import { BACKLOG, CONNECTIONS_CHECK_MS, CONNECTIONS_MAX } from '../limits.ts'
import type { Incoming, Reply } from './asked.ts'
import { askingOptionsOf, createAskingTlsServer } from './asking-tls-server.ts'
import { type Broken, refusalOf } from './broken-bytes.ts'
import { awakeTime } from './awake-time.ts'
import { CoarseClock } from './coarse-clock.ts'
import { Connections, type Source } from './connections.ts'
import type { Connection, DoorSide } from './connection.ts'
import { Handshakes } from './handshakes.ts'
import { readProxyHeader } from './read-proxy-header.ts'
import { ownTicketKeys, TICKET_KEY_LIFE_MS } from './ticket-keys.ts'
import { createTlsServer, type DoorCertificate, optionsOf } from './tls-server.ts'

/*
 * A connection, in order:
 * 1. TCP, within the bound on connections
 * 2. where it is required: a PROXY header from a trusted peer, which tells the real source
 * 3. the raw socket goes to the TLS server, which takes over its handle: no byte passes through JavaScript twice
 * 4. TLS 1.2 or 1.3 with modern suites, ALPN h2 or http/1.1, a certificate asked of the client only where a route wants one
 * 5. requests and answers (h1-connection.ts, h2-connection.ts); one sweep a second ends what is too slow
 */
export interface DoorOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Peers whose PROXY header is required and believed; `undefined`: clients connect directly. */
  readonly proxyPeers: ReadonlySet<string> | undefined
  readonly certificate: DoorCertificate
  readonly events: Pick<Events, 'refusedConnection' | 'refusedBytes'>
  readonly onRequest: (request: Incoming, reply: Reply, connection: ConnectionFacts) => void
  /** Operators' certificates, by the name that a client sends (lower case); `undefined`: the door's own. */
  readonly certificateFor?: (sni: string) => SecureContext | undefined
  /** Whether new connections are asked for a certificate: some route wants to see one. */
  readonly asksClientCertificates?: () => boolean
  /** Keys of session tickets for the hour of `now`; each process has its own where there are none. */
  readonly ticketKeys?: ((now: number) => Buffer) | undefined
  /** Milliseconds since some moment, by which connections are too slow; those of this process where there is none. */
  readonly time?: () => number
}

/** The listener that the world reaches through the balancer. */
export class PublicDoor implements DoorSide {
  readonly clock: CoarseClock
  readonly #options: DoorOptions
  readonly #tcp: Server
  readonly #tls: TlsServer
  readonly #asking: TlsServer
  readonly #connections: Connections
  readonly #handshakes: Handshakes
  #sweeping: NodeJS.Timeout | undefined
  #ticketHour = -1
  draining = false

  constructor(options: DoorOptions) {
    this.#options = options
    this.clock = new CoarseClock(
      options.time ?? awakeTime(CONNECTIONS_CHECK_MS, () => performance.now()),
    )
    this.#tcp = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket))
    const hooks = {
      certificateFor: options.certificateFor,
      secured: (socket: Parameters<Connections['secured']>[0]) =>
        this.#connections.secured(socket, this),
    }
    this.#connections = new Connections(({ source, begun }) => {
      // Who said nothing has done nothing, and whom we cut off as we end, neither.
      const isFault = begun && !this.draining
      options.events.refusedConnection('handshake', isFault ? source.address : undefined)
    })
    this.#handshakes = new Handshakes((socket) => this.#connections.begun(socket))
    this.#tls = createTlsServer(options.certificate, hooks)
    this.#asking = createAskingTlsServer(options.certificate, hooks)
    this.#renewTicketKeys()
  }

  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options.listen
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once('error', (error: NodeJS.ErrnoException) => {
        const text = `the gateway cannot listen at ${host}:${port} (${error.code})`
        reject(new CodedError('LISTEN_FAILED', text, { cause: error }))
      })
      this.#tcp.listen({ host, port, backlog: BACKLOG }, resolve)
    })
    this.#sweeping = setInterval(() => void this.sweep(), CONNECTIONS_CHECK_MS).unref()
    const address = this.#tcp.address()
    return { host, port: typeof address === 'object' && address !== null ? address.port : port }
  }

  /** New connections show the new certificate; those that are open stay. */
  setCertificate(certificate: DoorCertificate): void {
    this.#tls.setSecureContext(optionsOf(certificate))
    this.#asking.setSecureContext(askingOptionsOf(certificate))
    this.#ticketHour = -1
    this.#renewTicketKeys()
  }

  /** Once a second: whoever is too slow is cut off, and what has to be new is made new. */
  sweep(): Promise<void> {
    this.clock.tick()
    this.#renewTicketKeys()
    return this.#connections.sweep(this.clock.now)
  }

  /** Stops accepting, lets what is under way finish within `DRAIN_MS_MAX`, then ends what is left. */
  async drain(): Promise<void> {
    this.draining = true
    this.#tcp.close()
    await this.#connections.drain()
    this.close()
  }
  close(): void {
    this.draining = true
    clearInterval(this.#sweeping)
    this.#tcp.close()
    this.#connections.destroy()
  }

  /* For connections. */

  serve(request: Incoming, reply: Reply, connection: ConnectionFacts): void {
    this.#options.onRequest(request, reply, connection)
  }
  overPipelined({ address }: ConnectionFacts): void {
    this.#options.events.refusedConnection('pipeline', address)
  }
  broken(broken: Broken, { address }: ConnectionFacts): string {
    const requestId = randomUUID()
    this.#options.events.refusedBytes({ requestId, address, refusal: refusalOf(broken) })
    return requestId
  }
  closed(connection: Connection): void {
    this.#connections.closed(connection)
  }

  #renewTicketKeys(): void {
    const now = Date.now()
    const hour = Math.floor(now / TICKET_KEY_LIFE_MS)
    if (hour === this.#ticketHour) return
    this.#ticketHour = hour
    this.#tls.setTicketKeys(this.#options.ticketKeys?.(now) ?? ownTicketKeys())
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    if (this.draining || this.#connections.size >= CONNECTIONS_MAX) {
      this.#options.events.refusedConnection('connections')
      socket.resetAndDestroy()
      return
    }
    this.#connections.accepted(socket, this.clock.now)
    const { proxyPeers } = this.#options
    const from = plainAddress(socket.remoteAddress ?? '')
    if (proxyPeers === undefined)
      this.#secure(socket, { address: from, port: socket.localPort ?? 0 })
    else if (proxyPeers.has(from)) void this.#acceptProxied(socket)
    else this.#refuseHeader(socket)
  }
  async #acceptProxied(socket: Socket): Promise<void> {
    const header = await readProxyHeader(socket)
    if (socket.destroyed) return
    if (header?.command === 'local') {
      // A health check: that we end our side is the answer.
      socket.end()
      socket.resume()
    } else if (header?.source === undefined || header.destination === undefined) {
      this.#refuseHeader(socket)
    } else {
      const { source, destination, uniqueId } = header
      const told = { address: plainAddress(source.address), port: destination.port }
      this.#secure(socket, uniqueId === undefined ? told : { ...told, uniqueId })
    }
  }
  #secure(socket: Socket, source: Source): void {
    this.#connections.sourceKnown(socket, source)
    const asks = this.#options.asksClientCertificates?.() === true
    const server = asks ? this.#asking : this.#tls
    this.#handshakes.add(socket, () => server.emit('connection', socket))
  }
  #refuseHeader(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '')
    this.#options.events.refusedConnection('proxy_header', address)
    socket.destroy()
  }
}
