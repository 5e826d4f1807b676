import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { addressKey, type Refusal, refuseBytes } from '@countersign/layers'

/** How much and how slow a door lets its clients be. Every one of them is a bound that holds always. */
export interface HttpsBounds {
  readonly headerBytesMax: number
  readonly headersMax: number
  readonly handshakeMsMax: number
  readonly headersMsMax: number
  /** The whole request, body and all. */
  readonly requestMsMax: number
  /** How long a connection may be idle between two requests. */
  readonly keepAliveMsMax: number
  /** A connection that neither takes nor gives a byte for so long is ended. */
  readonly stallMsMax: number
  readonly requestsPerConnectionMax: number
  /** Requests of one connection that are not answered yet. */
  readonly pipelinedMax: number
  readonly connectionsMax: number
  /** Of one address, or one /64 of IPv6. */
  readonly connectionsPerAddressMax: number
  readonly drainMsMax: number
}

/** What the door shows: chain and key in PEM. */
export interface HttpsSecrets {
  readonly cert: string
  readonly key: string
}

export interface BoundedHttpsOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly secrets: HttpsSecrets
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly bounds: HttpsBounds
  onRequest(request: IncomingMessage, response: ServerResponse): void
  /** A connection was closed at once, as its address has too many. */
  onCrowded?(): void
  /**
   * Bytes that are no HTTP were refused. Where nobody listens the connection ends without a word; otherwise the
   * client gets the problem.
   */
  onRefusedBytes?(refusal: Refusal): void
}

export interface BoundedHttps {
  readonly port: number
  /** New connections show the new certificate; those that are open stay. */
  setSecrets(secrets: HttpsSecrets): void
  /** Takes no new connection, finishes what is in flight, and ends what is left after `drainMsMax`. */
  close(): Promise<void>
}

/** What TLS 1.2 has to offer that is still good; our keys are of ECDSA. All of it has forward secrecy. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
].join(':')

/**
 * A listener for clients that have no certificate to show: TLS with modern suites, strict HTTP/1.1, and a bound on
 * every size, count and wait. What is asked is the business of `onRequest`. Rejects where it cannot listen.
 */
export async function openBoundedHttps(options: BoundedHttpsOptions): Promise<BoundedHttps> {
  const { bounds, listen } = options
  const server = createServer({
    ...secure(options, options.secrets),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: bounds.handshakeMsMax,
    maxHeaderSize: bounds.headerBytesMax,
    headersTimeout: bounds.headersMsMax,
    requestTimeout: bounds.requestMsMax,
    keepAliveTimeout: bounds.keepAliveMsMax,
    connectionsCheckingInterval: 1_000,
    insecureHTTPParser: false,
    requireHostHeader: true,
  })
  server.maxConnections = bounds.connectionsMax
  server.maxHeadersCount = bounds.headersMax
  server.maxRequestsPerSocket = bounds.requestsPerConnectionMax
  server.timeout = bounds.stallMsMax
  boundAddresses(server, options)
  serve(server, options)
  server.listen(listen)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    setSecrets: (secrets) => server.setSecureContext(secure(options, secrets)),
    close: () => close(server, bounds.drainMsMax),
  }
}

function secure({ minVersion }: BoundedHttpsOptions, { cert, key }: HttpsSecrets) {
  return {
    ...{ cert, key, minVersion, ciphers: CIPHERS, honorCipherOrder: true },
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  }
}

/** Counts from the first packet on: a handshake costs more than a request. */
function boundAddresses(server: Server, { bounds, onCrowded }: BoundedHttpsOptions): void {
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const key = addressKey(socket.remoteAddress ?? '')
    const count = open.get(key) ?? 0
    if (count >= bounds.connectionsPerAddressMax) {
      onCrowded?.()
      socket.destroy()
      return
    }
    open.set(key, count + 1)
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1
      if (left > 0) open.set(key, left)
      else open.delete(key)
    })
  })
}

function serve(server: Server, options: BoundedHttpsOptions): void {
  const { bounds, onRequest, onRefusedBytes } = options
  const owed = new WeakMap<Duplex, Set<ServerResponse>>()
  server.on('tlsClientError', (_, socket) => socket.destroy())
  // The last answer of a connection says that it is the last; whoever goes on gets no other.
  server.on('dropRequest', (_, socket) => socket.destroy())
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (onRefusedBytes === undefined) socket.destroy()
    // An answer that is owed to an earlier request must not be mistaken for this one.
    else
      refuseBytes(
        socket,
        { code: error.code, mayAnswer: (owed.get(socket)?.size ?? 0) === 0 },
        onRefusedBytes,
      )
  })
  server.on('request', (request, response) => {
    const { socket } = request
    const answers = owed.get(socket) ?? new Set()
    // The parser goes on with what it has read, also for a connection that has ended.
    if (socket.destroyed || answers.size >= bounds.pipelinedMax) {
      socket.destroy()
      return
    }
    owed.set(socket, answers.add(response))
    response.once('close', () => answers.delete(response))
    onRequest(request, response)
  })
}

/** What is left of a body that nobody read: a little is swallowed so that the answer arrives, more is cut off. */
export function discardRest(request: IncomingMessage, bytesMax: number): void {
  if (request.complete || request.destroyed) return
  let left = bytesMax
  request.on('error', () => undefined)
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
}

async function close(server: Server, drainMsMax: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), drainMsMax).unref()
  await closed
  clearTimeout(timer)
}
