import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Issued, Join } from '@countersign/contract/platform'
import { Refusal, renderProblem } from '@countersign/layers'
import type { Identity } from '@countersign/service'
import { type Buckets, takeFor } from '../domain/address-rate.ts'
import type { Asker, Events } from '../events.ts'
import {
  JOIN_BODY_BYTES_MAX,
  JOIN_CONNECTIONS_MAX,
  JOIN_DRAIN_MS_MAX,
  JOIN_HANDSHAKE_MS_MAX,
  JOIN_HEADER_BYTES_MAX,
  JOIN_HEADERS_MAX,
  JOIN_HEADERS_MS_MAX,
  JOIN_IN_FLIGHT_MAX,
  JOIN_REQUEST_MS_MAX,
} from '../limits.ts'
import { readJoin } from './read-join.ts'

export interface JoinDoorOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly identity: Identity
  readonly events: Events
  redeem(join: Join, asker: Omit<Asker, 'workload'>): Promise<Issued>
}
export interface JoinDoor {
  readonly port: number
  /** Takes no new connection, finishes what is in flight. */
  close(): Promise<void>
}

/**
 * The one door without a client certificate: whoever comes here has none yet, only a token. TLS 1.3, proven by the
 * authority's live certificate; one request a connection; every size, count and wait is bounded.
 */
export async function openJoinDoor(options: JoinDoorOptions): Promise<JoinDoor> {
  const { identity, listen } = options
  const server = createServer({
    ...secrets(identity),
    handshakeTimeout: JOIN_HANDSHAKE_MS_MAX,
    maxHeaderSize: JOIN_HEADER_BYTES_MAX,
    headersTimeout: JOIN_HEADERS_MS_MAX,
    requestTimeout: JOIN_REQUEST_MS_MAX,
    connectionsCheckingInterval: 1_000,
    insecureHTTPParser: false,
  })
  server.maxConnections = JOIN_CONNECTIONS_MAX
  server.maxHeadersCount = JOIN_HEADERS_MAX
  server.on('tlsClientError', (_, socket) => socket.destroy())
  server.on('clientError', (_, socket) => socket.destroy())
  server.on('request', handler(options))
  const forget = identity.onChange(() => server.setSecureContext(secrets(identity)))
  server.listen(listen.port, listen.host)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, close: () => close(server, forget) }
}

function secrets(identity: Identity) {
  const { chain, key } = identity.current()
  return { cert: chain, key, minVersion: 'TLSv1.3' } as const
}

function handler({ events, redeem }: JoinDoorOptions) {
  const admit = admission()
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asker = { requestId: randomUUID(), address: request.socket.remoteAddress }
    try {
      const join = await admit(request, asker.address ?? '').catch((error: unknown) => {
        // Counted only: such requests come in floods, and mean nothing one by one.
        events.shed(error instanceof Refusal ? error.code : 'REQUEST_INVALID')
        throw error
      })
      const body = JSON.stringify(await redeem(join, asker).finally(admit.leave))
      answer(response, asker.requestId, { status: 201, headers: JSON_TYPE, body })
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error })
      answer(response, asker.requestId, renderProblem(refusal, asker.requestId))
    } finally {
      discard(request)
    }
  }
}

const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store' }

/** Who may come in. Cheapest first: nothing is read of what will be dropped. */
function admission() {
  const buckets: Buckets = new Map()
  let inFlight = 0
  const leave = (): void => {
    inFlight -= 1
  }
  const enter = async (request: IncomingMessage, address: string): Promise<Join> => {
    if (!(inFlight < JOIN_IN_FLIGHT_MAX)) throw new Refusal('OVERLOADED', retryAfter(1))
    if (!takeFor(buckets, address, Date.now())) throw new Refusal('RATE_LIMITED', retryAfter(1))
    inFlight += 1
    try {
      return await readJoin(request)
    } catch (error) {
      leave()
      throw error
    }
  }
  return Object.assign(enter, { leave })
}

function retryAfter(seconds: number) {
  return { headers: { 'retry-after': String(seconds) } }
}

function answer(
  response: ServerResponse,
  requestId: string,
  reply: { status: number; headers: Record<string, string>; body: string },
): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(reply.status, {
    ...reply.headers,
    'content-length': Buffer.byteLength(reply.body),
    'x-request-id': requestId,
    connection: 'close',
  })
  response.end(reply.body)
}

/** What is left of a body that nobody read: a little is swallowed so that the answer arrives, more is cut off. */
function discard(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return
  let left = JOIN_BODY_BYTES_MAX
  request.on('error', () => undefined)
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
}

async function close(server: Server, forget: () => void): Promise<void> {
  forget()
  const closed = new Promise((resolve) => server.close(resolve))
  const timer = setTimeout(() => server.closeAllConnections(), JOIN_DRAIN_MS_MAX).unref()
  await closed
  clearTimeout(timer)
}
