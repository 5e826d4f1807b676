import { ConfigError } from '@countersign/ground/config'
import { nodeHttp } from '@countersign/ground/http1'
import { KongError } from '@countersign/kong'
import { Refusal, REFUSALS } from '@countersign/layers'
import type { Log } from '@countersign/ground/telemetry'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AdminError } from '../errors.ts'
import type { Events } from '../events.ts'
import {
  ADMIN_BODY_BYTES_MAX,
  ADMIN_CONNECTIONS_MAX,
  ADMIN_HEAD_BYTES_MAX,
  ADMIN_HEAD_MS_MAX,
  ADMIN_REQUEST_MS_MAX,
  ADMIN_URL_CHARS_MAX,
  CONFIG_BODY_BYTES_MAX,
} from '../limits.ts'
import type { Guard } from './authenticate.ts'
import type { Answer, Asked } from './exchange.ts'
import { readBody } from './read-body.ts'

export interface AdminServer {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}
interface Parts {
  readonly listen: { readonly host: string; readonly port: number }
  readonly guard: Guard
  readonly events: Events
  readonly log: Log
  /** Answers what has passed the door. Throws `KongError`, `AdminError` or `Refusal`. */
  readonly answer: (asked: Asked) => Answer | Promise<Answer>
}

/**
 * The Admin API's door on loopback: plain HTTP, as Kong's is. A request is admitted, its path is read, it is answered; what
 * is thrown on the way becomes an answer here and nowhere else. Throws `ConfigError` where the port is taken.
 */
export async function openAdminServer(parts: Parts): Promise<AdminServer> {
  const server = nodeHttp.createServer(
    {
      maxHeaderSize: ADMIN_HEAD_BYTES_MAX,
      headersTimeout: ADMIN_HEAD_MS_MAX,
      requestTimeout: ADMIN_REQUEST_MS_MAX,
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    (incoming, outgoing) => void handle(parts, incoming, outgoing),
  )
  server.maxConnections = ADMIN_CONNECTIONS_MAX
  await listen(server, parts.listen)
  const { address, port } = server.address() as AddressInfo
  return {
    host: address,
    port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const force = setTimeout(() => server.closeAllConnections(), 2_000)
      await closed
      clearTimeout(force)
      await parts.guard.close()
    },
  }
}

function listen(server: Server, { host, port }: Parts['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${port} is taken by another program; set adminPort in countersign.yaml to another one`
          : `cannot listen on ${host}:${port} (${error.code})`
      reject(new ConfigError([`CONTROL_ADMIN_LISTEN: ${why}`]))
    })
    server.listen(port, host, resolve)
  })
}

async function handle(
  parts: Parts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const startedAt = performance.now()
  const requestId = randomUUID()
  const method = incoming.method ?? ''
  let answer: Answer
  try {
    const actor = await parts.guard.admit(incoming)
    const { segments, query } = readTarget(incoming.url ?? '')
    const bytesMax = segments[0] === 'config' ? CONFIG_BODY_BYTES_MAX : ADMIN_BODY_BYTES_MAX
    const body = (): ReturnType<typeof readBody> => readBody(incoming, bytesMax)
    answer = await parts.answer({ method, segments, query, actor, requestId, body, incoming })
  } catch (error) {
    answer = answerTo(error, parts, {
      requestId,
      what: `${method} ${(incoming.url ?? '').split('?')[0]?.slice(0, 200)}`,
    })
  }
  const ms = performance.now() - startedAt
  send(outgoing, answer, { ms, requestId, head: method === 'HEAD' })
  parts.events.answered(KNOWN.has(method) ? method : 'other', answer.status, ms / 1_000)
}

const TURNED_AWAY: ReadonlySet<number> = new Set([401, 403, 421, 429])
const KNOWN: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])

function readTarget(url: string): { segments: string[]; query: URLSearchParams } {
  if (url.length > ADMIN_URL_CHARS_MAX) throw new AdminError(414, 'URI too long')
  const [path = '', query = ''] = url.split('?', 2)
  try {
    const segments = path
      .split('/')
      .filter((each) => each !== '')
      .map(decodeURIComponent)
    return { segments, query: new URLSearchParams(query) }
  } catch {
    throw new AdminError(400, 'The path is not properly percent-encoded')
  }
}

function answerTo(
  error: unknown,
  { events, log }: Parts,
  at: { requestId: string; what: string },
): Answer {
  if (error instanceof KongError) return { status: error.status, body: error.body }
  if (error instanceof AdminError) {
    const { status, message, headers, rule } = error
    if (TURNED_AWAY.has(status)) events.turnedAway(at, rule)
    return { status, body: { message }, headers }
  }
  if (error instanceof Refusal) {
    const { status, headers = {} } = error.facts
    const message = REFUSALS[error.code].title
    return { status: status ?? error.status, body: { message, code: error.code }, headers }
  }
  log.error({ err: error, ...at }, 'the Admin API failed')
  const failed = new KongError(8, 'An unexpected error occurred')
  return { status: 500, body: failed.body }
}

function send(
  outgoing: ServerResponse,
  { status, body, headers }: Answer,
  { ms, requestId, head }: { ms: number; requestId: string; head: boolean },
): void {
  const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  outgoing.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    ...(status === 204 ? {} : { 'Content-Length': String(text?.length ?? 0) }),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Kong-Admin-Latency': String(Math.round(ms)),
    'X-Kong-Admin-Request-ID': requestId.replaceAll('-', ''),
    Server: 'countersign',
    ...headers,
  })
  outgoing.end(head ? undefined : text)
}
