import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { createServer as createListener, type Server as Listener, type Socket } from 'node:net'
import type { Issued, Join } from '@countersign/contract/platform'
import { Refusal, renderProblem } from '@countersign/layers'
import type { Identity } from '@countersign/service'
import type { Asker, Events } from '../events.ts'
import {
  JOIN_BACKLOG,
  JOIN_BODY_BYTES_MAX,
  JOIN_DRAIN_MS_MAX,
  JOIN_HANDSHAKE_MS_MAX,
  JOIN_HEADER_BYTES_MAX,
  JOIN_HEADERS_MAX,
} from '../limits.ts'
import { discardRest } from '../outside/bounded-https.ts'
import { Admission } from './admission.ts'
import { ConnectionGate } from './connection-gate.ts'
import type { Ticket } from './recognise.ts'

export interface JoinDoorOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly identity: Pick<Identity, 'current' | 'onChange'>
  readonly events: Events
  /** Milliseconds, for rates; the machine's clock unless a test has its own. */
  readonly now?: () => number
  /** Whose token it is. Throws for one that nobody may join with. */
  recognise(join: Join): Promise<Ticket>
  /** Throws `Refusal`, of which there is an event already. */
  redeem(
    ticket: Ticket,
    wanted: { readonly csr: string; readonly asker: Omit<Asker, 'workload'> },
  ): Promise<Issued>
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
  const { identity, listen, events } = options
  const server = createHttps(options)
  const admit = (socket: Socket): void => void server.emit('connection', socket)
  const gate = new ConnectionGate({ admit, onShed: () => events.shed('CONNECTIONS') })
  const listener = createListener({ pauseOnConnect: true, noDelay: true }, (raw) => gate.take(raw))
  const forget = identity.onChange(() => server.setSecureContext(secrets(identity)))
  listener.listen({ ...listen, backlog: JOIN_BACKLOG })
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, close: () => close({ listener, gate, forget }) }
}

/** Speaks TLS and HTTP on connections that it is given. It listens nowhere; the gate sees to every time limit but one. */
function createHttps(options: JoinDoorOptions): Server {
  const server = createServer({
    ...secrets(options.identity),
    handshakeTimeout: JOIN_HANDSHAKE_MS_MAX,
    maxHeaderSize: JOIN_HEADER_BYTES_MAX,
    insecureHTTPParser: false,
  })
  server.maxHeadersCount = JOIN_HEADERS_MAX
  server.on('tlsClientError', (_, socket) => socket.destroy())
  server.on('clientError', (_, socket) => socket.destroy())
  server.on('request', handler(options))
  return server
}

function secrets(identity: Pick<Identity, 'current'>) {
  const { chain, key } = identity.current()
  return { cert: chain, key, minVersion: 'TLSv1.3' } as const
}

function handler(options: JoinDoorOptions) {
  const admission = new Admission(options)
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asker = { requestId: randomUUID(), address: request.socket.remoteAddress }
    try {
      const { ticket, csr } = await admission.enter(request, asker)
      const body = JSON.stringify(await options.redeem(ticket, { csr, asker }))
      answer(response, asker.requestId, { status: 201, headers: JSON_TYPE, body })
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error })
      answer(response, asker.requestId, renderProblem(refusal, asker.requestId))
    } finally {
      discardRest(request, JOIN_BODY_BYTES_MAX)
    }
  }
}

const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store' }

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

async function close(door: {
  readonly listener: Listener
  readonly gate: ConnectionGate
  readonly forget: () => void
}): Promise<void> {
  door.forget()
  const closed = new Promise((resolve) => door.listener.close(resolve))
  door.gate.close()
  const timer = setTimeout(() => door.gate.cutOff(), JOIN_DRAIN_MS_MAX).unref()
  await closed
  clearTimeout(timer)
}
