import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttps, type Server as HttpsServer } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import { CodedError } from '@countersign/ground/errors'
import { plainAddress } from '@countersign/ground/http1'
import { answerRaw, Refusal, refuseBytes } from '@countersign/layers'
import type { Events } from '../events.ts'
import type { ConnectionFacts } from '../exchange.ts'
import {
  BACKLOG,
  CONNECTIONS_CHECK_MS,
  CONNECTIONS_MAX,
  HANDSHAKE_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
} from '../limits.ts'
import { Connections, type Source } from './connections.ts'
import type { PublicCertificate } from './public-certificate.ts'
import { readProxyHeader } from './read-proxy-header.ts'

/*
 * A connection, in order:
 * 1. TCP, within the bound on connections
 * 2. where it is required: a PROXY header from a trusted peer, which tells the real source
 * 3. the raw socket goes to the TLS server, which takes over its handle: no byte passes through JavaScript twice
 * 4. TLS 1.2 or 1.3 with modern suites, ALPN http/1.1; then Node's HTTP parser in its strict mode
 */
const TLS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  ALPNProtocols: ['http/1.1'],
} as const

interface DoorRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: ConnectionFacts
  readonly expectsContinue: boolean
}
export interface DoorOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Peers whose PROXY header is required and believed; `undefined`: clients connect directly. */
  readonly proxyPeers: ReadonlySet<string> | undefined
  readonly certificate: PublicCertificate
  readonly events: Events
  readonly onRequest: (asked: DoorRequest) => void
}

/** The listener that the world reaches through the balancer. */
export class PublicDoor {
  readonly #options: DoorOptions
  readonly #tcp: Server
  readonly #https: HttpsServer
  readonly #connections = new Connections()
  draining = false

  constructor(options: DoorOptions) {
    this.#options = options
    this.#tcp = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket))
    const { cert, key } = options.certificate
    this.#https = createHttps({
      ...TLS,
      cert,
      key,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      insecureHTTPParser: false,
      requireHostHeader: false,
    })
    this.#https.maxHeadersCount = 0
    this.#listenToRequests()
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
    // The HTTPS server has no port of its own: this starts its watch over slow connections.
    this.#https.emit('listening')
    const address = this.#tcp.address()
    return { host, port: typeof address === 'object' && address !== null ? address.port : port }
  }

  /** New connections show the new certificate; those that are open stay. */
  setCertificate({ cert, key }: PublicCertificate): void {
    this.#https.setSecureContext({ ...TLS, cert, key })
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
    this.#tcp.close()
    this.#connections.destroy()
    this.#https.close()
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    if (this.draining || this.#connections.size >= CONNECTIONS_MAX) {
      this.#options.events.refusedConnection('connections')
      socket.resetAndDestroy()
      return
    }
    this.#connections.accepted(socket)
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
    this.#https.emit('connection', socket)
  }
  #refuseHeader(socket: Socket): void {
    this.#options.events.refusedConnection('proxy_header')
    socket.destroy()
  }

  #listenToRequests(): void {
    const { events } = this.#options
    this.#https.on('secureConnection', (socket) => this.#connections.secured(socket))
    this.#https.on('tlsClientError', () => events.refusedConnection('handshake'))
    this.#https.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const address = this.#connections.factsOf(socket)?.address ?? ''
      const mayAnswer = this.#connections.mayAnswer(socket)
      refuseBytes(socket, { code: error.code, mayAnswer }, (refusal, requestId) =>
        events.refusedBytes({ requestId, address, refusal }),
      )
    })
    this.#https.on('request', (request, response) => this.#serve(request, response, false))
    this.#https.on('checkContinue', (request, response) => this.#serve(request, response, true))
    // Other expectations are refused by the stack, like everything else that is no request for us.
    this.#https.on('checkExpectation', (request, response) => this.#serve(request, response, false))
    this.#https.on('connect', (_request, socket) => {
      const address = this.#connections.factsOf(socket)?.address ?? ''
      const rule = 'request: CONNECT opens no tunnel here'
      const refusal = new Refusal('METHOD_NOT_ALLOWED', { rule, headers: { allow: 'GET, POST' } })
      const requestId = randomUUID()
      events.refusedBytes({ requestId, address, refusal })
      answerRaw(socket, refusal, requestId)
    })
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { socket } = request
    const connection = this.#connections.factsOf(socket)
    // The parser goes on with what it has read, also for a connection that has ended.
    if (connection === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    if (!this.#connections.begin(socket, response)) {
      this.#options.events.refusedConnection('pipeline')
      socket.destroy()
      return
    }
    this.#options.onRequest({ request, response, connection, expectsContinue })
  }
}
